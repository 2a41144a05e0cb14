"""Latency against the number of calls, all contenders in one picture."""

from collections.abc import Sequence
from pathlib import Path

from voicebot.bench.talk.figures import TalkSummary


def plot_latency(summary: Sequence[TalkSummary], title: str, file: Path) -> None:
    """Write a picture (by the file's ending). Contenders without any reply have no line."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6), layout="constrained")
    axes = figure.subplots()
    counts = sorted({row.calls for row in summary})
    for number, name in enumerate(dict.fromkeys(row.contender for row in summary)):
        rows = sorted((row for row in summary if row.contender == name and row.p50_s), key=lambda r: r.calls)
        if not rows:
            continue
        calls = [row.calls for row in rows]
        colour, wide = f"C{number}", 2.5 if number == 0 else 1.5
        axes.plot(calls, [row.p50_s or 0.0 for row in rows], f"{colour}o-", lw=wide, label=f"{name}, p50")
        axes.plot(
            calls, [row.p95_s or 0.0 for row in rows], f"{colour}s--", lw=wide, ms=4, label=f"{name}, p95"
        )
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.set_ylim(bottom=0)
    axes.set(xlabel="calls at once", ylabel="end of speech to audible reply, s", title=title)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2, fontsize="small")
    figure.savefig(file, dpi=120)
