"""Replaying the traffic of finished calls: which utterances count, and how engines that are too slow look."""

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.asr import Transcript, Utterance
from models.batching import Batcher, Priority
from models.engine import EngineError
from models.intent import IntentResult
from tests.voicebot.report_rows import call, campaign
from voicebot.bench.error import BenchError
from voicebot.bench.replay import WARM_UP_S, Replay, ReplayRun
from voicebot.bench.replay_traffic import ReplayedCall, ReplayedTurn, traffic_of
from voicebot.call.media.recording_files import create
from voicebot.records.tables import Turn
from voicebot.reports.rows import CampaignRows

TURN_S = 4.0
VOICED_S = 0.02
WAITED_S = 0.2
RUN_S = 0.1


def a_call(turns: int = 5, turn_s: float = TURN_S) -> ReplayedCall:
    spoken = [
        ReplayedTurn(np.full(8000, 500, np.int16), turn_s * (number + 0.5), WAITED_S, VOICED_S)
        for number in range(turns)
    ]
    return ReplayedCall(tuple(spoken), turn_s * turns)


class Ears:
    """One batch of at most four takes a tenth of a second."""

    expected_wait_s = 0.0

    def __init__(self, run_s: float = RUN_S) -> None:
        self.batcher: Batcher[Utterance, Transcript] = Batcher(self._run, max_batch=4, max_queue=10_000)
        self._run_s = run_s

    async def _run(self, batch: object) -> list[Transcript | EngineError]:
        await asyncio.sleep(self._run_s)
        return [Transcript("yes", -0.1, 0.0, "short_window")] * len(list(batch))  # type: ignore[call-overload]

    async def transcribe(
        self, utterance: Utterance, *, deadline_s: float, priority: Priority = Priority.FINAL
    ) -> Transcript:
        return await self.batcher.submit(utterance, deadline_s=deadline_s)


class Mind:
    async def classify(self, text: str, allowed: Collection[str], *, deadline_s: float) -> IntentResult:
        return IntentResult("yes", 1.0)


async def replayed(calls: int, run_s: float = RUN_S, turn_s: float = TURN_S) -> tuple[int, list[float]]:
    ears = Ears(run_s)
    async with ears.batcher:
        replies = await Replay([a_call(turn_s=turn_s)], ears, Mind(), "en", {"yes"}).run(calls, 60)
    return replies.asked, replies.latencies_ms


@pytest.mark.virtual_time
async def test_one_call_asks_at_its_own_pace_and_waits_for_the_engine_alone() -> None:
    asked, latencies_ms = await replayed(1)
    assert asked == pytest.approx(60 / TURN_S, abs=1)
    assert latencies_ms == pytest.approx([1000 * (WAITED_S + RUN_S + VOICED_S)] * asked)


@pytest.mark.virtual_time
async def test_more_calls_than_the_engine_bears_wait_or_go_without_an_answer() -> None:
    few, many = await replayed(100), await replayed(400)
    assert len(few[1]) == few[0], "25 of at most 40 utterances a second"
    assert max(few[1]) < 800
    assert few[0] == pytest.approx(100 * 60 / TURN_S, abs=100)
    assert many[0] == pytest.approx(400 * 60 / TURN_S, abs=400), "who gets no answer asks on"
    assert len(many[1]) < 0.5 * many[0], "100 a second are too many"


@pytest.mark.virtual_time
async def test_turns_that_fall_due_while_an_earlier_reply_is_late_are_asked_too() -> None:
    asked, latencies_ms = await replayed(1, run_s=2.5, turn_s=1)
    assert asked == pytest.approx(60, abs=1)
    assert latencies_ms, "the engine answers four at once, some of them in time"
    assert max(latencies_ms) <= 4000 + 1000 * (WAITED_S + VOICED_S)


@pytest.mark.virtual_time
async def test_what_was_asked_at_the_very_end_is_waited_for_as_long_as_a_reply_may_take() -> None:
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    asked, latencies_ms = await replayed(1, run_s=3.5, turn_s=4)
    assert len(latencies_ms) == asked == pytest.approx(15, abs=1)
    begun_s, lasted_s = loop.time(), loop.time() - begun_s
    assert lasted_s <= WARM_UP_S + 60 + 4
    asked, latencies_ms = await replayed(1, run_s=1_000, turn_s=1)
    assert asked == pytest.approx(60, abs=1)
    assert not latencies_ms
    assert loop.time() - begun_s <= WARM_UP_S + 60 + 4


def test_a_run_is_good_if_it_is_quick_and_nearly_everyone_was_answered() -> None:
    def run(asked: int, replied: int, p95_ms: float) -> ReplayRun:
        return ReplayRun(8, asked, replied, 300, p95_ms, 1.0, 0.5, 1.0)

    assert run(100, 99, 800).good(800)
    assert not run(100, 98, 300).good(800)
    assert not run(100, 100, 801).good(800)
    assert not run(0, 0, 0).good(800)


def rows(**reply: Any) -> CampaignRows:
    turns = (
        Turn(call_id=1, position=0, speaker="agent", text="Hello."),
        Turn(call_id=1, position=1, speaker="customer", text="Yes.", start_ms=2000, end_ms=2600),
        Turn(call_id=1, position=2, speaker="agent", text="Fine.", **reply),
        Turn(call_id=1, position=3, speaker="customer", text="Bye.", start_ms=6000, end_ms=6300),
    )
    return CampaignRows(campaign(), calls=(call(1, 1, 0, 1, 9, recording="call-1.wav"),), turns=turns)


def record(folder: Path) -> None:
    file = create(folder / "call-1.wav")
    times = np.arange(8 * 8000)
    file.write(np.stack([times % 1000, np.zeros_like(times)], axis=1).astype(np.int16))
    file.close()


def test_answered_utterances_are_cut_from_the_callee_s_channel(tmp_path: Path) -> None:
    record(tmp_path)
    (traffic,) = traffic_of(rows(endpoint_ms=240.0, tts_ms=12.0), tmp_path)
    (turn,) = traffic.turns
    assert traffic.length_s == 8
    assert (turn.ends_s, turn.waited_s, turn.voiced_s) == (2.6, 0.24, 0.012)
    first, last = round(1.76 * 8000), round(2.72 * 8000)
    assert np.array_equal(turn.samples, np.arange(first, last) % 1000)


def test_without_a_recorded_answer_the_message_names_the_mend(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="--recordings"):
        traffic_of(rows(endpoint_ms=240.0), tmp_path)
    record(tmp_path)
    with pytest.raises(BenchError, match="win-back"):
        traffic_of(rows(), tmp_path)
