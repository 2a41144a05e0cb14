"""Rates, differences and quantiles with their uncertainty. Nothing here knows what a call is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import quantile_test
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

CONFIDENCE = 0.95
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval; a bound is None where the sample cannot give one."""

    low: float | None
    high: float | None


def wilson(numerator: int, denominator: int) -> Interval:
    """Wilson score interval of a proportion, as fractions. No bounds when nothing was counted."""
    if not 0 <= numerator <= denominator:
        raise ValueError(f"numerator {numerator} is not within 0..{denominator}")
    if denominator == 0:
        return Interval(None, None)
    low, high = proportion_confint(numerator, denominator, alpha=1 - CONFIDENCE, method="wilson")
    return Interval(float(low), float(high))


def newcombe(new: tuple[int, int], old: tuple[int, int]) -> Interval:
    """Newcombe hybrid-score interval of new rate - old rate; each given as (numerator, denominator)."""
    if new[1] == 0 or old[1] == 0:
        return Interval(None, None)
    low, high = confint_proportions_2indep(
        new[0], new[1], old[0], old[1], method="newcomb", compare="diff", alpha=1 - CONFIDENCE
    )
    return Interval(float(low), float(high))


def quantile(values: Sequence[float], share: float) -> float | None:
    """Quantile by linear interpolation (type 7); None without values."""
    return float(np.quantile(np.asarray(values, dtype=np.float64), share)) if values else None


def quantile_interval(values: Sequence[float], share: float) -> Interval:
    """Distribution-free interval of a quantile from order statistics (binomial)."""
    if len(values) < 2:
        return Interval(None, None)
    test = quantile_test(np.asarray(values, dtype=np.float64), p=share)
    interval = test.confidence_interval(CONFIDENCE)
    return Interval(*(None if np.isnan(bound) else float(bound) for bound in interval))


def ratio_interval(numerators: Sequence[int], denominators: Sequence[int]) -> Interval:
    """Cluster bootstrap of sum(numerators)/sum(denominators): whole clusters (calls) are redrawn.

    Percentile interval, fixed seed, so that a report is the same each time it is made.
    """
    above, below = np.asarray(numerators), np.asarray(denominators)
    if len(above) < 2 or below.sum() == 0:
        return Interval(None, None)
    drawn = np.random.default_rng(0).integers(0, len(above), size=(RESAMPLES, len(above)))
    sums = below[drawn].sum(axis=1)
    ratios = above[drawn].sum(axis=1)[sums > 0] / sums[sums > 0]
    tail = (1 - CONFIDENCE) / 2
    return Interval(float(np.quantile(ratios, tail)), float(np.quantile(ratios, 1 - tail)))
