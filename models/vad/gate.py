"""Spares the network what is too quiet to be speech: most of most calls."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

QUIET_DBFS = -62.0
"""Windows below this level are quiet; measured in `tests/system/test_vad_gate.py`."""
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

    Between the last quiet window that it ran on and the next loud one the detector's state stands still.
    """

    def __init__(self, detector: Detector, quiet_dbfs: float = QUIET_DBFS, hangover: int = HANGOVER) -> None:
        self._detector = detector
        self._quiet = np.float32(10 ** (quiet_dbfs / 10))
        self._hangover = hangover
        self._left: NDArray[np.int32] = np.zeros(64, np.int32)
        """Quiet windows that a stream's detector still hears."""

    def open(self) -> int:
        """A slot for a new stream."""
        slot = self._detector.open()
        while slot >= self._left.size:
            self._left = np.concatenate([self._left, np.zeros_like(self._left)])
        self._left[slot] = self._hangover
        return slot

    def close(self, slot: int) -> None:
        """Give the slot back."""
        self._detector.close(slot)

    def run(self, slots: NDArray[np.intp], windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """`windows`: [n, 256] samples in -1..1 of n different streams. Returns n probabilities of speech."""
        power = np.einsum("ij,ij->i", windows, windows)
        loud = power >= self._quiet * np.float32(windows.shape[1])
        left = np.where(loud, self._hangover, self._left[slots] - 1)
        self._left[slots] = np.maximum(left, 0)
        heard = np.flatnonzero(left >= 0)
        if heard.size == slots.size:
            return self._detector.run(slots, windows)
        probabilities = np.zeros(slots.size, np.float32)
        if heard.size:
            probabilities[heard] = self._detector.run(slots[heard], windows[heard])
        return probabilities
