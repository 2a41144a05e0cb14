"""Figures that were measured several times."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and most of a few repetitions. No interval is claimed: they are too few."""

    median: float
    least: float
    most: float


def spread(values: Sequence[float]) -> Spread | None:
    """None without values."""
    return Spread(median(values), min(values), max(values)) if values else None


def paired_ratio(ours: Sequence[float | None], theirs: Sequence[float | None]) -> Spread | None:
    """Ours by theirs, round by round, since what disturbed a round disturbed both. Gaps are left out."""
    pairs = zip(ours, theirs, strict=True)
    return spread([mine / other for mine, other in pairs if mine is not None and other])


def shown(value: Spread | None, digits: int) -> str:
    """For a table: the median, and the least and the most in brackets where they differ."""
    if value is None:
        return "-"
    median, least, most = (f"{one:.{digits}f}" for one in (value.median, value.least, value.most))
    return median if least == most else f"{median} ({least}-{most})"
