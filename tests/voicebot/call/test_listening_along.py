"""What is decoded of an utterance that goes on: little, only in quiet times, and it answers nothing."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.batching import Priority
from models.engine import EngineDown
from tests.voicebot.call.scripted_call import KnowsTheLines, Line, play_call
from voicebot.call.listening.answering_machine import AnsweringMachineDetector
from voicebot.call.listening.partial_schedule import PartialLimits, PartialSchedule
from voicebot.call.result import Party

LIMITS = PartialLimits()
GREETING = "you have reached sam please leave a message after the tone"
waits = st.sampled_from([0.0, 0.004, 0.006, 0.5])


@given(st.lists(st.tuples(st.integers(20, 600), waits, st.floats(0, 900)), max_size=200))
def test_few_and_seldom_and_never_under_load(steps: list[tuple[int, float, float]]) -> None:
    schedule, at_ms, begun = PartialSchedule(), 0.0, list[tuple[float, float]]()
    for step_ms, wait_s, took_ms in steps:
        at_ms += step_ms
        if schedule.due(at_ms, wait_s):
            assert wait_s <= LIMITS.longest_wait_s
            schedule.decoded(at_ms, took_ms)
            begun.append((at_ms, took_ms))
            at_ms += took_ms
    assert len(begun) <= LIMITS.most
    assert all(at >= LIMITS.after_ms for at, _ in begun)
    for (first, took_ms), (second, _) in pairwise(begun):
        assert second - first >= max(LIMITS.every_ms, took_ms / LIMITS.share)


@given(st.floats(0, 60_000), waits)
def test_what_is_short_is_never_decoded_early(speech_ms: float, wait_s: float) -> None:
    assert not PartialSchedule().due(min(speech_ms, LIMITS.after_ms - 1), wait_s)


def test_the_words_so_far_can_only_prove_a_machine() -> None:
    machine = AnsweringMachineDetector("en")
    assert machine.heard_partly("hello who is this", 1500, 2000) is Party.UNRESOLVED
    assert machine.heard_partly("please leave a message after the beep", 2500, 25_000) is Party.UNRESOLVED
    assert machine.heard_partly("you have reached the voicemail of", 1500, 2000) is not Party.LIVE
    assert machine.heard_partly(GREETING, 3000, 3500) is Party.MACHINE


@pytest.mark.virtual_time
async def test_a_machine_is_left_before_it_pauses() -> None:
    call = await play_call(Line(0.2, GREETING, 12.0))
    assert call.result.party is Party.MACHINE
    assert call.result.connected == "voicemail"
    assert call.leg.ended_s < 4.0
    assert not call.leg.sound
    assert [turn.text for turn in call.result.turns] == [GREETING]


@dataclass
class Busy(KnowsTheLines):
    expected_wait_s: float = 0.05


@pytest.mark.virtual_time
async def test_under_load_nothing_is_decoded_twice() -> None:
    long = Line(9.5, "so as I was saying to them", 6.0)
    idle, busy = await play_call(long, hang_up_s=20), await play_call(long, hang_up_s=20, recogniser=Busy([]))
    assert idle.result.speculation
    assert busy.result.speculation
    assert 1 <= idle.result.speculation.partials <= LIMITS.most
    assert busy.result.speculation.partials == 0
    assert idle.said == busy.said


@pytest.mark.virtual_time
async def test_the_words_so_far_answer_nothing() -> None:
    call = await play_call(Line(9.5, "yes of course", 5.0), hang_up_s=13.5)
    assert call.result.speculation
    assert call.result.speculation.partials >= 1
    assert not call.leg.heard_between(9.0, 13.5)


@pytest.mark.virtual_time
async def test_late_in_a_call_nobody_is_followed() -> None:
    call = await play_call(Line(22.5, "so as I was saying to them", 4.0), hang_up_s=30)
    assert call.result.speculation
    assert call.result.speculation.partials == 0


@pytest.mark.virtual_time
async def test_a_failure_of_it_is_not_a_failure_of_the_turn() -> None:
    @dataclass
    class FailsOnLong(KnowsTheLines):
        async def transcribe(self, utterance, *, deadline_s, priority=Priority.FINAL):  # type: ignore[no-untyped-def]
            if deadline_s == 1.0:
                raise EngineDown("not for this")
            return await super().transcribe(utterance, deadline_s=deadline_s)

    call = await play_call(Line(9.5, "yes of course", 3.0), hang_up_s=20, recogniser=FailsOnLong([]))
    assert call.result.outcome == "interested"


@pytest.mark.virtual_time
async def test_a_hang_up_while_someone_talks_ends_it() -> None:
    call = await play_call(Line(9.5, "so as I was saying", 9.0), hang_up_s=11.0)
    assert call.leg.ended_s == pytest.approx(11.0)
    assert call.said[-1] == ("customer", "so as I was saying")
