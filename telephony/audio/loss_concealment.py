"""Packet-loss concealment: what was missing is filled with what was heard just before.

After ITU-T G.711 Appendix I: the last pitch periods are repeated and fade out within 60 ms. Other than
there the audio heard is not delayed by 3.75 ms to bend its end towards the filling; the filling starts
where the audio ended, and is bent instead. Beyond 60 ms there is comfort noise: a far end that sends
nothing (silence suppression, hold) must not sound like speech.
"""

import numpy as np
from numpy.typing import NDArray

from telephony.audio.comfort_noise import LEVEL_DBOV, ComfortNoise
from telephony.line import FRAME_SAMPLES, Frame

Wave = NDArray[np.float64]

_HISTORY_FRAMES = 3
_SHORTEST_PERIOD, _LONGEST_PERIOD = 40, 120
"""200 to 66 Hz."""
_COMPARED = 160
_STEP = 80
"""After 10 ms two periods are repeated, after 20 ms three: one alone would soon sound like a beep."""
_FADED = 480
"""Nothing is left of the repetition after 60 ms; the first 10 ms are at full strength."""
_LONGEST_RETURN = 80
_FIRST_RETURN = 64
"""How long the filling fades into what is heard again: 8 ms after one frame, 10 ms after more."""

_GAIN: Wave = np.clip((_FADED - np.arange(_FADED + _LONGEST_RETURN)) / (_FADED - _STEP), 0, 1)
_GAIN[:_STEP] = 1.0


class LossConcealment:
    """One call's concealment on frames of 160 samples, in place. A frame heard costs 0.3 us,
    the first of a gap and the return from it 70 us together."""

    def __init__(self, noise_dbov: float = LEVEL_DBOV, seed: int | None = None) -> None:
        self._noise = ComfortNoise(noise_dbov, seed)
        self._history: NDArray[np.int16] = np.zeros((_HISTORY_FRAMES, FRAME_SAMPLES), np.int16)
        self._oldest = 0
        self._missing = 0
        """Frames missing in a row."""
        self._repetition: Wave = np.zeros(0)

    def heard(self, frame: Frame) -> None:
        """A frame came: keep it, and blend it in if frames were missing before it."""
        if self._missing:
            length = _FIRST_RETURN if self._missing == 1 else _LONGEST_RETURN
            rising = np.arange(1, length + 1) / (length + 1)
            blended = frame[:length] * rising + self._filling(length) * (1 - rising)
            frame[:length] = np.rint(blended)
            self._missing = 0
        self._keep(frame)

    def conceal(self, into: Frame) -> bool:
        """A frame is missing: fill it. True while what was heard still sounds in it."""
        if not self._missing:
            history = np.roll(self._history, -self._oldest, axis=0).ravel().astype(np.float64)
            self._repetition = _repeated(history) * _GAIN
        sounds = self._missing * FRAME_SAMPLES < _FADED
        into[:] = np.rint(self._filling(FRAME_SAMPLES)) if sounds else self._noise.take(FRAME_SAMPLES)
        self._missing += 1
        self._keep(into)
        return sounds

    def _filling(self, samples: int) -> Wave:
        start = self._missing * FRAME_SAMPLES
        noise = self._noise.take(samples).astype(np.float64)
        if start + samples > _GAIN.size:
            return noise
        span = slice(start, start + samples)
        return np.clip(self._repetition[span] + noise * (1 - _GAIN[span]), -32768, 32767)

    def _keep(self, frame: Frame) -> None:
        self._history[self._oldest] = frame
        self._oldest = (self._oldest + 1) % _HISTORY_FRAMES


def _repeated(history: Wave) -> Wave:
    """What follows `history` (480 samples) if it goes on as it was: 560 samples."""
    period = _pitch_period(history)
    quarter = period // 4
    falling = 1 - np.arange(1, quarter + 1) / (quarter + 1)
    at = np.arange(_GAIN.size)
    out = _cycles(history, period, 1)[at % period]
    for count in (2, 3):
        start = (count - 1) * _STEP
        more = _cycles(history, period, count)[at % (count * period)]
        blend = slice(start, start + quarter)
        more[blend] = out[blend] * falling + more[blend] * (1 - falling)
        out[start:] = more[start:]
    out[:quarter] += (history[-1] - history[-1 - period]) * falling
    return out


def _pitch_period(history: Wave) -> int:
    """The lag at which the last 20 ms are most like what was before them (normalised correlation)."""
    newest = history[-_COMPARED:]
    before = history[-_COMPARED - _LONGEST_PERIOD : -_SHORTEST_PERIOD]
    likeness = np.correlate(before, newest)
    sums = np.concatenate(([0.0], np.cumsum(before**2)))
    energy = sums[_COMPARED:] - sums[:-_COMPARED]
    place = int(np.argmax(likeness / np.sqrt(np.maximum(energy, 1.0))))
    return _LONGEST_PERIOD - place


def _cycles(history: Wave, period: int, count: int) -> Wave:
    """The last `count` periods, their end bent so that it leads to their beginning."""
    length, quarter = count * period, period // 4
    cycles = history[-length:].copy()
    rising = np.arange(1, quarter + 1) / (quarter + 1)
    before = history[history.size - length - quarter : history.size - length]
    cycles[-quarter:] = cycles[-quarter:] * (1 - rising) + before * rising
    return cycles
