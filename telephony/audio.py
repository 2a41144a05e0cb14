"""Telephone audio on numpy arrays: G.711, levels, resampling; any shape of array."""

from typing import TypeVar

import numpy as np
import soxr
from numpy.typing import NDArray

Samples = TypeVar("Samples", NDArray[np.int16], NDArray[np.float32])

SILENCE_DBFS = -100.0
"""What `level_dbfs` gives for digital silence."""

_FULL_SCALE = 32768.0


def _mulaw_decoding() -> NDArray[np.int16]:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    exponent, mantissa = (code >> 4) & 7, code & 15
    magnitude = (((mantissa << 3) + 0x84) << exponent) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_decoding() -> NDArray[np.int16]:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    exponent, mantissa = (code >> 4) & 7, code & 15
    magnitude = (mantissa << 4) + 8
    magnitude = np.where(exponent > 0, (magnitude + 0x100) << np.maximum(exponent - 1, 0), magnitude)
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _every_sample() -> NDArray[np.int32]:
    """All 16-bit values in the order of their unsigned bit patterns, which index the tables."""
    return np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)


def _mulaw_encoding() -> NDArray[np.uint8]:
    sample = _every_sample()
    # ITU-T G.191 takes negative numbers in one's complement, and works on 14 bits with a bias of 33.
    magnitude = np.minimum((np.where(sample < 0, ~sample, sample) >> 2) + 33, 0x1FFF)
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 5
    mantissa = (magnitude >> (exponent + 1)) & 15
    code = (exponent << 4) | mantissa | np.where(sample < 0, 0x80, 0)
    return np.asarray(~code & 0xFF, dtype=np.uint8)


def _alaw_encoding() -> NDArray[np.uint8]:
    sample = _every_sample()
    magnitude = np.where(sample < 0, ~sample, sample) >> 4
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 3, 0)
    mantissa = np.where(exponent > 0, magnitude >> np.maximum(exponent - 1, 0), magnitude) & 15
    code = (exponent << 4) | mantissa | np.where(sample < 0, 0, 0x80)
    return np.asarray(code ^ 0x55, dtype=np.uint8)


_MULAW_DECODING, _MULAW_ENCODING = _mulaw_decoding(), _mulaw_encoding()
_ALAW_DECODING, _ALAW_ENCODING = _alaw_decoding(), _alaw_encoding()


def encode_mulaw(samples: NDArray[np.int16]) -> NDArray[np.uint8]:
    """G.711 mu-law bytes of 16-bit samples, same shape (ITU-T G.711, arithmetic of G.191)."""
    return _MULAW_ENCODING[samples.view(np.uint16)]


def decode_mulaw(codes: NDArray[np.uint8]) -> NDArray[np.int16]:
    """16-bit samples of G.711 mu-law bytes, same shape."""
    return _MULAW_DECODING[codes]


def encode_alaw(samples: NDArray[np.int16]) -> NDArray[np.uint8]:
    """G.711 A-law bytes of 16-bit samples, same shape (ITU-T G.711, arithmetic of G.191)."""
    return _ALAW_ENCODING[samples.view(np.uint16)]


def decode_alaw(codes: NDArray[np.uint8]) -> NDArray[np.int16]:
    """16-bit samples of G.711 A-law bytes, same shape."""
    return _ALAW_DECODING[codes]


def level_dbfs(samples: NDArray[np.int16]) -> NDArray[np.float64]:
    """Root-mean-square level over the last axis, in dB below a full-scale square wave.

    `(calls, 160)` gives `(calls,)`. Silence gives `SILENCE_DBFS`.
    """
    power = np.mean(np.square(samples, dtype=np.float64), axis=-1) / _FULL_SCALE**2
    quietest = 10.0 ** (SILENCE_DBFS / 10)
    level: NDArray[np.float64] = 10.0 * np.log10(np.maximum(power, quietest))
    return level


class Resampler:
    """Changes the sample rate of one mono stream that comes in pieces, without clicks at their borders.

    int16 in, int16 out. The filter works in blocks: at the default quality up to 120 ms of audio
    are held back between pushes. Where a whole utterance is at hand, `resample` has no such delay.
    """

    def __init__(self, from_hz: int, to_hz: int, quality: str = "HQ") -> None:
        """`quality` is soxr's: QQ, LQ, MQ, HQ, VHQ."""
        self._stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="int16", quality=quality)

    def push(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """Give the next piece, of any length; get the samples that are ready, possibly none."""
        ready: NDArray[np.int16] = self._stream.resample_chunk(samples)
        return ready

    def finish(self) -> NDArray[np.int16]:
        """The samples still held back. The stream is over and starts anew with the next push."""
        rest: NDArray[np.int16] = self._stream.resample_chunk(np.zeros(0, np.int16), last=True)
        self._stream.clear()
        return rest


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """A whole mono recording at another rate, in the type it came in."""
    if from_hz == to_hz:
        return samples
    result: Samples = soxr.resample(samples, from_hz, to_hz, quality="HQ")
    return result
