"""A callee who puts us on hold: nobody talks to their music, and the call goes on when they are back.

The greeting starts 0.6 s after the answer and takes 7.8 s.
"""

import asyncio

import pytest

from tests.voicebot.call.scripted_call import KnowsTheLines, Line, play_call
from voicebot.call.session import CallSession
from voicebot.settings import EndpointingSettings

pytestmark = pytest.mark.virtual_time


async def test_the_greeting_waits_and_goes_on() -> None:
    call = await play_call(Line(22.0, "yes"), holds=[(5.0, 15.0)], digits=[(28.5, "4")])
    assert call.leg.heard_between(4.0, 5.0)
    assert not call.leg.heard_between(5.1, 14.9)
    assert call.leg.heard_between(15.0, 17.0)
    assert call.result.outcome == "interested"
    assert call.result.connected == "finished"
    greeting = next(turn for turn in call.result.turns if turn.speaker == "agent")
    assert not greeting.interrupted
    assert greeting.text == greeting.planned_text


async def test_music_is_no_answer_and_waiting_no_silence() -> None:
    call = await play_call(Line(11.0, "stop calling me", 20.0), holds=[(9.5, 40.0)], hang_up_s=42.0)
    assert not call.result.opted_out
    assert [speaker for speaker, _ in call.said] == ["agent"]
    assert not call.leg.heard_between(9.5, 40.0)


async def test_after_the_hold_the_callee_has_the_whole_time_to_speak() -> None:
    call = await play_call(Line(33.0, "yes"), holds=[(9.0, 31.0)], digits=[(39.5, "4")])
    assert not call.leg.heard_between(9.1, 33.5)
    assert call.result.outcome == "interested"


async def test_nobody_waits_on_hold_for_ever() -> None:
    call = await play_call(holds=[(9.0, 500.0)], hang_up_s=510.0)
    assert call.result.connected == "no_interaction"
    assert call.leg.ended_s < 75


@pytest.mark.parametrize("hold", [(1.05, 3.0), (4.05, 6.0), (4.05, 5.0)])
async def test_a_hold_before_the_greeting_does_not_prevent_it(hold: tuple[float, float]) -> None:
    """Words that are being recognised when the hold begins are dropped; they would have brought it."""
    seconds = hold[0] - 0.35
    slow = KnowsTheLines([], seconds=0.5)
    call = await play_call(Line(0.2, "hello", seconds), holds=[hold], recogniser=slow, hang_up_s=20)
    assert not call.leg.heard_between(0.0, hold[1])
    assert call.leg.heard_between(hold[1], hold[1] + 0.3)


async def test_what_was_said_before_the_hold_does_not_set_the_pace_after_it() -> None:
    """The turn of a number half said ends after 1.2 s; that is no rule for what is said next."""
    sessions: list[CallSession] = []
    times = EndpointingSettings()
    lines = Line(9.5, "my number is five five five"), Line(13.0, "purple elephants", 3.0)
    playing = asyncio.create_task(
        play_call(*lines, holds=[(11.0, 12.0)], hang_up_s=20, on_start=sessions.append)
    )
    silences = []
    for until_s in (10.9, 13.8):
        await asyncio.sleep(0.5 + until_s - asyncio.get_running_loop().time())
        talk = sessions[0].conversation
        assert talk is not None
        silences.append(talk.bot.turn_end.silence_ms)
    await playing
    assert silences == [times.dictation_end_ms, times.end_ms]
