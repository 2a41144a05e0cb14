"""Speech level: every prompt as loud as the next, so that callers need not reach for the volume."""

import numpy as np
from numpy.typing import NDArray

FRAME = 160
TARGET = 10 ** (-20 / 20)
PEAK = 10 ** (-1 / 20)
ACTIVE_BELOW_LOUDEST = 10 ** (-25 / 20)


def active_level(samples: NDArray[np.float32]) -> float:
    """RMS of the 20 ms frames (8 kHz) in which there is speech; 0 when all is silent. 1.0 is full scale."""
    whole = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    if not len(whole):
        return 0.0
    levels = np.sqrt(np.mean(np.square(whole, dtype=np.float64), axis=1))
    active = levels[levels >= ACTIVE_BELOW_LOUDEST * levels.max()]
    return float(np.sqrt(np.mean(np.square(active))))


def level(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Scale to -20 dBFS of active speech, less where a peak would pass -1 dBFS."""
    loudness = active_level(samples)
    peak = float(np.max(np.abs(samples), initial=0.0))
    gain = min(TARGET / loudness, PEAK / peak) if loudness > 0 else 0.0
    return np.round(samples * gain * 32767).astype(np.int16)
