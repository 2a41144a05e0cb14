"""From looks to runs: how long the same tone went on, for all calls at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from telephony.tones.looks import NOTHING, Ints, Looks

EDGE_DB = 4.5
"""A look this much below the run's level has only part of the tone in its window."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """How looks join to a run. Times in ms."""

    hop_ms: int
    gap_ms: int
    """Looks that differ for this long end the run."""
    shortest_ms: int
    """Shorter runs are not told."""
    told_after_ms: int | None = None
    """A run this long is told once while it goes on, too."""


@dataclass(frozen=True, slots=True)
class Run:
    """A tone of one call from its start to its end, or so far."""

    slot: int
    symbol: int
    start_ms: int
    end_ms: int
    frequency_hz: float
    ended: bool

    @property
    def length_ms(self) -> int:
        return self.end_ms - self.start_ms


class Runs:
    """The present run of each of `capacity` calls, in arrays."""

    def __init__(self, capacity: int, limits: RunLimits) -> None:
        self._limits = limits
        self._symbol = np.full(capacity, NOTHING, np.intp)
        self._start = np.zeros(capacity, np.int64)
        self._last = np.zeros(capacity, np.int64)
        self._count = np.zeros(capacity, np.int64)
        self._frequency = np.zeros(capacity, np.float32)
        self._level = np.zeros(capacity, np.float32)
        self._told = np.zeros(capacity, np.bool_)

    def forget(self, slot: int) -> None:
        self._symbol[slot] = NOTHING

    def any_of(self, slots: Ints) -> bool:
        """Whether a run of any of these calls goes on."""
        return bool((self._symbol[slots] != NOTHING).any())

    def since_ms(self, slot: int) -> int | None:
        """When the run of this call began that goes on, if there is one of at least three looks."""
        if self._symbol[slot] == NOTHING or self._count[slot] < 3:
            return None
        return int(self._start[slot])

    def observe(self, slots: Ints, at_ms: int, looks: Looks) -> list[Run]:
        """Take the looks of these calls, centred at `at_ms`; runs that ended, then runs that became long."""
        present = self._symbol[slots]
        running = present != NOTHING
        seen = looks.symbol != NOTHING
        if not running.any() and not seen.any():
            return []
        mean, level = self._frequency[slots], self._level[slots]
        same = (
            seen
            & (looks.symbol == present)
            & (np.abs(looks.frequency_hz - mean) <= np.maximum(10.0, 0.015 * mean))
        )
        change = looks.level_dbfs - level
        weaker = running & same & (change < -EDGE_DB)
        # The first looks at a tone have only its beginning in the window: the run starts where it is full.
        rising = running & same & (change > EDGE_DB) & (self._count[slots] <= 3)
        goes_on = running & same & (np.abs(change) <= EDGE_DB)
        begins = seen & ~goes_on & ~weaker
        lost = ~goes_on & (at_ms - self._last[slots] > self._limits.gap_ms)
        ends = running & ~rising & (begins | lost)
        runs = self._report(slots[ends], ended=True)
        self._symbol[slots[ends]] = NOTHING
        self._begin(slots[begins], at_ms, looks, begins)
        self._extend(slots[goes_on], at_ms, looks, goes_on)
        if self._limits.told_after_ms is not None:
            going = slots[goes_on]
            long = going[~self._told[going] & (at_ms - self._start[going] >= self._limits.told_after_ms)]
            self._told[long] = True
            runs += self._report(long, ended=False)
        return runs

    def _begin(self, slots: Ints, at_ms: int, looks: Looks, which: NDArray[np.bool_]) -> None:
        self._symbol[slots] = looks.symbol[which]
        self._start[slots] = self._last[slots] = at_ms
        self._count[slots] = 1
        self._frequency[slots] = looks.frequency_hz[which]
        self._level[slots] = looks.level_dbfs[which]
        self._told[slots] = False

    def _extend(self, slots: Ints, at_ms: int, looks: Looks, which: NDArray[np.bool_]) -> None:
        self._last[slots] = at_ms
        self._count[slots] += 1
        self._level[slots] = np.maximum(self._level[slots], looks.level_dbfs[which])
        step = looks.frequency_hz[which] - self._frequency[slots]
        self._frequency[slots] += step / np.minimum(self._count[slots], 16)

    def _report(self, slots: Ints, *, ended: bool) -> list[Run]:
        half = self._limits.hop_ms // 2
        return [
            Run(
                int(slot),
                int(self._symbol[slot]),
                int(self._start[slot]) - half,
                int(self._last[slot]) + half,
                float(self._frequency[slot]),
                ended,
            )
            for slot in slots
            if self._last[slot] - self._start[slot] + 2 * half >= self._limits.shortest_ms
        ]
