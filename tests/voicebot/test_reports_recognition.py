"""Error rates: spelling that must not count, and the join with the callees' own log."""

from dataclasses import replace

import pytest

from tests.voicebot.report_rows import callers_log, six_contacts
from voicebot.reports.metrics import summarise
from voicebot.reports.spoken_form import tokens


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Call me at 4.", "call me at four"),
        ("It's $19.99!", "it is nineteen dollars and ninety nine cents"),
        ("105 or 1,200", "one hundred and five or one thousand two hundred"),
        ("20% off", "twenty percent off"),
        ("at 3:30 p.m.", "at three thirty pm"),
        ("3pm", "three p.m."),
        ("I can't, I won't", "I can not I will not"),
        ("the 21st and the 12th", "the twenty first and the twelfth"),
        ("555-0100", "five hundred fifty five zero one zero zero"),
        ("5550100", "five five five zero one zero zero"),
        ("Um, yeah OK.", "yes okay"),
        ("don\u2019t", "do not"),
    ],
)
def test_same_words_written_differently(written: str, spoken: str) -> None:
    assert tokens(written) == tokens(spoken)


def test_different_words_stay_different() -> None:
    assert tokens("fifteen") != tokens("50")
    assert tokens("bread and butter") == ["bread", "and", "butter"]


def test_mandarin_is_counted_by_character() -> None:
    assert tokens("我要4个。", "zh") == ["我", "要", "四", "个"]


def test_word_error_rate_joins_by_call_id_and_states_what_it_left_out() -> None:
    errors = summarise(six_contacts(), callers_log()).asr_word_error_rate
    assert errors is not None
    # "i'd like four of these" (5 words) heard as "... of them": one substitution.
    # "never ever call me again" (5 words) heard without "ever": one deletion.
    assert (errors.substitutions, errors.deletions, errors.insertions) == (1, 1, 0)
    assert errors.reference_length == 10
    assert errors.value == pytest.approx(0.2)
    assert (errors.lines_counted, errors.lines_cut, errors.lines_over_prompt) == (2, 1, 1)
    assert errors.calls == 2
    assert errors.calls_not_joined == 3
    assert errors.unit == "words"


def test_what_nobody_said_is_an_insertion() -> None:
    first, second = callers_log()
    silent = replace(second, lines=())
    errors = summarise(six_contacts(), [first, silent]).asr_word_error_rate
    assert errors is not None
    assert errors.insertions == 4


def test_a_line_that_wants_no_reply_is_left_out_with_what_was_heard_of_it() -> None:
    first, second = callers_log()
    murmur = replace(second, lines=(replace(second.lines[0], expects_reply=False),))
    errors = summarise(six_contacts(), [first, murmur]).asr_word_error_rate
    assert errors is not None
    assert (errors.lines_no_reply_expected, errors.reference_length, errors.insertions) == (1, 5, 0)


def test_callers_own_delays_stand_next_to_ours() -> None:
    side = summarise(six_contacts(), callers_log()).caller_side
    assert side is not None
    assert side.reply_latency_ms.p50 == 850.0
    assert side.answer_to_greeting_ms.n == 2


def test_a_log_of_other_calls_gives_no_error_rate() -> None:
    strangers = [replace(entry, sip_call_id="other-" + entry.sip_call_id) for entry in callers_log()]
    report = summarise(six_contacts(), strangers)
    assert report.asr_word_error_rate is None
    assert report.caller_side is None
