"""Log-mel spectrograms as Whisper was trained on: 80 mels (Slaney), windows of 25 ms, a frame each 10 ms.

Only the speech itself is analysed; networks that want a longer window get it padded with silence afterwards.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

SAMPLE_RATE = 16000
FRAMES_PER_SECOND = 100
MELS = 80
_WINDOW = 400
_HOP = SAMPLE_RATE // FRAMES_PER_SECOND
_FLOOR = 1e-10
_RANGE = 8.0
"""Decades below the loudest cell; what is fainter is cut off there."""


def log_mel(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of 16 kHz mono audio: [80, frames], about -1 to 1. Scaled by its own loudest cell."""
    centred = np.pad(samples, _WINDOW // 2, mode="reflect")
    windows = sliding_window_view(centred, _WINDOW)[::_HOP][: len(samples) // _HOP]
    spectrum = np.fft.rfft(windows * _HANN)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    logarithms = np.log10(np.maximum(_FILTERS @ power.T, _FLOOR))
    heard: NDArray[np.float32] = np.maximum(logarithms, logarithms.max() - _RANGE)
    return (heard + 4.0) / 4.0


def _mel_filters() -> NDArray[np.float32]:
    """[mels, frequencies] triangles of equal area on the Slaney scale, 0 to 8 kHz."""
    step, corner_hz = 200 / 3, 1000.0
    corner = corner_hz / step
    growth = np.log(6.4) / 27
    top = corner + np.log(SAMPLE_RATE / 2 / corner_hz) / growth
    mels = np.linspace(0, top, MELS + 2)
    edges = np.where(mels < corner, mels * step, corner_hz * np.exp(growth * (mels - corner)))
    frequencies = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE)
    ramps = edges[:, None] - frequencies
    rising = -ramps[:-2] / np.diff(edges)[:-1, None]
    falling = ramps[2:] / np.diff(edges)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    filters: NDArray[np.float64] = triangles * (2 / (edges[2:] - edges[:-2]))[:, None]
    return filters.astype(np.float32)


_FILTERS = _mel_filters()
_HANN = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
