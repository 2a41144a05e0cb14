"""G.711 mu-law, the form in which rendered speech lies on disk: half the size, and what the line makes of it.

A small table of its own: this room does not know telephony.
"""

import numpy as np
from numpy.typing import NDArray


def _decoding() -> NDArray[np.int16]:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    exponent, mantissa = (code >> 4) & 7, code & 15
    magnitude = (((mantissa << 3) + 0x84) << exponent) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _encoding() -> NDArray[np.uint8]:
    """The nearest code of every 16-bit value, in the order of their unsigned bit patterns."""
    values, codes = np.unique(_DECODING, return_index=True)
    samples = np.arange(65536, dtype=np.uint16).view(np.int16)
    middles = (values[1:].astype(np.int32) + values[:-1]) / 2
    return codes[np.searchsorted(middles, samples)].astype(np.uint8)


_DECODING = _decoding()
_ENCODING = _encoding()


def encode(samples: NDArray[np.int16]) -> NDArray[np.uint8]:
    """The nearest mu-law codes; silence stays silence."""
    return _ENCODING[samples.view(np.uint16)]


def decode(codes: NDArray[np.uint8]) -> NDArray[np.int16]:
    """16-bit samples."""
    return _DECODING[codes]
