"""Comfort noise: the faint hiss that tells a quiet line from a dead one."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from telephony.line import SAMPLE_RATE_HZ

LEVEL_DBOV = -65.0
"""As quiet as a good line: a few steps of G.711, far below any speech."""

_POOL_SAMPLES = 4 * SAMPLE_RATE_HZ
_LONGEST_PIECE = 1024
_SLOPE = -5 / 20 / np.log10(2)
"""Hoth's spectrum of room noise falls by 5 dB an octave (ITU-T P.800)."""
_BAND_HZ = (150.0, 3600.0)


class ComfortNoise:
    """Noise without end for one call. Its level is in dB below overload (dBov, as in RFC 3389)."""

    def __init__(self, level_dbov: float = LEVEL_DBOV, seed: int | None = None) -> None:
        self._pool = _noise(level_dbov)
        self._at = int(np.random.default_rng(seed).integers(_POOL_SAMPLES))

    def take(self, samples: int) -> NDArray[np.int16]:
        """The next samples, at most 1024. Read-only: all calls of a level share their noise."""
        start = self._at
        self._at = (start + samples) % _POOL_SAMPLES
        return self._pool[start : start + samples]


@lru_cache(maxsize=16)
def _noise(level_dbov: float) -> NDArray[np.int16]:
    """A loop of four seconds without a seam, its beginning repeated at its end."""
    hz = np.fft.rfftfreq(_POOL_SAMPLES, 1 / SAMPLE_RATE_HZ)
    inside = (hz >= _BAND_HZ[0]) & (hz <= _BAND_HZ[1])
    amplitude = np.where(inside, np.maximum(hz, 1.0) ** _SLOPE, 0.0)
    phase = np.random.default_rng(3389).uniform(0, 2 * np.pi, hz.size)
    loop = np.fft.irfft(amplitude * np.exp(1j * phase), _POOL_SAMPLES)
    loop *= 32768 * 10 ** (level_dbov / 20) / np.sqrt(np.mean(loop**2))
    pool = np.clip(np.rint(np.concatenate((loop, loop[:_LONGEST_PIECE]))), -32768, 32767).astype(np.int16)
    pool.setflags(write=False)
    return pool
