"""The rate of new calls, under every order of attempts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.routing.token_bucket import TokenBucket

RATES = st.floats(0.05, 200)


@given(RATES, st.lists(st.floats(0, 5), min_size=1, max_size=120))
def test_no_window_holds_more_starts_than_rate_and_burst(rate: float, pauses: list[float]) -> None:
    bucket, now, starts = TokenBucket(rate), 1000.0, []
    for pause in pauses:
        now += pause / rate
        if bucket.take(now) == 0:
            starts.append(now)
    for first, begin in enumerate(starts):
        for last in range(first, len(starts)):
            assert last - first + 1 <= rate * (starts[last] - begin) + bucket.burst + 1e-3


@given(RATES, st.integers(1, 60))
def test_who_waits_as_told_gets_its_start(rate: float, calls: int) -> None:
    bucket, now = TokenBucket(rate), 0.0
    for _ in range(calls):
        if wait := bucket.take(now):
            now += wait
            assert bucket.take(now) == 0
    assert now <= calls / rate


@given(RATES, st.lists(st.floats(-10, 10), max_size=40))
def test_a_clock_that_steps_back_gives_nothing(rate: float, steps: list[float]) -> None:
    bucket, now = TokenBucket(rate), 0.0
    newest, starts = 0.0, int(bucket.take(0.0) == 0)
    for step in steps:
        now += step
        newest = max(newest, now)
        starts += bucket.take(now) == 0
    assert starts <= rate * newest + bucket.burst + 1e-3


def test_a_second_worth_goes_at_once_and_at_least_one() -> None:
    assert [TokenBucket(rate).burst for rate in (0.2, 1.0, 10.0)] == [1.0, 1.0, 10.0]
    bucket = TokenBucket(0.2)
    assert [bucket.take(0), bucket.take(0)] == [0.0, pytest.approx(5.0)]
    assert bucket.wait_s(4) == pytest.approx(1.0)
