"""Measuring a line by an echo: chirps go out, and what comes back says how late, how loud and how whole.

Pure: samples in, samples and figures out. The chirps sweep the telephone band, so that a codec or a tone
detector on the way passes them, and are found again by a matched filter.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from telephony.line import FRAME_SAMPLES, SAMPLE_RATE_HZ

CHIRP_S = 0.25
EVERY_S = 1.0
CHIRPS = 4
LONGEST_DELAY_S = 0.7
"""A later echo would be taken for that of the chirp after it."""
_LOW_HZ, _HIGH_HZ = 400.0, 3_200.0
_AMPLITUDE = 8_000.0
_CLEAR = 0.35
"""Share of a chirp's shape in what came back, from which on it counts as the echo."""

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Echo:
    """What came back of the chirps."""

    heard: int
    """Of `CHIRPS`."""
    delay_ms: float
    """Median, from giving samples to the line to getting them back from it."""
    delay_spread_ms: float
    """Largest less smallest: jitter buffers that adapt."""
    level_db: float
    """Of the echo against what was sent."""


def chirp() -> NDArray[np.float64]:
    """One chirp with soft ends, 8 kHz."""
    at = np.arange(round(CHIRP_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    phase = 2 * np.pi * (_LOW_HZ * at + (_HIGH_HZ - _LOW_HZ) / (2 * CHIRP_S) * at**2)
    shape: NDArray[np.float64] = _AMPLITUDE * np.sin(phase) * np.hanning(len(at)) ** 0.25
    return shape


def probe() -> Samples:
    """What is to be sent: a second of silence, then a chirp each second, in whole frames."""
    seconds = EVERY_S * (CHIRPS + 1)
    samples = np.zeros(round(seconds * SAMPLE_RATE_HZ / FRAME_SAMPLES) * FRAME_SAMPLES, np.int16)
    shape = chirp().astype(np.int16)
    for number in range(CHIRPS):
        start = round((number + 1) * EVERY_S * SAMPLE_RATE_HZ)
        samples[start : start + len(shape)] = shape
    return samples


def find_echo(heard: Samples) -> Echo | None:
    """What came back while `probe` was sent and for a while after; `heard` starts with its first frame.

    None if there was no echo at all.
    """
    shape = chirp()
    found: list[tuple[float, float]] = []
    for number in range(CHIRPS):
        start = round((number + 1) * EVERY_S * SAMPLE_RATE_HZ)
        window = heard[start : start + round((LONGEST_DELAY_S + CHIRP_S) * SAMPLE_RATE_HZ)].astype(np.float64)
        if len(window) >= len(shape) and (match := _best_match(window, shape)):
            found.append(match)
    if not found:
        return None
    delays = np.array([delay for delay, _ in found]) * 1000 / SAMPLE_RATE_HZ
    gain = float(np.median([gain for _, gain in found]))
    return Echo(len(found), float(np.median(delays)), float(np.ptp(delays)), 20 * float(np.log10(gain)))


def _best_match(window: NDArray[np.float64], shape: NDArray[np.float64]) -> tuple[float, float] | None:
    """(offset in samples, gain) of the shape in the window, if it is clearly there."""
    size = 1 << (len(window) + len(shape)).bit_length()
    product = np.fft.rfft(window, size) * np.conj(np.fft.rfft(shape, size))
    correlation = np.fft.irfft(product, size)[: len(window) - len(shape) + 1]
    power = np.convolve(window**2, np.ones(len(shape)), "valid")
    likeness = correlation / np.sqrt(np.maximum(power, 1.0) * np.sum(shape**2))
    # A band edge or a codec turns phases: an inverted echo is one too.
    at = int(np.argmax(np.abs(likeness)))
    if abs(likeness[at]) < _CLEAR:
        return None
    return float(at), abs(float(correlation[at] / np.sum(shape**2)))
