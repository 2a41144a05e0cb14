"""Spares the network what is too quiet to be speech: most of most calls."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

QUIET_DBFS = -62.0
"""Windows below this level are quiet on any line; measured in `tests/system/test_vad_gate.py`."""
LOUD_DBFS = -52.0
"""Windows from this level on are loud on any line."""
ABOVE_NOISE_DB = 4.0
"""Between the two a window is quiet that is less than this above the line's own noise: the quietest window
of the last three to four seconds (minimum statistics, after Martin 2001). Steady noise has windows up to
2.6 dB louder than that one."""
_PART = 31
"""Windows, one second, of which only the quietest is kept."""
_PARTS = 4
_ABOVE_NOISE = np.float32(10 ** (ABOVE_NOISE_DB / 10))
HANGOVER = 64
"""Quiet windows that the network still hears after the last loud one: two seconds. Its state drifts as long;
after a third of a second it would take the next word for speech up to 100 ms earlier."""


class Detector(Protocol):
    """A voice activity detector of many streams, as `models.vad.silero.BatchedVad`."""

    def open(self) -> int:
        """A slot for a new stream."""

    def close(self, slot: int) -> None:
        """Give the slot back."""

    def run(self, slots: NDArray[np.intp], windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Speech probabilities of windows [n, 256] of n different streams."""


class GatedVad:
    """Runs a detector on the streams that are loud, or were just now; the others have probability 0.

    A new stream has no noise of its own until its first four seconds are over.
    Between the last quiet window that it ran on and the next loud one the detector's state stands still.
    """

    def __init__(self, detector: Detector, quiet_dbfs: float = QUIET_DBFS, hangover: int = HANGOVER) -> None:
        self._detector = detector
        self._quiet = np.float32(10 ** (quiet_dbfs / 10))
        self._loud = np.float32(10 ** (max(quiet_dbfs, LOUD_DBFS) / 10))
        self._hangover = hangover
        self._left: NDArray[np.int32] = np.zeros(64, np.int32)
        """Quiet windows that a stream's detector still hears."""
        self._seen: NDArray[np.int64] = np.zeros(64, np.int64)
        """Windows of each stream."""
        self._quietest: NDArray[np.float32] = np.zeros((64, _PARTS), np.float32)
        """Mean power of the quietest window of each of the last parts."""

    def open(self) -> int:
        """A slot for a new stream."""
        slot = self._detector.open()
        while slot >= self._left.size:
            self._left = np.concatenate([self._left, np.zeros_like(self._left)])
            self._seen = np.concatenate([self._seen, np.zeros_like(self._seen)])
            self._quietest = np.concatenate([self._quietest, np.zeros_like(self._quietest)])
        self._left[slot] = self._hangover
        self._seen[slot] = 0
        self._quietest[slot] = 0
        return slot

    def close(self, slot: int) -> None:
        """Give the slot back."""
        self._detector.close(slot)

    def run(self, slots: NDArray[np.intp], windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """`windows`: [n, 256] samples in -1..1 of n different streams. Returns n probabilities of speech."""
        power = np.einsum("ij,ij->i", windows, windows) / np.float32(windows.shape[1])
        loud = power >= self._levels(slots, power)
        left = np.where(loud, self._hangover, self._left[slots] - 1)
        self._left[slots] = np.maximum(left, 0)
        heard = np.flatnonzero(left >= 0)
        if heard.size == slots.size:
            return self._detector.run(slots, windows)
        probabilities = np.zeros(slots.size, np.float32)
        if heard.size:
            probabilities[heard] = self._detector.run(slots[heard], windows[heard])
        return probabilities

    def _levels(self, slots: NDArray[np.intp], power: NDArray[np.float32]) -> NDArray[np.float32]:
        """From which mean power on a window of each stream is loud, now that this one has come."""
        part, place = np.divmod(self._seen[slots], _PART)
        self._seen[slots] += 1
        part %= _PARTS
        so_far = self._quietest[slots, part]
        self._quietest[slots, part] = np.where(place == 0, power, np.minimum(so_far, power))
        noise = self._quietest[slots].min(axis=1)
        levels: NDArray[np.float32] = np.clip(noise * _ABOVE_NOISE, self._quiet, self._loud)
        return levels
