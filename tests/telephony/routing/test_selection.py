"""Which trunk takes the next call."""

import math

from hypothesis import given
from hypothesis import strategies as st

from telephony.routing.selection import Candidate, Wait, choose

CANDIDATES = st.lists(
    st.builds(
        Candidate,
        name=st.text("abcdef", min_size=1, max_size=3),
        priority=st.integers(1, 3),
        calls=st.integers(0, 4),
        channels=st.integers(1, 4),
        rate_wait_s=st.sampled_from([0.0, 0.5, 2.0]),
        down=st.booleans(),
        circuit_open=st.booleans(),
        half_open_in_s=st.sampled_from([5.0, math.inf]),
    ),
    max_size=6,
    unique_by=lambda each: each.name,
)


@given(CANDIDATES, st.booleans())
def test_the_choice_is_the_best_that_can_take_the_call(trunks: list[Candidate], last_resort: bool) -> None:
    chosen = choose(trunks, last_resort=last_resort)
    usable = [each for each in trunks if each.usable]
    if isinstance(chosen, Candidate):
        assert chosen.free
        assert chosen.rate_wait_s == 0
        assert chosen.usable or (last_resort and not usable)
        if chosen.usable:
            better = [each for each in usable if each.free and each.priority < chosen.priority]
            assert better == []
    elif chosen is None:
        assert not usable
        assert not (last_resort and trunks)
    else:
        assert chosen.seconds > 0


def test_a_full_trunk_overflows_to_the_next_priority_and_one_that_paces_does_not() -> None:
    backup = Candidate("backup", 2, 0, 10)
    assert choose([Candidate("main", 1, 10, 10), backup], last_resort=True) == backup
    pacing = Candidate("main", 1, 5, 10, rate_wait_s=0.2)
    assert choose([pacing, backup], last_resort=True) == Wait(0.2)
    equal = Candidate("other", 1, 9, 10)
    assert choose([pacing, equal, backup], last_resort=True) == equal


def test_the_least_loaded_share_among_equals() -> None:
    small, large = Candidate("small", 1, 3, 10), Candidate("large", 1, 20, 100)
    assert choose([small, large], last_resort=True) == large


def test_the_last_resort_prefers_one_that_answers_options() -> None:
    silent = Candidate("silent", 1, 0, 10, down=True)
    failing = Candidate("failing", 2, 0, 10, circuit_open=True, half_open_in_s=5)
    assert choose([silent, failing], last_resort=True) == failing
    assert choose([silent], last_resort=True) == silent
    assert choose([silent, failing], last_resort=False) is None


def test_with_every_channel_taken_it_waits_until_a_circuit_may_be_tried() -> None:
    full = Candidate("full", 1, 10, 10)
    assert choose([full], last_resort=True) == Wait(math.inf)
    failing = Candidate("failing", 1, 0, 10, circuit_open=True, half_open_in_s=5)
    assert choose([full, failing], last_resort=True) == Wait(5)
