"""Who may stop a prompt: long speech and real words may, listening noises may not."""

import pytest

from voicebot.call.barge_in import BargeIn, Judgement, is_backchannel
from voicebot.settings import BargeInSettings

SETTINGS = BargeInSettings()


@pytest.mark.parametrize("text", ["Mm-hmm.", "Mhm", "Uh-huh.", "Yeah.", "Okay, right.", "I see.", ""])
def test_listening_noises(text: str) -> None:
    assert is_backchannel(text)


@pytest.mark.parametrize(
    "text", ["No, stop.", "Wait.", "How much?", "Stop!", "No", "yeah but how much is it"]
)
def test_words_that_want_the_turn(text: str) -> None:
    assert not is_backchannel(text)


@pytest.mark.parametrize(("text", "expected"), [("嗯嗯", True), ("好的。", True), ("别打了", False)])
def test_mandarin(text: str, expected: bool) -> None:
    assert is_backchannel(text, "zh") is expected


def test_long_speech_stops_in_its_tick_and_short_speech_does_not() -> None:
    barge_in = BargeIn(SETTINGS)
    assert not barge_in.stops_now(audible=True, locked=False, speech_ms=SETTINGS.speech_ms - 20)
    assert barge_in.stops_now(audible=True, locked=False, speech_ms=SETTINGS.speech_ms)
    assert barge_in.stops == 1


def test_the_disclosure_cannot_be_interrupted() -> None:
    assert not BargeIn(SETTINGS).stops_now(audible=True, locked=True, speech_ms=60_000)


def test_a_backchannel_that_stopped_the_prompt_is_a_false_stop() -> None:
    barge_in = BargeIn(SETTINGS)
    assert barge_in.judge("mm-hm", understood=False, stopped=True, remaining_ms=3000) is Judgement.GO_ON
    assert barge_in.false_stops == 1


def test_a_yes_into_the_last_words_is_an_answer() -> None:
    barge_in = BargeIn(SETTINGS)
    assert barge_in.judge("Yes.", understood=True, stopped=False, remaining_ms=300) is Judgement.STOP
    assert barge_in.judge("", understood=False, stopped=False, remaining_ms=300) is Judgement.GO_ON


@pytest.mark.parametrize(
    ("text", "understood", "stops"),
    [
        ("Out.", False, False),
        ("Park", False, False),
        ("Wait!", False, True),
        ("How much?", False, True),
        ("Deal.", True, True),
        ("I already told you that", False, True),
    ],
)
def test_a_word_that_nothing_understands_is_a_noise(text: str, understood: bool, stops: bool) -> None:
    judged = BargeIn(SETTINGS).judge(text, understood=understood, stopped=False, remaining_ms=3000)
    assert (judged is Judgement.STOP) is stops
