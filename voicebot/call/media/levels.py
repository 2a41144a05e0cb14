"""How loud a call was in both directions, and whether it was cut off at full scale."""

from itertools import count
from math import log10

import numpy as np

from telephony.audio import clipped_share, level_dbfs
from telephony.line import Frame

SILENT_DBFS = -100.0
_SILENT_POWER = 1e-10
_FULL_SCALE = 160 * 32768.0**2
_BATCH = 50
_STRIDE = 19
"""Calls that begin together are measured in different ticks: so much shorter is the next first batch."""
_meters = count()
_ACTIVE_DBFS = -50.0
"""Quieter frames are pauses."""


def frame_dbfs(frame: Frame) -> float:
    """Level of one frame, `SILENT_DBFS` at least: a microsecond, where `level_dbfs` is for many at once."""
    samples = frame.astype(np.float32)
    return 10 * log10(float(samples.dot(samples)) / _FULL_SCALE + _SILENT_POWER)


class LevelMeter:
    """Mean level of the active frames of one direction. Frames are measured fifty at a time: 1.5 us each."""

    def __init__(self) -> None:
        self._frames: list[Frame] = []
        self._batch = _BATCH - next(_meters) * _STRIDE % _BATCH
        self._active = 0
        self._power = 0.0
        self._clipped = 0.0

    def add(self, frame: Frame) -> None:
        """Count a frame of 160 samples, which is copied."""
        self._frames.append(frame.copy())
        if len(self._frames) >= self._batch:
            self._measure()
            self._batch = _BATCH

    def figures(self, direction: str) -> dict[str, float]:
        """`level_<direction>_dbfs` and `clipped_<direction>_share`; nothing if all was quiet."""
        self._measure()
        if not self._active:
            return {}
        level = 10 * float(np.log10(self._power / self._active))
        return {
            f"level_{direction}_dbfs": round(level, 1),
            f"clipped_{direction}_share": round(self._clipped / self._active, 6),
        }

    def _measure(self) -> None:
        if not self._frames:
            return
        frames = np.stack(self._frames)
        self._frames.clear()
        levels = level_dbfs(frames)
        active = levels > _ACTIVE_DBFS
        self._active += int(active.sum())
        self._power += float(np.sum(10 ** (levels[active] / 10)))
        self._clipped += float(clipped_share(frames[active]).sum())


class CallLevels:
    """Both directions of one call."""

    def __init__(self) -> None:
        self.heard, self.said = LevelMeter(), LevelMeter()

    def figures(self) -> dict[str, float]:
        """For the record of the call."""
        return self.heard.figures("in") | self.said.figures("out")
