"""Tones as the network would send them, for validation: 8 kHz float, full scale 1."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from telephony.audio import decode_mulaw, encode_mulaw
from telephony.line import FRAME_SAMPLES, SAMPLE_RATE_HZ
from telephony.tones.tone_plan import DtmfLimits

Audio = NDArray[np.float32]

_DTMF = DtmfLimits()


def silence(milliseconds: float) -> Audio:
    return np.zeros(round(milliseconds * SAMPLE_RATE_HZ / 1000), np.float32)


def tone(
    frequencies_hz: Sequence[float], milliseconds: float, level_dbfs: float, twist_db: float = 0.0
) -> Audio:
    """A sum of sines of a total level (dB below a full-scale square wave); twist raises the last of two."""
    time_s = np.arange(round(milliseconds * SAMPLE_RATE_HZ / 1000)) / SAMPLE_RATE_HZ
    weights = np.ones(len(frequencies_hz))
    weights[-1] = 10 ** (twist_db / 20)
    phases = np.arange(len(frequencies_hz)) * 1.1
    waves = np.sin(2 * np.pi * np.outer(frequencies_hz, time_s) + phases[:, None])
    power = np.sum(weights**2) / 2
    audio: Audio = (weights @ waves * 10 ** (level_dbfs / 20) / np.sqrt(power)).astype(np.float32)
    return audio


def digit(
    symbol: str, milliseconds: float, level_dbfs: float, twist_db: float = 0.0, offset: float = 0.0
) -> Audio:
    """One DTMF digit; `offset` is the share by which both frequencies are off."""
    row, column = divmod(_DTMF.digits.index(symbol), len(_DTMF.high_hz))
    pair = _DTMF.low_hz[row] * (1 + offset), _DTMF.high_hz[column] * (1 + offset)
    return tone(pair, milliseconds, level_dbfs, twist_db)


def cadence(
    frequencies_hz: Sequence[float], durations_ms: Sequence[float], cycles: int, level_dbfs: float
) -> Audio:
    """On, off, on, off ... so many times."""
    parts = [
        tone(frequencies_hz, length, level_dbfs) if place % 2 == 0 else silence(length)
        for _ in range(cycles)
        for place, length in enumerate(durations_ms)
    ]
    return np.concatenate(parts)


def with_noise(audio: Audio, level_dbfs: float, rng: np.random.Generator) -> Audio:
    """White noise added all along."""
    noise = rng.standard_normal(len(audio)).astype(np.float32)
    noisy: Audio = audio + noise * np.float32(10 ** (level_dbfs / 20))
    return noisy


def through_mu_law(audio: Audio) -> Audio:
    samples = np.clip(np.rint(audio * 32768), -32768, 32767).astype(np.int16)
    return decode_mulaw(encode_mulaw(samples)).astype(np.float32) / np.float32(32768)


def frames(recordings: Iterable[Audio]) -> Audio:
    """`(ticks, calls, 160)` of recordings, the shorter ones followed by silence."""
    recordings = list(recordings)
    ticks = -(-max(len(recording) for recording in recordings) // FRAME_SAMPLES)
    calls = np.zeros((len(recordings), ticks * FRAME_SAMPLES), np.float32)
    for call, recording in zip(calls, recordings, strict=True):
        call[: len(recording)] = recording
    return calls.reshape(len(recordings), ticks, FRAME_SAMPLES).swapaxes(0, 1)
