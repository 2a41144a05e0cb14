"""Whole calls in which somebody talks over the bot. The question ends about 8.4 s after the answer."""

import pytest

from tests.voicebot.call.scripted_call import Line, Played, play_call
from voicebot.settings import Settings

pytestmark = pytest.mark.virtual_time

SPEECH_S = Settings().barge_in.speech_ms / 1000
HARD_S = Settings().barge_in.speech_ms_after_false_stops / 1000
QUESTION_ENDS_S = 8.4


def silences(call: Played, start_s: float, end_s: float) -> bool:
    """Whether the bot was silent for a word's length somewhere between."""
    steps = round((end_s - start_s) * 10)
    return any(
        not call.leg.heard_between(start_s + n / 10, start_s + n / 10 + 0.2) for n in range(max(steps - 1, 0))
    )


async def test_after_two_false_stops_the_same_noise_does_not_stop_the_prompt_again() -> None:
    noise_s = SPEECH_S + 0.2
    assert noise_s + 0.1 < HARD_S
    noises = [Line(4.3, "mm-hm", noise_s), Line(6.6, "mm-hm", noise_s), Line(8.5, "mm-hm", noise_s)]
    call = await play_call(*noises, hang_up_s=15)
    assert call.result.false_stops == 2
    assert call.result.barge_ins == 0
    for noise in noises[:2]:
        assert silences(call, noise.at_s + SPEECH_S, noise.at_s + noise_s + 0.3)
    assert not silences(call, noises[2].at_s, noises[2].at_s + noise_s + 0.3)
    greeting = call.result.turns[0]
    assert greeting.text == greeting.planned_text, "nothing of it is lost"


async def test_a_no_to_a_question_that_is_nearly_over_is_an_answer() -> None:
    call = await play_call(Line(QUESTION_ENDS_S - 0.5, "no", 0.4), hang_up_s=20)
    assert call.result.outcome == "refused"
    assert ("customer", "no") in call.said


@pytest.mark.parametrize("said", ["yes", "mm-hm"])
async def test_the_same_words_in_the_middle_of_it_are_none(said: str) -> None:
    call = await play_call(Line(5.0, said, 0.4), hang_up_s=12)
    assert call.result.outcome == ""
    assert (call.result.barge_ins, call.result.false_stops) == (0, 0)


@pytest.mark.parametrize("seconds", [0.3, 0.9])
async def test_a_noise_without_words_changes_nothing(seconds: float) -> None:
    call = await play_call(Line(5.0, "", seconds), hang_up_s=14)
    assert call.result.barge_ins == 0
    assert not any(text for speaker, text in call.said if speaker == "customer")
    greeting = call.result.turns[0]
    assert greeting.text == greeting.planned_text


@pytest.mark.parametrize("seconds", [0.4, 0.7])
async def test_a_rating_over_its_question_is_an_answer(seconds: float) -> None:
    """It has no intent; the question "How was this call from one to five" ends at about 13.1 s."""
    call = await play_call(Line(9.0, "yes", 0.5), Line(11.6, "five", seconds), hang_up_s=25)
    assert call.result.survey == {"service": 5}
    assert call.result.false_stops == 0
    assert call.result.barge_ins == 1


async def test_a_word_that_answers_nothing_is_none() -> None:
    call = await play_call(Line(9.0, "yes", 0.5), Line(11.6, "purple", 0.4), hang_up_s=16)
    assert call.result.survey == {}
    assert call.result.barge_ins == 0


async def test_a_noise_that_has_ended_takes_nobody_the_right_to_interrupt() -> None:
    """Four seconds of noise; the reprompt begins at about 13.7 s and would take until 16.3 s."""
    talks = Line(14.0, "please listen to me now my friend", 6.0)
    call = await play_call(Line(9.0, "", 4.0), talks, hang_up_s=25)
    assert call.leg.heard_between(13.8, 14.2)
    assert not call.leg.heard_between(talks.at_s + SPEECH_S + 0.15, talks.at_s + talks.seconds)
    assert call.result.barge_ins == 1
