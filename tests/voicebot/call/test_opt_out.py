"""Whoever asks not to be called again is not called again, whenever and however they say it.

The greeting starts at 0.6 s; the disclosure is locked until 3.9 s; the question ends at about 8.6 s.
"""

import asyncio

import pytest

from tests.voicebot.call.scripted_call import KnowsTheIntents, KnowsTheLines, Line, Played, play_call

pytestmark = pytest.mark.virtual_time

STOP = "stop calling me"
GOODBYE = ("agent", "We will never call you again. Goodbye.")


def assert_kept(call: Played) -> None:
    assert call.result.opted_out
    assert call.result.connected == "opt_out"
    assert "opt_out" in call.result.labels


async def test_as_an_answer() -> None:
    call = await play_call(Line(9.5, STOP))
    assert_kept(call)
    assert call.said[-1] == GOODBYE


async def test_as_the_first_words_before_the_greeting() -> None:
    call = await play_call(Line(0.2, STOP, 0.9))
    assert_kept(call)
    assert "disclosed" in call.result.labels
    assert call.said[-1] == GOODBYE


async def test_during_the_disclosure_then_hanging_up() -> None:
    assert_kept(await play_call(Line(1.5, STOP), hang_up_s=3.4))


async def test_hanging_up_right_after_the_words() -> None:
    call = await play_call(Line(9.5, STOP), hang_up_s=10.4)
    assert_kept(call)
    assert ("customer", STOP) in call.said


async def test_hanging_up_while_saying_it() -> None:
    assert_kept(await play_call(Line(9.5, STOP, 2.0), hang_up_s=11.0))


async def test_another_request_after_it_does_not_replace_it() -> None:
    call = await play_call(Line(1.0, STOP), Line(2.4, "who is this"))
    assert_kept(call)
    assert call.said[-1] == GOODBYE


async def test_over_the_goodbye() -> None:
    call = await play_call(Line(9.5, "no"), Line(11.65, STOP))
    assert_kept(call)
    assert call.said[-1] == GOODBYE


@pytest.mark.parametrize("at_s", [1.5, 6.0, 9.5])
async def test_by_key(at_s: float) -> None:
    call = await play_call(digits=[(at_s, "9")])
    assert_kept(call)
    assert call.said[-1] == GOODBYE


async def test_it_is_not_taken_back_by_what_is_said_next() -> None:
    call = await play_call(Line(9.5, STOP), Line(11.2, "are you a robot", 0.8))
    assert_kept(call)
    assert GOODBYE in call.said
    assert not any("machine" in text for speaker, text in call.said if speaker == "agent")


async def test_without_a_classifier() -> None:
    assert_kept(await play_call(Line(9.5, STOP), classifier=KnowsTheIntents(broken=True)))


async def test_with_a_slow_recogniser_and_more_words_behind_it() -> None:
    call = await play_call(
        Line(9.5, STOP),
        Line(11.2, "do you hear", 0.8),
        recogniser=KnowsTheLines([], seconds=2.2),
        hang_up_s=25,
    )
    assert any(STOP in text for speaker, text in call.said if speaker == "customer")


async def test_nothing_else_is_taken_for_it() -> None:
    call = await play_call(Line(9.5, "yes"), digits=[(16.0, "4")])
    assert not call.result.opted_out


async def test_after_another_request_over_the_disclosure() -> None:
    call = await play_call(Line(1.0, "who is this"), Line(2.4, STOP))
    assert_kept(call)
    assert call.said[-1] == GOODBYE


@pytest.mark.parametrize("before_s", [0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8])
@pytest.mark.parametrize("recognition_s", [0.1, 0.3, 0.5])
async def test_over_the_end_of_the_last_goodbye(before_s: float, recognition_s: float) -> None:
    """The words come before the goodbye is over, in the moment before the hang-up, or after it."""
    said_until_s = 27.16 - before_s
    ears = KnowsTheLines([], seconds=recognition_s)
    call = await play_call(Line(said_until_s - 0.45, STOP, 0.45), recogniser=ears)
    assert_kept(call)
    customer = [text for speaker, text in call.said if speaker == "customer"]
    assert customer == [STOP]


async def test_words_that_came_in_the_last_moment_are_not_waited_for() -> None:
    loop = asyncio.get_running_loop()
    call = await play_call(Line(26.2, STOP, 0.46), recogniser=KnowsTheLines([], seconds=0.4))
    assert_kept(call)
    assert loop.time() - call.leg.answered_s < call.leg.ended_s + 0.1
