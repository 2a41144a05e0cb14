"""How long one caller pauses, learned between bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.call.turn_taking.pause_learner import PauseLearner
from voicebot.settings import EndpointingSettings

TIMES = EndpointingSettings()

PAUSES = st.lists(st.tuples(st.floats(0, 5000), st.booleans()), max_size=40)
"""(length in ms, whether the turn had been taken away)."""


def learned(pauses: list[tuple[float, bool]]) -> PauseLearner:
    learner = PauseLearner(TIMES)
    for pause_ms, cut_off in pauses:
        (learner.was_cut_off if cut_off else learner.went_on)(pause_ms)
    return learner


def test_nothing_heard_is_the_setting() -> None:
    assert PauseLearner(TIMES).end_ms == TIMES.end_ms


@given(PAUSES)
def test_always_within_its_bounds(pauses: list[tuple[float, bool]]) -> None:
    assert TIMES.least_end_ms <= learned(pauses).end_ms <= TIMES.most_end_ms


@given(PAUSES, st.data())
def test_longer_pauses_never_make_it_less_patient(
    pauses: list[tuple[float, bool]], data: st.DataObject
) -> None:
    longer = [(pause_ms + data.draw(st.floats(0, 2000)), cut_off) for pause_ms, cut_off in pauses]
    assert learned(longer).end_ms >= learned(pauses).end_ms


@given(PAUSES, st.floats(0, 5000))
def test_the_same_pause_again_and_again_is_learned(pauses: list[tuple[float, bool]], pause_ms: float) -> None:
    learner = learned([*pauses, *[(pause_ms, False)] * 60])
    aim = min(TIMES.most_end_ms, max(TIMES.least_end_ms, pause_ms + 200))
    assert learner.end_ms == pytest.approx(aim, abs=2)


@given(st.floats(0, 5000))
def test_being_cut_off_teaches_at_least_as_much_patience(pause_ms: float) -> None:
    assert learned([(pause_ms, True)]).end_ms >= learned([(pause_ms, False)]).end_ms


def test_it_follows_the_longer_pauses_and_not_their_mean() -> None:
    both = learned([(250, False), (600, False)] * 40)
    assert both.end_ms > (250 + 600) / 2 + 200
