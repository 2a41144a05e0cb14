"""`voicebot bench capacity`: how many calls can talk at once with replies in time, ours and others.

The contenders take turns, try by try.
"""

import asyncio
import shlex
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from voicebot.bench.machine import Machine, this_machine
from voicebot.bench.talk.capacity_search import CapacitySearch
from voicebot.bench.talk.contenders import OURS
from voicebot.bench.talk.figures import TalkRun, TalkSummary, summaries
from voicebot.bench.talk.preparation import TalkBench, require_folder
from voicebot.bench.talk.run import Plan
from voicebot.bench.talk.table import print_faults, print_heading, print_speech_note

SLOWEST_P95_S = 1.5
MOST_UNANSWERED = 0.05
SEED = 2


@dataclass(frozen=True, slots=True)
class Capacity:
    """One contender. `failed` is the fewest calls that did not go well; none if all that were tried did."""

    contender: str
    passed: int
    failed: int | None
    complete: bool
    """The search came to its end; otherwise time ran out."""
    tries: tuple[TalkSummary, ...]

    @property
    def found(self) -> bool:
        """`passed` is the capacity and not only the least that it can be."""
        return self.complete and self.failed is not None


@dataclass(frozen=True, slots=True)
class CapacityReport:
    """What is written as JSON."""

    command: str
    began: str
    machine: Machine
    versions: dict[str, str]
    wire: str
    turns: int
    live_speech: bool
    capacities: tuple[Capacity, ...]
    runs: tuple[TalkRun, ...]


def went_well(row: TalkSummary) -> bool:
    """Replies in time, hardly a turn without one, and no call lost. Who answers too early has not replied."""
    in_time = row.p95_s is not None and row.p95_s <= SLOWEST_P95_S
    return in_time and row.turns - row.replied <= MOST_UNANSWERED * row.turns and not row.lost


def run_capacity_bench(bench: TalkBench, most: int, minutes: float, json_file: Path | None) -> bool:
    """Search, print, write the JSON. False if ours could not hold a single call."""
    require_folder(json_file)
    report = asyncio.run(_search(bench, most, minutes))
    print_capacity(report, bench.console)
    if json_file:
        json_file.write_bytes(TypeAdapter(CapacityReport).dump_json(report, indent=2) + b"\n")
    return any(one.passed for one in report.capacities if one.contender == OURS.name)


async def _search(bench: TalkBench, most: int, minutes: float) -> CapacityReport:
    began, until_s = datetime.now(UTC), time.monotonic() + 60 * minutes
    searches = {contender: CapacitySearch(most) for contender in bench.contenders}
    tries: dict[str, list[TalkSummary]] = {contender.name: [] for contender in bench.contenders}
    runs: list[TalkRun] = []
    with tempfile.TemporaryDirectory() as folder:
        questions = await bench.questions(Path(folder))
        while time.monotonic() < until_s and any(search.next_calls for search in searches.values()):
            for contender, search in searches.items():
                calls = search.next_calls
                if calls is None or time.monotonic() > until_s:
                    continue
                plan = Plan(bench.wire, calls, bench.turns, SEED, questions, bench.live_speech)
                runs.append(await bench.run(contender, plan, len(tries[contender.name]) + 1))
                (row,) = summaries(runs[-1:], bench.turns)
                tries[contender.name].append(row)
                search.tell(calls, went_well(row))
    return CapacityReport(
        command=shlex.join(["voicebot", *sys.argv[1:]]),
        began=began.isoformat(timespec="seconds"),
        machine=this_machine(),
        versions=bench.versions,
        wire=bench.wire,
        turns=bench.turns,
        live_speech=bench.live_speech,
        capacities=tuple(
            Capacity(
                one.name, search.passed, search.failed, search.next_calls is None, tuple(tries[one.name])
            )
            for one, search in searches.items()
        ),
        runs=tuple(runs),
    )


def print_capacity(report: CapacityReport, console: Console) -> None:
    """A row for each contender, every try in it."""
    print_heading(report.command, report.began, report.machine, report.versions, report.runs, console)
    title = (
        f"Calls at once with p95 <= {SLOWEST_P95_S:g} s and at most {MOST_UNANSWERED:.0%} of the turns "
        f"unanswered or answered too early, over {report.wire}, {report.turns} turns each"
    )
    table = Table(title=title, title_justify="left")
    for column in ("", "calls", "ours by this", "tried: calls, p95 in s, replied, early, twice"):
        table.add_column(column)
    ours = next(one for one in report.capacities if one.contender == OURS.name)
    for one in report.capacities:
        calls = f"{one.passed}" if one.found else f"{one.passed} or more"
        ratio = "-" if one is ours else ours_by_this(ours, one)
        table.add_row(one.contender, calls, ratio, "; ".join(map(_tried, one.tries)))
    console.print(table)
    print_speech_note(report.live_speech, [one.contender for one in report.capacities], console)
    print_faults(report.runs, console)


def ours_by_this(ours: Capacity, other: Capacity) -> str:
    """No number where the other's capacity was not found; `at least` where only ours was not."""
    if not other.found or not other.passed:
        return "-"
    return f"{'' if ours.found else 'at least '}{ours.passed / other.passed:.1f}"


def _tried(row: TalkSummary) -> str:
    p95 = "-" if row.p95_s is None else f"{row.p95_s:.2f}"
    limits = ", generator late" if row.generator_limited else ""
    return f"{row.calls}: {p95}, {row.replied}/{row.turns}, {row.early}, {row.doubled}{limits}"
