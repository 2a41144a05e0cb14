"""Intervals and quantiles against published and hand-computed values."""

import pytest

from voicebot.reports import statistics


def test_wilson_upper_bound_of_the_abandonment_example() -> None:
    interval = statistics.wilson(20, 1000)
    assert interval.high == pytest.approx(0.0307, abs=5e-5)


def test_wilson_of_a_rate_never_seen_is_not_zero_wide() -> None:
    interval = statistics.wilson(0, 10)
    assert interval.low == pytest.approx(0.0, abs=1e-12)
    assert interval.high == pytest.approx(0.2775, abs=1e-4)


def test_wilson_of_nothing_has_no_bounds() -> None:
    assert statistics.wilson(0, 0) == statistics.Interval(None, None)


@pytest.mark.parametrize(("numerator", "denominator"), [(3, 2), (-1, 2)])
def test_wilson_refuses_impossible_counts(numerator: int, denominator: int) -> None:
    with pytest.raises(ValueError, match="not within"):
        statistics.wilson(numerator, denominator)


def test_newcombe_check_value() -> None:
    interval = statistics.newcombe((130, 1000), (100, 1000))
    assert interval.low == pytest.approx(0.0020, abs=5e-5)
    assert interval.high == pytest.approx(0.0581, abs=5e-5)


def test_newcombe_with_an_empty_arm_has_no_bounds() -> None:
    assert statistics.newcombe((1, 2), (0, 0)) == statistics.Interval(None, None)


def test_quantile_interpolates() -> None:
    assert statistics.quantile([1, 2, 3, 4], 0.5) == 2.5
    assert statistics.quantile([], 0.5) is None


def test_quantile_interval_is_open_where_the_sample_cannot_bound_it() -> None:
    values = [float(value) for value in range(1, 31)]
    tail = statistics.quantile_interval(values, 0.95)
    assert tail.low is not None
    assert tail.high is None
    middle = statistics.quantile_interval(values, 0.50)
    # Order statistics 10 and 21 of 30 bound the median at 95 % (binomial tables).
    assert (middle.low, middle.high) == (10.0, 21.0)


def test_ratio_interval_holds_the_ratio_and_is_the_same_each_time() -> None:
    errors, words = [0, 2, 1, 3, 0, 1], [10, 20, 15, 10, 12, 20]
    interval = statistics.ratio_interval(errors, words)
    assert interval.low is not None
    assert interval.high is not None
    assert interval.low < sum(errors) / sum(words) < interval.high
    assert interval == statistics.ratio_interval(errors, words)


def test_ratio_interval_of_one_cluster_is_not_known() -> None:
    assert statistics.ratio_interval([1], [10]) == statistics.Interval(None, None)
