"""`voicebot bench latency`: how long callers wait for a reply, ours and others in the same run.

The contenders take turns, round by round, so that what disturbs the machine meets all of them.
"""

import asyncio
import shlex
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter

from voicebot.bench.machine import this_machine
from voicebot.bench.talk.contenders import OURS
from voicebot.bench.talk.figures import TalkReport, summaries
from voicebot.bench.talk.plot import plot_latency
from voicebot.bench.talk.preparation import TalkBench, require_folder
from voicebot.bench.talk.run import Plan
from voicebot.bench.talk.table import print_report

SEED = 1
_REPORT = TypeAdapter(TalkReport)


def run_latency_bench(
    bench: TalkBench, counts: Sequence[int], rounds: int, json_file: Path | None, plot_file: Path | None
) -> bool:
    """Measure, print the table, write JSON and picture. False if ours gave no result in some round."""
    require_folder(json_file)
    require_folder(plot_file)
    report = asyncio.run(_measure(bench, counts, rounds))
    print_report(report, bench.console)
    if json_file:
        json_file.write_bytes(_REPORT.dump_json(report, indent=2) + b"\n")
    if plot_file:
        plot_latency(report.summary, f"Replies over {report.wire}, {report.machine.cores} cores", plot_file)
    return all(run.result for run in report.runs if run.contender == OURS.name)


async def _measure(bench: TalkBench, counts: Sequence[int], rounds: int) -> TalkReport:
    began = datetime.now(UTC)
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        questions = await bench.questions(Path(folder))
        for calls in counts:
            for number in range(1, rounds + 1):
                plan = Plan(bench.wire, calls, bench.turns, SEED + number, questions, bench.live_speech)
                runs += [await bench.run(contender, plan, number) for contender in bench.contenders]
    return TalkReport(
        command=shlex.join(["voicebot", *sys.argv[1:]]),
        began=began.isoformat(timespec="seconds"),
        machine=this_machine(),
        versions=bench.versions,
        wire=bench.wire,
        turns=bench.turns,
        rounds=rounds,
        live_speech=bench.live_speech,
        runs=tuple(runs),
        summary=summaries(runs, bench.turns),
    )
