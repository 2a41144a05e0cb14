"""The beginning and end of rendered audio: nothing to wait for, no click, the same pauses for all engines."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RENDERING = 3
"""Counts up when the code of this room makes other audio of the same text."""
SAMPLE_RATE = 8000
TAIL = SAMPLE_RATE * 120 // 1000
SENTENCE_PAUSE = SAMPLE_RATE * 250 // 1000
MARGIN_S = 0.010
"""Kept before the first loud sample and after the last: a soft consonant begins there."""
RAMP = SAMPLE_RATE * 5 // 1000
"""A cut inside sound fades over this many samples: no click. There is no other silence in front."""
SILENCE = 10 ** (-45 / 20)
"""Below this, relative to the loudest sample, the edges of a sentence are silence."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """8 kHz audio of one sentence from its first sound to its last, and where each unit of speech (a phoneme,
    a syllable) ends in it."""

    samples: NDArray[np.float32]
    unit_ends: NDArray[np.int64]


def sounding(audio: NDArray[np.float32], sample_rate: int) -> tuple[int, int]:
    """From which sample to which there is sound, with a margin; all of it if it is silent."""
    loud = np.flatnonzero(np.abs(audio) > SILENCE * np.max(np.abs(audio), initial=1e-6))
    if not len(loud):
        return 0, len(audio)
    margin = round(MARGIN_S * sample_rate)
    return max(0, int(loud[0]) - margin), min(len(audio), int(loud[-1]) + 1 + margin)


def with_soft_edges(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """8 kHz audio that begins and ends at zero."""
    count = min(RAMP, len(samples) // 2)
    if not count:
        return samples
    ramp = np.linspace(0, 1, count, endpoint=False, dtype=np.float32)
    soft = samples.astype(np.float32, copy=True)
    soft[:count] *= ramp
    soft[-count:] *= ramp[::-1]
    return soft


def join(sentences: Iterable[Sentence]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Samples of the whole text and the sample at which each of its units ends."""
    samples: list[NDArray[np.float32]] = []
    ends: list[NDArray[np.int64]] = []
    position = 0
    for sentence in sentences:
        pause = SENTENCE_PAUSE if samples else 0
        samples += [np.zeros(pause, np.float32), sentence.samples]
        ends.append(sentence.unit_ends + position + pause)
        position += pause + len(sentence.samples)
    if not samples:
        return np.zeros(0, np.float32), np.zeros(0, np.int64)
    return np.concatenate([*samples, np.zeros(TAIL, np.float32)]), np.concatenate(ends)
