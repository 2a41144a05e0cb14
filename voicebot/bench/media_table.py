"""The figures of `voicebot bench media` in the terminal."""

from rich.console import Console
from rich.table import Table

from voicebot.bench.media_contenders import OURS
from voicebot.bench.media_report import MediaReport, MediaSummary
from voicebot.bench.spread import Spread, shown


def print_report(report: MediaReport, console: Console) -> None:
    """One table for each number of calls, then what went wrong."""
    machine = report.machine
    console.print(f"\n{report.command}", markup=False, highlight=False)
    console.print(
        f"{report.began}, {machine.processor}, {machine.cores} cores, Linux {machine.kernel}, "
        f"Python {machine.python}; load average {_load(report)}",
        markup=False,
        highlight=False,
    )
    console.print(", ".join(f"{name} {of}" for name, of in report.versions.items()), highlight=False)
    for calls in dict.fromkeys(row.calls for row in report.summary):
        rows = [row for row in report.summary if row.calls == calls]
        title = f"{calls} calls, {report.seconds:g} s, {report.rounds} rounds: median (least-most)"
        console.print(media_table(title, rows))
    console.print("CPU in % of one core, of the contender's processes without sipp and echo; times in ms.")
    for run in report.runs:
        if run.fault:
            console.print(f"{run.contender}, {run.calls} calls, round {run.round}: {run.fault}", markup=False)


def media_table(title: str, rows: list[MediaSummary]) -> Table:
    """A column for each contender, so that it fits 80 characters."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for row in rows:
        table.add_column(row.contender, justify="right")
    lines = {
        "CPU per call, %": [shown(row.cpu_per_call, 3) for row in rows],
        "ours by this": ["1" if row.contender == OURS.name else shown(row.ours_by_this, 2) for row in rows],
        "tones heard": [f"{row.tones_heard} of {row.tones_due}" for row in rows],
        "frames missing, %": [shown(_per_cent(row.frames_missing), 2) for row in rows],
        "packet gap p50": [shown(row.gap_p50_ms, 1) for row in rows],
        "packet gap p99": [shown(row.gap_p99_ms, 1) for row in rows],
        "packet gap max": [shown(row.gap_max_ms, 1) for row in rows],
        "tick late p99": [shown(row.tick_late_p99_ms, 1) for row in rows],
        "tick late max": [shown(row.tick_late_max_ms, 1) for row in rows],
        "memory, MB": [shown(row.rss_mb, 0) for row in rows],
        "processes": [str(row.processes) for row in rows],
        "threads": [str(row.threads) for row in rows],
    }
    for name, cells in lines.items():
        table.add_row(name, *cells)
    return table


def _per_cent(value: Spread | None) -> Spread | None:
    return value and Spread(100 * value.median, 100 * value.least, 100 * value.most)


def _load(report: MediaReport) -> str:
    loads = [run.load_average for run in report.runs]
    return f"{min(loads):.1f}-{max(loads):.1f} when turns began"
