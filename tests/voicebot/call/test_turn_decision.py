"""How much silence ends a turn, by what was said so far."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs.unfinished import Ending, ending_of
from voicebot.call.turn_taking.turn_decision import SaidSoFar, is_short_answer, silence_that_ends
from voicebot.settings import EndpointingSettings

TIMES = EndpointingSettings()
LEARNED_MS = 700
SURE, UNSURE = SaidSoFar(answered=True, intent=True), SaidSoFar()
FILLED = SaidSoFar(answered=True)

SAID = st.builds(
    SaidSoFar,
    answered=st.booleans(),
    short=st.booleans(),
    dictation=st.booleans(),
    ending=st.sampled_from(Ending),
    completeness=st.none() | st.floats(0, 1),
    intent=st.booleans(),
)
LEARNED = st.integers(TIMES.least_end_ms, TIMES.most_end_ms)


@pytest.mark.parametrize(
    ("said", "silence_ms"),
    [
        (SURE, TIMES.commit_ms),
        (replace(SURE, short=True), TIMES.short_end_ms),
        (replace(SURE, dictation=True), LEARNED_MS),
        (replace(SURE, dictation=True, short=True), LEARNED_MS),
        (replace(SURE, ending=Ending.OPEN), TIMES.short_end_ms),  # "I don't want to"
        (FILLED, TIMES.short_end_ms),  # "I would say on Tuesday", and "at five" may follow.
        (replace(FILLED, short=True), TIMES.short_end_ms),
        (replace(FILLED, ending=Ending.OPEN), LEARNED_MS),  # "OK well the problem is"
        (replace(FILLED, short=True, ending=Ending.OPEN), LEARNED_MS),  # "At five"
        (replace(FILLED, ending=Ending.UNFINISHED), LEARNED_MS),
        (replace(FILLED, dictation=True), LEARNED_MS),
        (replace(SURE, ending=Ending.UNFINISHED), LEARNED_MS),  # "Yes but"
        (replace(SURE, short=True, ending=Ending.UNFINISHED), LEARNED_MS),  # "Yes, and?"
        (replace(SURE, dictation=True, ending=Ending.UNFINISHED), TIMES.dictation_end_ms),
        (replace(UNSURE, ending=Ending.UNFINISHED), TIMES.dictation_end_ms),
        (replace(SURE, short=True, completeness=0.01), TIMES.short_end_ms),
        (UNSURE, LEARNED_MS),
        (replace(UNSURE, short=True), LEARNED_MS),
        (replace(UNSURE, completeness=0.5), LEARNED_MS),
        (replace(UNSURE, completeness=0.97), TIMES.complete_end_ms),
        (replace(UNSURE, completeness=0.03), TIMES.most_end_ms),
        (replace(UNSURE, ending=Ending.OPEN), TIMES.dictation_end_ms),
        (replace(UNSURE, ending=Ending.OPEN, completeness=0.97), TIMES.dictation_end_ms),
        (replace(UNSURE, ending=Ending.UNFINISHED, completeness=0.97), TIMES.dictation_end_ms),
        (replace(UNSURE, dictation=True, completeness=0.97), TIMES.dictation_end_ms),
    ],
)
def test_each_case(said: SaidSoFar, silence_ms: int) -> None:
    assert silence_that_ends(said, LEARNED_MS, TIMES) == silence_ms


@pytest.mark.parametrize(
    "text",
    ["OK well the problem is", "Yes I would like to", "Sure, the meeting is at", "Right so the thing is"],
)
@pytest.mark.parametrize("intent", [True, False])
def test_a_breath_does_not_end_half_a_sentence(text: str, intent: bool) -> None:
    """However sure the "yes" in front of it."""
    short, ending = is_short_answer(text, "en"), ending_of(text, "en")
    said = SaidSoFar(answered=True, short=short, ending=ending, intent=intent)
    least_ms = TIMES.short_end_ms if intent else LEARNED_MS
    assert silence_that_ends(said, LEARNED_MS, TIMES) == least_ms


@given(SAID, LEARNED)
def test_never_less_than_a_breath_nor_more_than_dictation(said: SaidSoFar, learned_ms: int) -> None:
    assert TIMES.commit_ms <= silence_that_ends(said, learned_ms, TIMES) <= TIMES.dictation_end_ms


@given(SAID, LEARNED)
def test_what_was_understood_is_not_held_up_by_how_it_sounded(said: SaidSoFar, learned_ms: int) -> None:
    said = replace(said, answered=True)
    alone = replace(said, completeness=None)
    assert silence_that_ends(said, learned_ms, TIMES) == silence_that_ends(alone, learned_ms, TIMES)


@given(SAID, LEARNED, st.floats(0, 1))
def test_sounding_more_finished_never_makes_it_wait_longer(
    said: SaidSoFar, learned_ms: int, more: float
) -> None:
    less, more = sorted((said.completeness or 0.0, more))
    waits = [silence_that_ends(replace(said, completeness=each), learned_ms, TIMES) for each in (less, more)]
    assert waits[0] >= waits[1]


@given(SAID, LEARNED)
def test_being_understood_never_makes_it_wait_longer(said: SaidSoFar, learned_ms: int) -> None:
    waits = [
        silence_that_ends(replace(said, answered=each, completeness=None), learned_ms, TIMES)
        for each in (False, True)
    ]
    assert waits[0] >= waits[1]


@pytest.mark.parametrize(
    ("text", "language", "short"),
    [
        ("Yes.", "en", True),
        ("No, thanks.", "en", True),
        ("Yes, of course.", "en", False),
        ("可以的。", "zh", True),
        ("对，我有时间。", "zh", False),
    ],
)
def test_few_words_are_short(text: str, language: str, short: bool) -> None:
    assert is_short_answer(text, language) is short
