"""The last half minute of what the callee said, by time, for recognition."""

import numpy as np
from numpy.typing import NDArray

from telephony.line import FRAME_MS, FRAME_SAMPLES, Frame

BEFORE_MS = 240
"""Audio kept from before the detector was sure: first words must not be lost."""


class HeardAudio:
    """A ring of frames. Times are those of the media clock; the frame of tick t ends at t."""

    def __init__(self, seconds: int = 30) -> None:
        self._frames = np.zeros((seconds * 1000 // FRAME_MS, FRAME_SAMPLES), np.int16)
        self._count = 0
        self._now_ms = 0

    def add(self, now_ms: int, frame: Frame) -> None:
        """Remember the frame of this tick."""
        self._frames[self._count % len(self._frames)] = frame
        self._count += 1
        self._now_ms = now_ms

    def between(self, start_ms: int, end_ms: int) -> NDArray[np.int16]:
        """Samples from `start_ms` to `end_ms`, as far as they are still here; int16, 8 kHz."""
        oldest = max(0, self._count - len(self._frames))
        last = self._count - max(0, self._now_ms - end_ms) // FRAME_MS
        first = max(oldest, self._count - max(0, self._now_ms - start_ms) // FRAME_MS)
        rows = np.arange(first, max(first, last)) % len(self._frames)
        return self._frames[rows].ravel()
