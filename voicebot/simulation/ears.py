"""A simulated person's ears: when the bot speaks, when it is done, and the sound in between.

Deliberately another voice activity detector (WebRTC's) than the service's, so that a fault there does not
hide itself here.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import webrtcvad
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 8_000
FRAME_MS = 20
FRAME_SAMPLES = SAMPLE_RATE_HZ * FRAME_MS // 1000

AUDIBLE_DBFS = -45.0
START_MS = 60
STOP_MS = 660
"""Longer than the pauses between two sentences of the bot."""
PRE_ROLL_MS = 200
LONGEST_MS = 25_000
"""Of a longer speech only the end is kept: that is what one answers."""

Samples = NDArray[np.int16]
"""8 kHz mono."""


class VoiceDetector(Protocol):
    """Tells speech from other sound."""

    def is_speech(self, frame: bytes, sample_rate: int) -> bool:
        """One frame of 16-bit samples, 10, 20 or 30 ms long."""


@dataclass(frozen=True, slots=True)
class BotStarted:
    """The bot began to speak."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class BotStopped:
    """The bot has been silent for `STOP_MS`; `samples` are what it said, from `start_ms` to `end_ms`."""

    at_ms: float
    start_ms: float
    end_ms: float
    samples: Samples


def level_dbfs(samples: Samples) -> float:
    """Root mean square level; 0 dBFS is a full-scale square wave, digital silence is -120."""
    power = float(np.mean(np.square(samples.astype(np.float64)))) if len(samples) else 0.0
    return 10 * math.log10(max(power / 32768.0**2, 1e-12))


def is_audible(frame: Samples) -> bool:
    """Loud enough for a person to notice."""
    return level_dbfs(frame) > AUDIBLE_DBFS


class Ears:
    """Hears one call, 20 ms at a time. Times are milliseconds since the answer."""

    def __init__(self, detector: VoiceDetector | None = None) -> None:
        self._detector = detector or webrtcvad.Vad(2)
        self._kept: deque[Samples] = deque(maxlen=PRE_ROLL_MS // FRAME_MS)
        self._speaking = False
        self._speech_ms = 0
        self._silence_ms = 0
        self._start_ms = 0.0

    def hear(self, frame: Samples, now_ms: float) -> BotStarted | BotStopped | None:
        """`frame`: 160 samples that ended at `now_ms`."""
        self._kept.append(frame.copy())
        if is_audible(frame) and self._detector.is_speech(frame.tobytes(), SAMPLE_RATE_HZ):
            self._speech_ms += FRAME_MS
            self._silence_ms = 0
        else:
            self._silence_ms += FRAME_MS
            if not self._speaking:
                self._speech_ms = 0
        if not self._speaking and self._speech_ms >= START_MS:
            return self._start(now_ms)
        if self._speaking and self._silence_ms >= STOP_MS:
            return self._stop(now_ms)
        return None

    def flush(self, now_ms: float) -> BotStopped | None:
        """The call is over: what the bot was saying just then."""
        return self._stop(now_ms) if self._speaking else None

    def _start(self, now_ms: float) -> BotStarted:
        self._speaking = True
        self._start_ms = now_ms - self._speech_ms
        self._kept = deque(self._kept, maxlen=LONGEST_MS // FRAME_MS)
        return BotStarted(now_ms)

    def _stop(self, now_ms: float) -> BotStopped:
        samples = np.concatenate(self._kept)
        self._speaking = False
        self._speech_ms = 0
        self._kept = deque(maxlen=PRE_ROLL_MS // FRAME_MS)
        return BotStopped(now_ms, self._start_ms, now_ms - self._silence_ms, samples)
