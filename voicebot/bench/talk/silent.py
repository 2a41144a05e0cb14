"""`voicebot bench silent`: what calls cost in which nobody speaks, ours and others in the same run."""

import asyncio
import shlex
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from voicebot.bench.machine import Machine, this_machine
from voicebot.bench.spread import Spread, paired_ratio, shown, spread
from voicebot.bench.talk.contenders import OURS
from voicebot.bench.talk.figures import LATE_GENERATOR_MS, TalkRun
from voicebot.bench.talk.preparation import TalkBench, require_folder
from voicebot.bench.talk.run import Plan
from voicebot.bench.talk.table import print_faults, print_heading


@dataclass(frozen=True, slots=True)
class SilentSummary:
    """One contender at one number of calls, over all rounds."""

    contender: str
    calls: int
    cpu_per_call_minute: Spread | None
    ours_by_this: Spread | None
    tick_late_p99_ms: Spread | None
    """Of our media clock; others have none."""
    tick_late_max_ms: Spread | None
    rss_mb: Spread | None
    nice: int | None
    lost: int
    """Calls that did not last; a run that lost one has no cost."""
    sounds: int
    """Audible frames that callers heard meanwhile; none is right."""
    generator_late_p99_ms: float
    generator_cpu_per_call: Spread | None
    """Per cent of one core."""


@dataclass(frozen=True, slots=True)
class SilentReport:
    """What is written as JSON."""

    command: str
    began: str
    machine: Machine
    versions: dict[str, str]
    wire: str
    seconds: float
    runs: tuple[TalkRun, ...]
    summary: tuple[SilentSummary, ...]


def silent_cost(run: TalkRun) -> float | None:
    """CPU seconds per minute of calls that were up in the measured time; none if one was lost or never up."""
    if run.result is None:
        return None
    calls, window_s = run.result.heard.calls, run.result.window_s
    if len(calls) < run.calls or any(call.lost for call in calls):
        return None
    return run.result.cpu_s / (sum(min(call.duration_s, window_s) for call in calls) / 60)


def silent_summaries(runs: Sequence[TalkRun]) -> tuple[SilentSummary, ...]:
    """By number of calls and contender, in the order of the runs."""
    places = dict.fromkeys((run.calls, run.contender) for run in runs)
    return tuple(_summary(runs, *place) for place in places)


def _summary(all_runs: Sequence[TalkRun], calls: int, name: str) -> SilentSummary:
    runs = [run for run in all_runs if (run.calls, run.contender) == (calls, name)]
    ours = [silent_cost(run) for run in all_runs if (run.calls, run.contender) == (calls, OURS.name)]
    costs = [silent_cost(run) for run in runs]
    results = [run.result for run in runs if run.result]
    served = [result.served for result in results if result.served]
    return SilentSummary(
        contender=name,
        calls=calls,
        cpu_per_call_minute=spread([cost for cost in costs if cost is not None]),
        ours_by_this=None if name == OURS.name else paired_ratio(ours, costs),
        tick_late_p99_ms=spread([one.tick_late_p99_ms for one in served]),
        tick_late_max_ms=spread([one.tick_late_max_ms for one in served]),
        rss_mb=spread([result.rss_mb for result in results]),
        nice=max((result.nice for result in results), default=None),
        lost=sum(call.lost for result in results for call in result.heard.calls),
        sounds=sum(result.heard.sounds for result in results),
        generator_late_p99_ms=max((result.heard.late_p99_ms for result in results), default=0.0),
        generator_cpu_per_call=spread([100 * r.generator_cpu_s / r.window_s / calls for r in results]),
    )


def run_silent_bench(
    bench: TalkBench, counts: Sequence[int], seconds: float, rounds: int, json_file: Path | None
) -> bool:
    """Measure, print, write the JSON. False if ours gave no result in some round."""
    require_folder(json_file)
    report = asyncio.run(_measure(bench, counts, seconds, rounds))
    print_silent(report, bench.console)
    if json_file:
        json_file.write_bytes(TypeAdapter(SilentReport).dump_json(report, indent=2) + b"\n")
    return all(run.result for run in report.runs if run.contender == OURS.name)


async def _measure(bench: TalkBench, counts: Sequence[int], seconds: float, rounds: int) -> SilentReport:
    began, runs = datetime.now(UTC), []
    # How a turn ends does not matter where there is none: one of each peer's configurations is enough.
    taking_part = bench.contenders[:2]
    with tempfile.TemporaryDirectory() as folder:
        questions = await bench.questions(Path(folder))
        for calls in counts:
            for number in range(1, rounds + 1):
                plan = Plan(bench.wire, calls, 0, 0, questions, silent_s=seconds)
                runs += [await bench.run(contender, plan, number) for contender in taking_part]
    return SilentReport(
        command=shlex.join(["voicebot", *sys.argv[1:]]),
        began=began.isoformat(timespec="seconds"),
        machine=this_machine(),
        versions=bench.versions,
        wire=bench.wire,
        seconds=seconds,
        runs=tuple(runs),
        summary=silent_summaries(runs),
    )


def print_silent(report: SilentReport, console: Console) -> None:
    """A row for each number of calls and contender."""
    print_heading(report.command, report.began, report.machine, report.versions, report.runs, console)
    for calls in dict.fromkeys(row.calls for row in report.summary):
        rows = [row for row in report.summary if row.calls == calls]
        title = f"{calls} silent calls over {report.wire}, {report.seconds:g} s: median (least-most)"
        table = Table(title=title, title_justify="left")
        table.add_column("")
        for row in rows:
            table.add_column(row.contender, justify="right")
        for name, cell in _LINES.items():
            table.add_row(name, *map(cell, rows))
        console.print(table)
    print_faults(report.runs, console)


_LINES: dict[str, Callable[[SilentSummary], str]] = {
    "CPU s per call-minute": lambda row: shown(row.cpu_per_call_minute, 3),
    "ours by this": lambda row: shown(row.ours_by_this, 2),
    "tick late p99, ms": lambda row: shown(row.tick_late_p99_ms, 2),
    "tick late max, ms": lambda row: shown(row.tick_late_max_ms, 1),
    "nice level": lambda row: "-" if row.nice is None else str(row.nice),
    "memory, MB": lambda row: shown(row.rss_mb, 0),
    "calls lost": lambda row: str(row.lost),
    "audible frames heard": lambda row: str(row.sounds),
    "generator late p99, ms": lambda row: (
        f"{row.generator_late_p99_ms:.1f}"
        + (" (limits)" if row.generator_late_p99_ms > LATE_GENERATOR_MS else "")
    ),
    "generator CPU per call, %": lambda row: shown(row.generator_cpu_per_call, 2),
}
