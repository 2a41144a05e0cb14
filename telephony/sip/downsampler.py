"""temporary until the audio branch lands"""

import numpy as np
from numpy.typing import NDArray


class Downsampler:
    def __init__(self, rate_hz: int, channels: int) -> None:
        self._factor, self._channels = rate_hz // 8000, channels
        n = 16 * self._factor
        t = np.arange(-n, n + 1) / self._factor
        self._taps = np.sinc(0.9 * t) * 0.9 * np.kaiser(2 * n + 1, 7) / self._factor
        self._past = np.zeros(2 * n, np.float64)

    def push(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        mono = samples.reshape(-1, self._channels).mean(axis=1)
        x = np.concatenate([self._past, mono])
        y = np.convolve(x, self._taps, "valid")[:: self._factor]
        self._past = x[len(x) - len(self._past) :]
        return np.clip(np.round(y), -32768, 32767).astype(np.int16)
