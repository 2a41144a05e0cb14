"""The pictures of a report, as matplotlib figures. `wide` is for a page, otherwise for a phone."""

from datetime import datetime
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from voicebot.reports.plot_style import (
    BLUE,
    DEEP_BLUE,
    GOAL_MARK,
    GROUPS,
    INK,
    LINE,
    MUTED,
    NARROW_IN,
    POINT_SIZE,
    SMALL_SIZE,
    TRACK,
    WIDE_IN,
    blank_figure,
    quiet,
)
from voicebot.reports.report import CallDetail, CampaignReport, Quantiles
from voicebot.reports.wording import readable

P50_GOAL_MS, P95_GOAL_MS = 800.0, 1500.0
MOST_NAMED_ROWS = 60
ROW_IN = 0.235


def funnel(report: CampaignReport, *, wide: bool) -> Figure:
    """Contacts that came as far as each step; the pale track is all contacts."""
    steps = report.funnel
    figure = blank_figure(WIDE_IN / 2 if wide else NARROW_IN, 0.35 * len(steps) + 0.15)
    axes = figure.subplots()
    quiet(axes, baseline=False)
    whole = max(report.contacts, 1)
    rows = range(len(steps))
    axes.barh(rows, [whole] * len(steps), height=0.62, color=TRACK)
    colours = [BLUE] * (len(steps) - 1) + [GROUPS["goal"][1]]
    axes.barh(rows, [step.contacts for step in steps], height=0.62, color=colours)
    for row, step in enumerate(steps):
        _beside(axes, whole, row, f"{step.contacts}", fontweight="bold")
        axes.text(whole * 1.16, row, f"{step.contacts / whole:.0%}", va="center", color=MUTED)
    axes.set_yticks(rows, [step.name for step in steps])
    axes.set_xticks([])
    axes.set_xlim(0, whole * 1.3)
    axes.invert_yaxis()
    return figure


def outcomes(report: CampaignReport, *, wide: bool) -> Figure:
    """Contacts by final result, coloured by kind of result."""
    order = list(GROUPS)
    groups = report.outcome_groups
    names = sorted(report.outcomes, key=lambda n: (order.index(groups[n]), -report.outcomes[n]))
    figure = blank_figure(WIDE_IN / 2 if wide else NARROW_IN, 0.235 * max(len(names), 1) + 0.25)
    axes = figure.subplots()
    quiet(axes, baseline=False)
    if not names:
        return _nothing(figure, axes, "no contacts")
    counts = [report.outcomes[name] for name in names]
    axes.barh(range(len(names)), counts, height=0.66, color=[GROUPS[groups[name]][1] for name in names])
    for row, count in enumerate(counts):
        _beside(axes, count, row, f"{count}", fontweight="bold")
    axes.set_yticks(range(len(names)), [readable(name) for name in names])
    axes.set_xticks([])
    axes.set_xlim(0, max(counts) * 1.1)
    axes.invert_yaxis()
    return figure


def reply_latency(report: CampaignReport, *, wide: bool) -> Figure:
    """Share of replies within a time, with the goals, and where the time of the median goes."""
    figure = blank_figure(WIDE_IN if wide else NARROW_IN, 2.7 if wide else 4.7)
    left, right = figure.subplots(*((1, 2) if wide else (2, 1)), width_ratios=(1.25, 1) if wide else None)
    values = np.sort(np.asarray(report.reply_latency_values_ms))
    if not len(values):
        quiet(right, baseline=False)
        right.set_axis_off()
        return _nothing(figure, left, "no replies were measured")
    _distribution(left, values, report.reply_latency_ms)
    _waterfall(right, report)
    return figure


def timeline(report: CampaignReport, *, wide: bool) -> Figure:
    """One row per call, thin while ringing and solid while talking; above, how many at once."""
    calls = report.calls
    named = len(calls) <= MOST_NAMED_ROWS
    rows_in = len(calls) * (ROW_IN if wide else ROW_IN * 0.95) if named else 5.0
    figure = blank_figure(WIDE_IN if wide else NARROW_IN, rows_in + 1.5 + (0 if wide else 0.45))
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=(0.75, max(rows_in, 0.6)))
    if not calls:
        top.set_axis_off()
        return _nothing(figure, below, "no calls were dialled")
    start = min(_at(call.dialled_at) for call in calls)
    end = max(_end(call) for call in calls) - start
    _calls_at_once(top, calls, start)
    for row, call in enumerate(calls):
        _call_row(below, row, call, start, end if named else None)
    quiet(below)
    below.set_yticks(range(len(calls)), [call.label for call in calls] if named else [""] * len(calls))
    below.tick_params(axis="y", labelcolor=MUTED, labelsize=SMALL_SIZE)
    below.set_ylim(len(calls) - 0.4, -0.7)
    below.set_xlim(0, end * (1.13 if wide else 1.36))
    below.xaxis.set_major_formatter(FuncFormatter(_clock))
    below.xaxis.set_major_locator(MaxNLocator(8 if wide else 4, steps=[1, 1.5, 2, 3, 6, 10]))
    below.set_xlabel("minutes and seconds since the first call")
    below.grid(axis="x", color=TRACK, linewidth=0.8)
    below.set_axisbelow(True)
    present = [group for group in GROUPS if any(call.group == group for call in calls)]
    patches = [Patch(color=GROUPS[group][1], label=GROUPS[group][0]) for group in present]
    figure.legend(
        handles=patches,
        loc="outside upper left",
        ncols=len(patches) if wide else 2,
        frameon=False,
        handlelength=0.9,
        handleheight=0.9,
        columnspacing=1.4,
    )
    return figure


def _distribution(axes: Axes, values: np.ndarray, summary: Quantiles) -> None:
    quiet(axes)
    share = np.arange(1, len(values) + 1) / len(values)
    most = max(values[-1], P95_GOAL_MS) * 1.12
    steps_x, steps_y = np.concatenate([[0, values[0]], values, [most]]), np.concatenate([[0, 0], share, [1]])
    axes.fill_between(steps_x, steps_y, step="post", color=BLUE, alpha=0.12, linewidth=0)
    axes.step(steps_x, steps_y, where="post", color=BLUE, linewidth=1.8)
    axes.plot(values, np.full(len(values), -0.035), "|", color=BLUE, markersize=6, alpha=0.7, clip_on=False)
    for goal, level, measured, name in (
        (P50_GOAL_MS, 0.5, summary.p50, "p50"),
        (P95_GOAL_MS, 0.95, summary.p95, "p95"),
    ):
        assert measured is not None
        axes.plot([goal, goal], [0, level], color=GOAL_MARK, linewidth=1.0, linestyle=(0, (3, 2)))
        axes.plot([goal], [level], "D", color=GOAL_MARK, markersize=3.5)
        axes.annotate(
            f"goal {name}\n{goal:.0f} ms",
            (goal, 0.03),
            xytext=(4, 0) if name == "p50" else (-4, 0),
            textcoords="offset points",
            ha="left" if name == "p50" else "right",
            color=GOAL_MARK,
            fontsize=SMALL_SIZE,
        )
        axes.plot([measured], [level], "o", color=DEEP_BLUE, markersize=5, zorder=5)
        axes.annotate(
            f"{name} {measured:.0f} ms",
            (measured, level),
            xytext=(-7, 3),
            textcoords="offset points",
            ha="right",
            fontweight="bold",
            color=DEEP_BLUE,
        )
    axes.set_ylim(-0.07, 1.06)
    axes.set_xlim(0, most)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    axes.tick_params(axis="y", labelcolor=MUTED)
    axes.grid(axis="y", color=TRACK, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel("reply latency, ms")
    axes.set_title(f"Share of replies within … (n = {summary.n})", loc="left", fontsize=POINT_SIZE, color=INK)


def _waterfall(axes: Axes, report: CampaignReport) -> None:
    quiet(axes)
    stages = report.reply_latency_by_stage_ms
    rows = (
        ("endpoint", stages.endpoint),
        ("recognise", stages.asr),
        ("decide", stages.decide),
        ("speak", stages.tts),
    )
    begin, furthest = 0.0, 1.0
    for row, (_, stage) in enumerate(rows):
        median, tail = stage.p50 or 0.0, stage.p95 or 0.0
        axes.plot([begin, begin + tail], [row, row], color=MUTED, linewidth=1.0, zorder=1)
        axes.barh(row, max(median, 2.0), left=begin, height=0.52, color=BLUE, zorder=2)
        text = f"{median:.0f} ms" if stage.n else "not measured"
        _beside(axes, begin + max(median, tail), row, text, fontweight="bold")
        axes.plot([begin + median] * 2, [row, row + 1], color=LINE, linewidth=0.8, zorder=0)
        furthest = max(furthest, begin + max(median, tail))
        begin += median
    axes.set_yticks(range(4), [name for name, _ in rows])
    axes.set_ylim(3.6, -0.6)
    axes.set_xlim(0, furthest * 1.22)
    axes.set_xlabel("ms; bar: median, line: to p95")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_title("Where the time goes", loc="left", fontsize=POINT_SIZE, color=INK)


def _calls_at_once(axes: Axes, calls: list[CallDetail], start: float) -> None:
    quiet(axes)
    changes = [(_at(call.dialled_at) - start, 1) for call in calls]
    changes += [(_end(call) - start, -1) for call in calls]
    times, count = [0.0], [0]
    for at, change in sorted(changes):
        times.append(at)
        count.append(count[-1] + change)
    axes.fill_between(times, count, step="post", color=BLUE, alpha=0.18, linewidth=0)
    axes.step(times, count, where="post", color=BLUE, linewidth=1.2)
    axes.set_ylim(0, max(count) + 0.5)
    axes.set_yticks([0, max(count)])
    axes.tick_params(axis="y", labelcolor=MUTED, labelsize=SMALL_SIZE)
    axes.tick_params(axis="x", labelbottom=False)
    axes.set_title("calls in the air", loc="left", fontsize=SMALL_SIZE, color=MUTED, pad=3)


def _call_row(axes: Axes, row: int, call: CallDetail, start: float, end: float | None) -> None:
    """One call; `end` of the whole timeline in seconds when the row also gets its result in words."""
    colour = GROUPS[call.group][1]
    dialled, over = _at(call.dialled_at) - start, _end(call) - start
    answered = _at(call.answered_at) - start if call.answered_at else over
    axes.plot([dialled, answered], [row, row], color=colour, linewidth=1.4, solid_capstyle="butt")
    if call.answered_at:
        axes.barh(row, over - answered, left=answered, height=0.62, color=colour)
    elif end is not None:
        axes.plot([over], [row], "x", color=colour, markersize=4, markeredgewidth=1.4)
    if end is not None:
        again = f", try {call.attempt}" if call.attempt > 1 else ""
        axes.text(
            over + end * 0.012,
            row,
            readable(call.result) + again,
            va="center",
            fontsize=SMALL_SIZE,
            color=INK,
        )


def _beside(axes: Axes, x: float, row: int, words: str, **style: Any) -> None:
    """Words just right of a bar's end."""
    axes.annotate(words, (x, row), xytext=(5, 0), textcoords="offset points", va="center_baseline", **style)


def _nothing(figure: Figure, axes: Axes, words: str) -> Figure:
    axes.set_axis_off()
    axes.text(0.0, 0.5, words, transform=axes.transAxes, color=MUTED, va="center")
    return figure


def _at(moment: datetime) -> float:
    return moment.replace(tzinfo=None).timestamp()


def _end(call: CallDetail) -> float:
    return _at(call.ended_at or call.answered_at or call.dialled_at)


def _clock(seconds: float, _: object = None) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
