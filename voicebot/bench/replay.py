"""`voicebot bench replay`: how many calls the engines of this machine bear, by the traffic of finished calls.

Each replayed call asks for its words when the real one did: the end of its speech and the silence that was
waited for. Then the recogniser and the classifier under test answer, together with those of all other calls.
No telephony takes part, so that a machine with a GPU and nothing else can be measured.
"""

import asyncio
import os
import random
import shlex
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from dialogs.script.format import Script
from models.asr import Recogniser, Utterance
from models.asr.service import serve_whisper
from models.batching import BatcherMetrics
from models.engine import EngineError
from models.intent import IntentClassifier
from models.intent.service import IntentSettings, serve_intents
from voicebot.bench.machine import Machine, this_machine
from voicebot.bench.process_cost import tree_cost
from voicebot.bench.replay_traffic import ReplayedCall, ReplayedTurn
from voicebot.settings import Settings

MOST_CALLS = 2000
WARM_UP_S = 3.0
_DEADLINE_S = 4.0
"""A reply that takes longer is none."""
_MOST_FAILED = 0.01


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What is measured and on what."""

    calls: tuple[int, ...]
    seconds: float = 30.0
    objective_ms: float = 800.0
    device: str = "cpu"
    compute_type: str = "int8"
    max_batch: int = 4
    processes: int = 1
    """Of the recogniser."""


@dataclass(frozen=True, slots=True)
class ReplayRun:
    """One number of calls at once. Times in ms; Of `asked`, which fell due, `replied` came within
    the deadline."""

    calls: int
    asked: int
    replied: int
    p50_ms: float
    p95_ms: float
    mean_batch: float
    recogniser_busy: float
    """Share (0..1) of the time in which the recogniser's processes worked."""
    cpu_per_call_minute: float
    """CPU seconds of this process and its engines."""

    def good(self, objective_ms: float) -> bool:
        """Quick enough, and nearly everyone was answered."""
        return (
            self.asked > 0 and self.p95_ms <= objective_ms and self.replied >= (1 - _MOST_FAILED) * self.asked
        )


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """All of it, as the JSON file holds it."""

    command: str
    machine: Machine
    plan: ReplayPlan
    traffic_calls: int
    traffic_turns: int
    runs: tuple[ReplayRun, ...]
    most_good_calls: int
    """The largest number of calls within the objective, of those tried; 0 if none was."""


@dataclass(slots=True)
class _Replies:
    asked: int = 0
    latencies_ms: list[float] = field(default_factory=list)


class Replay:
    """Replays calls against one pair of engines."""

    def __init__(
        self,
        traffic: Sequence[ReplayedCall],
        recogniser: Recogniser,
        classifier: IntentClassifier,
        language: str,
        intents: Collection[str],
    ) -> None:
        self._traffic = traffic
        self._recogniser = recogniser
        self._classifier = classifier
        self._language = language
        self._intents = intents

    async def run(self, calls: int, seconds: float) -> _Replies:
        """`calls` at once for the warm-up and then `seconds`; begun somewhere in the middle of a call.

        Every turn that falls due counts, however late earlier replies are; the last ones are waited for.
        """
        replies = _Replies()
        from_s = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as replying:
            with_end = asyncio.timeout_at(from_s + WARM_UP_S + seconds)
            try:
                async with with_end, asyncio.TaskGroup() as asking:
                    for number in range(calls):
                        asking.create_task(self._call_after_call(number, from_s, replies, replying))
            except TimeoutError:
                if not with_end.expired():
                    raise
        return replies

    async def _call_after_call(
        self, number: int, from_s: float, replies: _Replies, replying: asyncio.TaskGroup
    ) -> None:
        loop = asyncio.get_running_loop()
        chance = random.Random(number)
        call = chance.choice(self._traffic)
        began_s = from_s - chance.uniform(0, call.length_s)
        while True:
            for turn in call.turns:
                due_s = began_s + turn.ends_s + turn.waited_s
                if due_s >= from_s:
                    await asyncio.sleep(max(0.0, due_s - loop.time()))
                    counted = replies if due_s >= from_s + WARM_UP_S else _Replies()
                    counted.asked += 1
                    replying.create_task(self._reply(turn, due_s, counted))
            began_s += call.length_s
            await asyncio.sleep(max(0.0, began_s - loop.time()))
            call = chance.choice(self._traffic)

    async def _reply(self, turn: ReplayedTurn, due_s: float, replies: _Replies) -> None:
        try:
            async with asyncio.timeout_at(due_s + _DEADLINE_S):
                heard = await self._recogniser.transcribe(
                    Utterance(turn.samples, self._language), deadline_s=_DEADLINE_S
                )
                if heard.text:
                    await self._classifier.classify(heard.text, self._intents, deadline_s=_DEADLINE_S)
        except (EngineError, TimeoutError):
            return
        took_s = asyncio.get_running_loop().time() - due_s
        replies.latencies_ms.append(1000 * (turn.waited_s + took_s + turn.voiced_s))


def run_replay(
    plan: ReplayPlan,
    traffic: Sequence[ReplayedCall],
    script: Script,
    settings: Settings,
    json_file: Path | None,
    console: Console,
) -> ReplayReport:
    """Measure, print the table and write the JSON. Raises EngineDown if an engine does not start."""
    report = asyncio.run(_measure(plan, traffic, script, settings, console))
    _print(report, console)
    if json_file:
        json_file.write_bytes(TypeAdapter(ReplayReport).dump_json(report, indent=2) + b"\n")
    return report


async def _measure(
    plan: ReplayPlan, traffic: Sequence[ReplayedCall], script: Script, settings: Settings, console: Console
) -> ReplayReport:
    wanted = IntentSettings(
        {name: intent.examples for name, intent in script.intents.items()},
        script.language,
        cache=settings.cache / "intents",
    )
    runs = []
    async with (
        serve_whisper(
            settings.weights,
            languages=(script.language,),
            device=plan.device,
            compute_type=plan.compute_type,
            max_batch=plan.max_batch,
            processes=plan.processes,
        ) as recogniser,
        serve_intents(wanted, nice=0) as classifier,
    ):
        replay = Replay(traffic, recogniser, classifier, script.language, frozenset(script.intents))
        (service,) = recogniser.services.values()
        for calls in plan.calls:
            console.print(f"{calls} calls for {plan.seconds:g} s", highlight=False)
            runs.append(await _run(replay, calls, plan, service.metrics))
    good = [run.calls for run in runs if run.good(plan.objective_ms)]
    turns = sum(len(call.turns) for call in traffic)
    command = shlex.join(["voicebot", *sys.argv[1:]])
    return ReplayReport(command, this_machine(), plan, len(traffic), turns, tuple(runs), max(good, default=0))


async def _run(replay: Replay, calls: int, plan: ReplayPlan, metrics: BatcherMetrics) -> ReplayRun:
    run_ms, batches, items = metrics.run.total_ms, metrics.run.count, metrics.batch_sizes.copy()
    cost, begun_s = tree_cost(os.getpid()), time.monotonic()
    replies = await replay.run(calls, plan.seconds)
    spent_s, lasted_s = tree_cost(os.getpid()).cpu_s - cost.cpu_s, time.monotonic() - begun_s
    batched = metrics.batch_sizes - items
    p50_ms, p95_ms = np.percentile(replies.latencies_ms, [50, 95]) if replies.latencies_ms else (0.0, 0.0)
    return ReplayRun(
        calls,
        replies.asked,
        len(replies.latencies_ms),
        float(p50_ms),
        float(p95_ms),
        sum(size * times for size, times in batched.items()) / max(1, metrics.run.count - batches),
        (metrics.run.total_ms - run_ms) / 1000 / (lasted_s * plan.processes),
        spent_s / (calls * (WARM_UP_S + plan.seconds) / 60),
    )


def _print(report: ReplayReport, console: Console) -> None:
    machine, plan = report.machine, report.plan
    console.print(f"\n{report.command}", markup=False, highlight=False)
    console.print(
        f"{machine.processor}, {machine.cores} cores; {plan.device}, {plan.compute_type}, "
        f"{plan.processes} recognisers with batches of at most {plan.max_batch}; "
        f"{report.traffic_turns} turns of {report.traffic_calls} calls, replayed",
        markup=False,
        highlight=False,
    )
    table = Table()
    for heading in (
        "calls",
        "replied",
        "p50 ms",
        "p95 ms",
        "mean batch",
        "recogniser busy",
        "CPU s per call-min",
    ):
        table.add_column(heading, justify="right")
    for run in report.runs:
        table.add_row(
            str(run.calls),
            f"{run.replied} of {run.asked}",
            f"{run.p50_ms:.0f}",
            f"{run.p95_ms:.0f}",
            f"{run.mean_batch:.2f}",
            f"{100 * run.recogniser_busy:.0f} %",
            f"{run.cpu_per_call_minute:.2f}",
        )
    console.print(table)
    console.print(
        f"Most calls with p95 <= {plan.objective_ms:g} ms: {report.most_good_calls}", highlight=False
    )
