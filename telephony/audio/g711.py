"""G.711 by table: arrays of any shape."""

import numpy as np
from numpy.typing import NDArray


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
    return _MULAW_ENCODING.take(samples.view(np.uint16))


def decode_mulaw(codes: NDArray[np.uint8]) -> NDArray[np.int16]:
    """16-bit samples of G.711 mu-law bytes, same shape."""
    return _MULAW_DECODING.take(codes)


def encode_alaw(samples: NDArray[np.int16]) -> NDArray[np.uint8]:
    """G.711 A-law bytes of 16-bit samples, same shape (ITU-T G.711, arithmetic of G.191)."""
    return _ALAW_ENCODING.take(samples.view(np.uint16))


def decode_alaw(codes: NDArray[np.uint8]) -> NDArray[np.int16]:
    """16-bit samples of G.711 A-law bytes, same shape."""
    return _ALAW_DECODING.take(codes)
