"""The work that every contender does: each 20 ms, one frame in and one frame out for every call."""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from telephony.line import FRAME_MS, FRAME_SAMPLES, Frame
from voicebot.bench.process_cost import ProcessCost, tree_cost
from voicebot.bench.tone import FRAMES_PER_S, is_heard, tone_frames, tone_hz
from voicebot.call.media.media_clock import TickLateness

_WARM_UP_TICKS = FRAMES_PER_S
_KEPT_TICKS = 2 * FRAMES_PER_S
"""What was heard in the last two seconds is checked for the tone."""


class MediaLeg(Protocol):
    """The audio of one call."""

    def read_frame(self, into: Frame) -> bool:
        """Fill `into` with the next 160 samples heard; zeros and False when none are there."""

    def write_frame(self, frame: Frame) -> None:
        """Send 160 samples, or queue them for sending."""


@dataclass(frozen=True, slots=True)
class MediaResult:
    """What one contender did in the measured time."""

    calls: int
    tones_heard: int
    frames_missing: float
    """Share of the frames (0..1) that were not there when they were read."""
    cpu_s: float
    window_s: float
    rss_mb: float
    threads: int
    processes: int
    tick_late_p99_ms: float
    tick_late_max_ms: float
    start_s: float
    """Since the epoch, as are the packets' arrival times."""
    end_s: float

    @property
    def cpu_per_call(self) -> float:
        """Per cent of one core."""
        return 100 * self.cpu_s / self.window_s / self.calls


class MediaDrive:
    """Sends each call its tone, keeps what is heard, and measures after one second of warming up."""

    def __init__(self, legs: Sequence[MediaLeg], lead_frames: int) -> None:
        """`lead_frames` are written ahead where a thread of the contender's own sends them on time."""
        self._legs = legs
        self._lead_frames = lead_frames
        self._sent: NDArray[np.int16] = np.stack([tone_frames(call) for call in range(len(legs))])
        self._heard: NDArray[np.int16] = np.zeros((len(legs), _KEPT_TICKS, FRAME_SAMPLES), np.int16)
        self._lateness = TickLateness()
        self._missing = 0

    async def run(self, seconds: float) -> MediaResult:
        """Take the warm-up and then `seconds`."""
        for number in range(self._lead_frames):
            self._write(number)
        ticks = round(seconds * FRAMES_PER_S)
        loop = asyncio.get_running_loop()
        origin_s = loop.time()
        before, start_s, begun_s = ProcessCost(), 0.0, 0.0
        for number in range(_WARM_UP_TICKS + ticks):
            due_s = origin_s + number * FRAME_MS / 1000
            await asyncio.sleep(max(due_s - loop.time(), 0))
            if number == _WARM_UP_TICKS:
                self._lateness, self._missing = TickLateness(), 0
            self._lateness.add(max(0.0, (loop.time() - due_s) * 1000))
            if number == _WARM_UP_TICKS:
                before, start_s, begun_s = tree_cost(os.getpid()), time.time(), time.perf_counter()
            self._read(number)
            self._write(number + self._lead_frames)
        window_s, end_s = time.perf_counter() - begun_s, time.time()
        after = tree_cost(os.getpid())
        return MediaResult(
            calls=len(self._legs),
            tones_heard=self._tones_heard(),
            frames_missing=self._missing / (ticks * len(self._legs)),
            cpu_s=after.cpu_s - before.cpu_s,
            window_s=window_s,
            rss_mb=after.rss_mb,
            threads=after.threads,
            processes=after.processes,
            tick_late_p99_ms=self._lateness.percentile(0.99),
            tick_late_max_ms=self._lateness.max_ms,
            start_s=start_s,
            end_s=end_s,
        )

    def _read(self, number: int) -> None:
        place = number % _KEPT_TICKS
        for leg, heard in zip(self._legs, self._heard, strict=True):
            if not leg.read_frame(heard[place]):
                self._missing += 1

    def _write(self, number: int) -> None:
        place = number % FRAMES_PER_S
        for leg, tone in zip(self._legs, self._sent, strict=True):
            leg.write_frame(tone[place])

    def _tones_heard(self) -> int:
        return sum(is_heard(heard.ravel(), tone_hz(call)) for call, heard in enumerate(self._heard))
