"""What a telephone line does to speech, for tests of what hears it."""

import numpy as np
from numpy.typing import NDArray

MU = 255.0


def through_mu_law(samples: NDArray[np.int16]) -> NDArray[np.int16]:
    """Companded to 8 bits and back (the continuous mu-law of G.711, which its tables approximate)."""
    loudness = np.log1p(MU * np.abs(samples / 32768)) / np.log1p(MU)
    coded = np.sign(samples) * np.round(loudness * 127) / 127
    decoded = np.sign(coded) * np.expm1(np.abs(coded) * np.log1p(MU)) / MU
    result: NDArray[np.int16] = np.round(decoded * 32767).astype(np.int16)
    return result


def with_pauses(samples: NDArray[np.int16], *, noise: float = 3.0, seed: int = 0) -> NDArray[np.int16]:
    """As endpointing hands it over: 100 ms before, 300 ms after, line noise of this level throughout."""
    padded: NDArray[np.float64] = np.concatenate([np.zeros(800), samples, np.zeros(2400)])
    padded += np.random.default_rng(seed).normal(scale=noise, size=len(padded))
    return np.clip(np.round(padded), -32768, 32767).astype(np.int16)
