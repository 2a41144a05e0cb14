"""Changing the sample rate: of a live stream with 3 ms of delay, or of a whole recording."""

from typing import TypeVar

import numpy as np
import soxr
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

Samples = TypeVar("Samples", NDArray[np.int16], NDArray[np.float32])

_HALF_LENGTH = 24
"""Of the filter, in samples of the lower rate: its delay, 3 ms at 8 kHz."""
_CUT_OFF = 3900 / 8000
"""Half the amplitude is left here, as a share of the lower rate."""
_KAISER_BETA = 7.0
_UNIT = 1 << 24
"""Coefficients are whole multiples of 1/_UNIT. Every sum is then exact in 64-bit floating point, in
whatever order it is formed, so that pieces give the same bits as the whole."""


class StreamResampler:
    """Changes the sample rate of one mono stream by a whole factor, up or down. int16 in and out.

    A linear-phase FIR (windowed sinc, Kaiser) of 49 samples of the lower rate: between 8 kHz and 16, 24 or
    48 kHz it delays by 3 ms. A tone of 300-3400 Hz keeps its level within 0.01 dB with 78 dB SNR (images
    and clicks counted), and what would fold into that band is at least 75 dB down.

    soxr's streams were measured against it: LQ holds back up to 61 ms and HQ up to 171 ms, in bursts, and
    LQ takes 8 dB from 3400 Hz; QQ (no delay) leaves 6 dB SNR at 3400 Hz and 24 dB at 2000 Hz, going up.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        """Raises ValueError unless one rate is a whole multiple of the other."""
        low, high = sorted((from_hz, to_hz))
        if low <= 0 or high % low or low == high:
            raise ValueError(f"cannot resample a stream from {from_hz} to {to_hz} Hz: no whole factor")
        self._factor = high // low
        self._up = to_hz == high
        filter_ = _low_pass(self._factor)
        self._past: NDArray[np.float64]
        if self._up:
            # Column k makes the k-th of the samples that follow each other where one came in.
            padded = np.zeros((2 * _HALF_LENGTH + 1) * self._factor)
            padded[: filter_.size] = filter_ * self._factor
            self._phases = np.ascontiguousarray(padded.reshape(-1, self._factor)[::-1])
            self._past = np.zeros(len(self._phases) - 1)
        else:
            self._filter = filter_  # Symmetric: correlating is convolving.
            self._past = np.zeros(filter_.size - 1)
        self._skip = 0
        """Samples to come before the next one that is kept, going down."""

    def push(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """Give the next piece, of any length; get the samples that belong to it."""
        if not samples.size:
            return np.zeros(0, np.int16)
        heard: NDArray[np.float64] = np.concatenate((self._past, samples), dtype=np.float64)
        self._past = heard[heard.size - self._past.size :]
        if self._up:
            shape, strides = (samples.size, len(self._phases)), heard.strides * 2
            windows = as_strided(heard, shape, strides, writeable=False)
            made: NDArray[np.float64] = (windows @ self._phases).ravel()
        else:
            made = np.correlate(heard, self._filter)[self._skip :: self._factor]
            self._skip = (self._skip - samples.size) % self._factor
        return np.clip(np.rint(made / _UNIT), -32768, 32767).astype(np.int16)


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """A whole mono recording at another rate, in the type it came in."""
    if from_hz == to_hz:
        return samples
    result: Samples = soxr.resample(samples, from_hz, to_hz, quality="HQ")
    return result


def _low_pass(factor: int) -> NDArray[np.float64]:
    """Coefficients at the higher rate, as whole numbers that add up to about `_UNIT`."""
    half = _HALF_LENGTH * factor
    place = np.arange(-half, half + 1) / factor
    shape = np.sinc(2 * _CUT_OFF * place) * np.kaiser(place.size, _KAISER_BETA)
    coefficients: NDArray[np.float64] = np.rint(shape / shape.sum() * _UNIT)
    return coefficients
