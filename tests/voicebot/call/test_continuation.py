"""What belongs to a turn that was answered already. Pure, without a call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs.turn import DialogueState
from voicebot.call.turn_taking.continuation import GOES_ON_MS, Continuation, TakenTurn, added_to

STATE = DialogueState("offer", {})


@pytest.mark.parametrize(
    ("before", "text", "added"),
    [
        ("Yes.", "Yes, but who is this?", "but who is this?"),
        ("Yes.", "yes", ""),
        ("How much is it?", "how much is it... okay.", "okay."),
        ("How much is it?", "How much is its price", "How much is its price"),
        ("I want it", "I wanted it", "I wanted it"),
        ("That's it", "that's it", ""),
        ("五", "五分", "分"),
        ("多少钱？", "多少钱，好的。", "好的。"),
        ("five", "one to five", "one to five"),
        ("", "yes", "yes"),
        ("Yes.", "", ""),
        ("...", "yes", "yes"),
    ],
)
def test_what_was_added(before: str, text: str, added: str) -> None:
    assert added_to(before, text) == added


@given(st.text(), st.text())
def test_what_was_added_is_the_end_of_what_was_said(before: str, text: str) -> None:
    assert text.endswith(added_to(before, text))


def rest_at(at_ms: int, *, end_ms: int, over_ms: float) -> bool:
    continuation = Continuation()
    continuation.taken(TakenTurn(STATE, 0, end_ms, over_ms=over_ms, text="yes"))
    continuation.speech_began(at_ms)
    return continuation.rest_of is not None


@pytest.mark.parametrize(("silence_ms", "goes_on_ms"), [(200, 1200), (400, 1200), (960, 1760), (1200, 2000)])
def test_the_time_counts_from_the_answer_when_the_turn_was_given_long(
    silence_ms: int, goes_on_ms: int
) -> None:
    assert GOES_ON_MS == 1200
    assert rest_at(5000 + goes_on_ms, end_ms=5000, over_ms=5000 + silence_ms)
    assert not rest_at(5020 + goes_on_ms, end_ms=5000, over_ms=5000 + silence_ms)


def test_nothing_was_answered_of_a_turn_that_waits_for_its_words() -> None:
    continuation = Continuation()
    continuation.joins(STATE, 1000, 2000, 2500)
    assert continuation.new_words("yes but") == "yes but"
    assert not continuation.repeats("yes but")
    assert continuation.changes("yes")


def test_a_turn_that_was_answered_stays_so_when_its_rest_waits_for_more() -> None:
    continuation = Continuation()
    continuation.taken(TakenTurn(STATE, 0, 1000, over_ms=1400, text="Yes.", intent="yes"))
    continuation.speech_began(1800)
    continuation.joins(STATE, 1800, 2400, 2800)
    assert continuation.rest_of is not None
    assert (continuation.rest_of.start_ms, continuation.pause_ms) == (0, 400)
    assert continuation.new_words("yes okay") == "okay"
    assert continuation.repeats("yes")
    assert not continuation.changes("yes")
    assert continuation.changes(None)
