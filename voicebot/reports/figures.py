"""Counts and lists of numbers, made into the parts of a report."""

from collections.abc import Collection, Sequence

from voicebot.reports import statistics
from voicebot.reports.report import Quantiles, Rate

SMALL_RATE_N = 30
SMALL_P95_N = 20
SMALL_P99_N = 100


def rate(numerator: int, denominator: int, counts: str, of: str) -> Rate:
    """A share with its Wilson interval; `counts` and `of` say in words what was counted."""
    interval = statistics.wilson(numerator, denominator)
    note = ""
    if denominator == 0:
        note = "nothing to count"
    elif denominator < SMALL_RATE_N:
        note = f"n too small to compare: {denominator} < {SMALL_RATE_N}"
    return Rate(
        numerator=numerator,
        denominator=denominator,
        value=numerator / denominator if denominator else None,
        low=interval.low,
        high=interval.high,
        counts=counts,
        of=of,
        note=note,
    )


def share(part: Collection[object], whole: Collection[object], counts: str, of: str) -> Rate:
    """`rate` of two collections' sizes."""
    return rate(len(part), len(whole), counts, of)


def quantiles(values: Sequence[float]) -> Quantiles:
    """n, quantiles, mean and range of `values`, in their own unit."""
    middle = statistics.quantile_interval(values, 0.50)
    tail = statistics.quantile_interval(values, 0.95)
    return Quantiles(
        n=len(values),
        p50=statistics.quantile(values, 0.50),
        p95=statistics.quantile(values, 0.95),
        p99=statistics.quantile(values, 0.99),
        mean=sum(values) / len(values) if values else None,
        least=min(values, default=None),
        most=max(values, default=None),
        p50_low=middle.low,
        p50_high=middle.high,
        p95_low=tail.low,
        p95_high=tail.high,
        note=_note(len(values)),
    )


def _note(n: int) -> str:
    if n == 0:
        return "nothing measured"
    if n < SMALL_P95_N:
        return f"n too small for p95 and p99: {n} < {SMALL_P95_N}"
    if n < SMALL_P99_N:
        return f"p99 says little: n = {n} < {SMALL_P99_N}"
    return ""
