"""One tone per call, and whether it came back: proves that audio goes both ways and to the right call."""

import numpy as np
from numpy.typing import NDArray

from telephony.line import FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame

FRAMES_PER_S = SAMPLE_RATE_HZ // FRAME_SAMPLES
_LOWEST_HZ, _STEP_HZ, _TONES = 400, 10, 250
_AMPLITUDE = 8_000
_WINDOW = 1_600
"""200 ms: a frame dropped or concealed spoils one window, not all; tones 10 Hz apart are orthogonal in it."""
_LEAST_SHARE = 0.5
_LEAST_WINDOWS = 0.75


def tone_hz(call: int) -> int:
    """The frequency of the numbered call; the first 250 differ."""
    return _LOWEST_HZ + _STEP_HZ * (call % _TONES)


def tone_frames(call: int) -> NDArray[np.int16]:
    """One second of the call's tone, [50, 160]. It may be repeated without a click."""
    seconds = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    wave = _AMPLITUDE * np.sin(2 * np.pi * tone_hz(call) * seconds)
    return wave.astype(np.int16).reshape(FRAMES_PER_S, FRAME_SAMPLES)


def power_shares(samples: Frame, hz: float) -> NDArray[np.float64]:
    """Share of the power (0..1) that is at `hz`, for each 200 ms. This is Goertzel's sum, taken at once."""
    windows = samples[: samples.size // _WINDOW * _WINDOW].reshape(-1, _WINDOW).astype(np.float64)
    turns = np.exp(-2j * np.pi * hz * np.arange(_WINDOW) / SAMPLE_RATE_HZ)
    at_tone = 2 * np.abs(windows @ turns) ** 2 / _WINDOW
    whole = np.sum(windows**2, axis=1)
    shares: NDArray[np.float64] = at_tone / np.maximum(whole, 1.0)
    return shares


def is_heard(samples: Frame, hz: float) -> bool:
    """Whether the tone makes up most of what was heard, most of the time."""
    shares = power_shares(samples, hz)
    return bool(shares.size) and float(np.mean(shares >= _LEAST_SHARE)) >= _LEAST_WINDOWS
