"""A callee who puts us on hold: nobody talks to their music, and the call goes on when they are back.

The greeting starts 0.6 s after the answer and takes 7.8 s.
"""

import pytest

from tests.voicebot.call.scripted_call import Line, play_call

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
