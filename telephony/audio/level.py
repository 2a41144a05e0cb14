"""How loud audio is, and whether it was cut off at full scale."""

import numpy as np
from numpy.typing import NDArray

SILENCE_DBFS = -100.0
"""What `level_dbfs` gives for digital silence."""
CLIPPED_FROM = 32_000
"""Samples from here on are cut off: the loudest codes of mu-law and A-law are 32124 and 32256."""

_FULL_SCALE = 32768.0


def level_dbfs(samples: NDArray[np.int16]) -> NDArray[np.float64]:
    """Root-mean-square level over the last axis, in dB below a full-scale square wave (dBov).

    `(calls, 160)` gives `(calls,)`. Silence gives `SILENCE_DBFS`.
    """
    power = np.mean(np.square(samples, dtype=np.float64), axis=-1) / _FULL_SCALE**2
    quietest = 10.0 ** (SILENCE_DBFS / 10)
    level: NDArray[np.float64] = 10.0 * np.log10(np.maximum(power, quietest))
    return level


def clipped_share(samples: NDArray[np.int16]) -> NDArray[np.float64]:
    """Share of samples at full scale over the last axis, 0 to 1."""
    share: NDArray[np.float64] = np.mean((samples >= CLIPPED_FROM) | (samples <= -CLIPPED_FROM), axis=-1)
    return share
