"""Which intent an utterance of several sentences has."""

from models.intent import IntentResult
from voicebot.call.listening.hearing import choose_intent

UNSURE = IntentResult(None, 0.4)
YES = IntentResult("yes", 0.95)
INTERESTED = IntentResult("interested", 0.9)
OPT_OUT = IntentResult("opt_out", 0.9)


def test_one_sentence_is_the_whole() -> None:
    assert choose_intent(YES, []) is YES
    assert choose_intent(UNSURE, []) is UNSURE


def test_a_wish_not_to_be_called_counts_wherever_it_is_said() -> None:
    assert choose_intent(YES, [OPT_OUT, YES]) is OPT_OUT
    assert choose_intent(UNSURE, [YES, OPT_OUT]) is OPT_OUT


def test_a_clear_whole_counts_before_its_parts() -> None:
    assert choose_intent(INTERESTED, [YES, UNSURE]) is INTERESTED


def test_the_last_clear_sentence_decides_when_the_whole_is_unclear() -> None:
    assert choose_intent(UNSURE, [YES, INTERESTED, UNSURE]) is INTERESTED
    assert choose_intent(UNSURE, [UNSURE, UNSURE]) is UNSURE
