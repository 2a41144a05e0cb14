"""The figures of the talking benchmarks in the terminal."""

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table

from voicebot.bench.machine import Machine
from voicebot.bench.talk.contenders import OURS
from voicebot.bench.talk.figures import TalkReport, TalkRun, TalkSummary

_Cell = Callable[[TalkSummary], str]


def print_report(report: TalkReport, console: Console) -> None:
    """One table for each number of calls, then what went wrong."""
    print_heading(report.command, report.began, report.machine, report.versions, report.runs, console)
    for calls in dict.fromkeys(row.calls for row in report.summary):
        rows = [row for row in report.summary if row.calls == calls]
        speech = ", speech rendered anew" if report.live_speech else ""
        title = f"{calls} calls over {report.wire}, {report.turns} turns each, {report.rounds} rounds{speech}"
        console.print(talk_table(title, rows))
    print_speech_note(report.live_speech, [row.contender for row in report.summary], console)
    print_faults(report.runs, console)


def print_heading(
    command: str,
    began: str,
    machine: Machine,
    versions: dict[str, str],
    runs: Sequence[TalkRun],
    console: Console,
) -> None:
    """What was run, when, on what."""
    loads = [run.load_average for run in runs]
    load = f"{min(loads):.1f}-{max(loads):.1f} when runs began" if loads else "unknown"
    for line in (
        f"\n{command}",
        f"{began}, {machine.processor}, {machine.cores} cores, Linux {machine.kernel}, "
        f"Python {machine.python}; load average {load}",
        ", ".join(f"{name} {of}" for name, of in versions.items()),
    ):
        console.print(line, markup=False, highlight=False)


def print_speech_note(live_speech: bool, names: Sequence[str], console: Console) -> None:
    """Beside others: whose speech was rendered within the measured time."""
    if all(name == OURS.name for name in names):
        return
    if live_speech:
        note = "Everybody renders each answer within the measured time; ours rendered the greeting before."
    else:
        note = (
            f"{OURS.name} rendered what it says before it dialled: its CPU and latency are without that. "
            "Others render within the measured time. --live-speech has ours do so too."
        )
    console.print(note, markup=False, highlight=False)


def print_faults(runs: Sequence[TalkRun], console: Console) -> None:
    """Runs that came to nothing, and why."""
    for run in runs:
        if run.fault:
            console.print(f"{run.contender}, {run.calls} calls, round {run.round}: {run.fault}", markup=False)


def talk_table(title: str, rows: Sequence[TalkSummary]) -> Table:
    """A column for each contender."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for row in rows:
        table.add_column(row.contender, justify="right")
    for name, cell in _LINES.items():
        cells = [cell(row) for row in rows]
        if any(text != "-" for text in cells):
            table.add_row(name, *cells)
    return table


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _stages(row: TalkSummary) -> str:
    if row.endpoint_ms is None:
        return "-"
    stages = (row.endpoint_ms, row.asr_ms, row.decide_ms, row.tts_ms)
    return " + ".join(_number(stage, 0) for stage in stages)


def _shares(row: TalkSummary) -> str:
    if len(row.cpu_shares) < 2:
        return "-"
    return "\n".join(f"{name} {100 * share:.0f}" for name, share in row.cpu_shares.items())


_LINES: dict[str, _Cell] = {
    "latency p50, s": lambda row: _number(row.p50_s, 2),
    "latency p95, s": lambda row: _number(row.p95_s, 2),
    "latency max, s": lambda row: _number(row.max_s, 2),
    "ours by this, p50": lambda row: _number(row.ours_by_this, 2),
    "replied": lambda row: f"{row.replied} of {row.turns}",
    "too early": lambda row: str(row.early),
    "answered twice": lambda row: str(row.doubled),
    "understood word by word": lambda row: f"{row.understood} of {row.turns}",
    "calls lost": lambda row: str(row.lost),
    "CPU s per call-minute": lambda row: _number(row.cpu_per_call_minute, 2),
    "of which, %": lambda row: _shares(row),
    "nice level": lambda row: _number(row.nice, 0),
    "memory, MB": lambda row: _number(row.rss_mb, 0),
    "stages, ms": _stages,
    "generator late p99, ms": lambda row: (
        _number(row.generator_late_p99_ms, 1) + (" (limits)" if row.generator_limited else "")
    ),
    "generator CPU per call, %": lambda row: _number(row.generator_cpu_per_call, 2),
}
