"""Tones and speech over a leg, and how to tell what came of them at the other end."""

import asyncio
import re
import time
from collections.abc import Sequence

import jiwer
import numpy as np
from numpy.typing import NDArray

from telephony.line import FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame, Leg

AHEAD_SAMPLES = 3 * FRAME_SAMPLES
"""As the service keeps ahead: a late tick of a busy machine is not heard."""
SETTLED = -25 * FRAME_SAMPLES
"""From here to the end: the last half second, when every buffer on the way is filled."""


def tone(hz: float, tick: int) -> Frame:
    """The 20 ms of a steady tone that belong to a tick."""
    sample = np.arange(tick * FRAME_SAMPLES, (tick + 1) * FRAME_SAMPLES)
    return (np.sin(2 * np.pi * hz * sample / SAMPLE_RATE_HZ) * 8000).astype(np.int16)


def tone_share(audio: NDArray[np.int16], hz: float, rate_hz: int = SAMPLE_RATE_HZ) -> float:
    """The share of the audio's power that lies at one frequency (Goertzel's sum over the whole)."""
    signal = audio.astype(float)
    wave = np.exp(-2j * np.pi * hz * np.arange(len(signal)) / rate_hz)
    return float(2 * np.abs(signal @ wave) ** 2 / (len(signal) * max(signal @ signal, 1.0)))


async def converse(legs: Sequence[Leg], tones_hz: Sequence[float], ticks: int) -> NDArray[np.int16]:
    """Run a media clock: send each leg its tone, keeping two frames ahead, and give what each heard."""
    heard = np.zeros((len(legs), ticks, FRAME_SAMPLES), np.int16)
    written = [0] * len(legs)
    start = time.monotonic()
    for tick in range(ticks):
        await asyncio.sleep(start + tick * FRAME_MS / 1000 - time.monotonic())
        for number, leg in enumerate(legs):
            leg.read_frame(heard[number, tick])
            while leg.queued_samples() < AHEAD_SAMPLES:
                leg.write_frame(tone(tones_hz[number], written[number]))
                written[number] += 1
    return heard.reshape(len(legs), -1)


async def speak(leg: Leg, speech: NDArray[np.int16], ticks: int) -> NDArray[np.int16]:
    """Run a media clock: say this, then nothing, and give what was heard all the while."""
    frames = np.zeros((-(-len(speech) // FRAME_SAMPLES), FRAME_SAMPLES), np.int16)
    frames.reshape(-1)[: len(speech)] = speech
    heard = np.zeros((ticks, FRAME_SAMPLES), np.int16)
    left = list(frames)
    start = time.monotonic()
    for tick in range(ticks):
        await asyncio.sleep(start + tick * FRAME_MS / 1000 - time.monotonic())
        leg.read_frame(heard[tick])
        while left and leg.queued_samples() < AHEAD_SAMPLES:
            leg.write_frame(left.pop(0))
    return heard.reshape(-1)


def word_error_rate(said: str, heard: str) -> float:
    """Of lower-case words without punctuation."""
    said, heard = (re.sub(r"[^a-z ]", "", text.lower()) for text in (said, heard))
    return float(jiwer.wer(said, heard or "-"))
