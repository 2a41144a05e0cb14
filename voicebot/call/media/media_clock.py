"""The media clock: one 20 ms tick for all calls of the process.

Each tick reads a frame of every call into one array, runs voice activity detection on the
batch, lets each call's state machines decide, and writes the next frame of every call that
speaks. The schedule is absolute: a late tick is made up for, never forgotten.
"""

import asyncio
import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from telephony.line import FRAME_MS, FRAME_SAMPLES, Frame
from telephony.tones import ToneEvent

VAD_WINDOW = 256
"""Samples of one detector window: 32 ms at 8 kHz."""

_STEP = math.gcd(VAD_WINDOW, FRAME_SAMPLES)
_PLACES = VAD_WINDOW // _STEP
"""Where in a frame a window can begin."""
_INITIAL_ROWS = 32
_PCM_SCALE = np.float32(1 / 32768)


class VoiceActivityDetector(Protocol):
    """The batched detector; a stream keeps its recurrent state under a slot number."""

    def open(self) -> int:
        """Take a slot."""

    def close(self, slot: int) -> None:
        """Give a slot back."""

    def run(self, slots: NDArray[np.intp], windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Speech probability of each window [n, 256] of the streams `slots` [n]."""


class ToneListener(Protocol):
    """The batched tone detector."""

    def open(self) -> int:
        """Take a slot. Raises IndexError when none is free."""

    def close(self, slot: int) -> None:
        """Give a slot back."""

    def run(self, tick: int, slots: NDArray[np.intp], frames: NDArray[np.int16]) -> Sequence[ToneEvent]:
        """Tones that ended, or became certain, in this tick's frames [n, 160] of the streams `slots` [n]."""


class Channel(Protocol):
    """One call as the clock sees it."""

    def read(self, into: Frame) -> bool:
        """Fill `into` with the next frame heard."""

    def tick(self, now_ms: int, heard: Frame, probability: float) -> None:
        """Decide and send. `probability` is that of the newest complete window."""

    def hear_tone(self, tone: ToneEvent) -> None:
        """A tone was heard on the line."""

    def fail(self, fault: Exception) -> None:
        """`tick` raised; the call is off the clock."""


class TickLateness:
    """How late ticks began, as a histogram of 0.25 ms bins up to 500 ms."""

    _BIN_MS = 0.25

    def __init__(self) -> None:
        self._bins = np.zeros(2000, np.int64)
        self.max_ms = 0.0

    def add(self, late_ms: float) -> None:
        """Count one tick."""
        self._bins[min(int(late_ms / self._BIN_MS), self._bins.size - 1)] += 1
        self.max_ms = max(self.max_ms, late_ms)

    def percentile(self, share: float) -> float:
        """Upper edge in ms of the bin that holds the given share (0..1); 0 without ticks."""
        total = int(self._bins.sum())
        if not total:
            return 0.0
        place = int(np.searchsorted(np.cumsum(self._bins), share * total))
        return min((place + 1) * self._BIN_MS, self.max_ms)


class MediaClock:
    """Runs the tick. `attach` and `detach` may be called between ticks at any time."""

    def __init__(self, detector: VoiceActivityDetector, tones: ToneListener | None = None) -> None:
        self._detector = detector
        self._tones = tones
        self._tone_channels: dict[int, Channel] = {}
        self._tone_ticks = 0
        """The listener counts only the ticks in which there are calls."""
        self._channels: dict[Channel, int] = {}
        self._tones_only: set[Channel] = set()
        self._pending: NDArray[np.float32] = np.zeros((_INITIAL_ROWS, VAD_WINDOW + FRAME_SAMPLES), np.float32)
        self._filled: NDArray[np.intp] = np.zeros(_INITIAL_ROWS, np.intp)
        self._probability: NDArray[np.float32] = np.zeros(_INITIAL_ROWS, np.float32)
        self._frames: NDArray[np.int16] = np.zeros((_INITIAL_ROWS, FRAME_SAMPLES), np.int16)
        self._rows: list[Frame] = list(self._frames)
        """The frames one by one: to index an array costs more than to index a list."""
        self._origin_s = 0.0
        self._ticks = 0
        self.lateness = TickLateness()

    @property
    def now_ms(self) -> float:
        """Time on the clock's own line, between ticks too."""
        return (asyncio.get_running_loop().time() - self._origin_s) * 1000

    def attach(self, channel: Channel, *, tones_only: bool = False) -> None:
        """Let a call take part from the next tick on; `tones_only` spares it the voice detector."""
        slot = self._detector.open()
        while slot >= self._filled.size:
            self._grow()
        # A window takes 1.6 ticks. Calls begin theirs at different places, so that the detector has as much
        # to do in every tick; a call that joins is taken to have been silent before.
        self._filled[slot] = slot % _PLACES * _STEP
        self._pending[slot] = 0.0
        self._probability[slot] = 0.0
        self._channels[channel] = slot
        if tones_only:
            self._tones_only.add(channel)
        if self._tones:
            with suppress(IndexError):  # More calls than it can listen to: this one goes without.
                self._tone_channels[self._tones.open()] = channel

    def detach(self, channel: Channel) -> None:
        """Take a call off the clock; unknown calls are ignored."""
        slot = self._channels.pop(channel, None)
        self._tones_only.discard(channel)
        if slot is not None:
            self._detector.close(slot)
        for tone_slot in [s for s, listening in self._tone_channels.items() if listening is channel]:
            del self._tone_channels[tone_slot]
            if self._tones:
                self._tones.close(tone_slot)

    async def run(self) -> None:
        """Tick until cancelled."""
        loop = asyncio.get_running_loop()
        self._origin_s = loop.time()
        while True:
            self._ticks += 1
            due_s = self._origin_s + self._ticks * FRAME_MS / 1000
            wait_s = due_s - loop.time()
            # A late clock yields all the same, so that the loop can serve what made it late.
            await asyncio.sleep(max(wait_s, 0))
            self.lateness.add(max(0.0, (loop.time() - due_s) * 1000))
            self.tick(self._ticks * FRAME_MS)

    def tick(self, now_ms: int) -> None:
        """Serve all calls once."""
        channels = list(self._channels.items())
        if not channels:
            return
        rows = self._rows
        for channel, slot in channels:
            channel.read(rows[slot])
        self._detect(np.array([slot for each, slot in channels if each not in self._tones_only], np.intp))
        self._listen_for_tones()
        probabilities = self._probability.tolist()
        for channel, slot in channels:
            try:
                channel.tick(now_ms, rows[slot], probabilities[slot])
            except Exception as fault:
                # One call's fault must not stop the clock of the others.
                self.detach(channel)
                channel.fail(fault)

    def _detect(self, slots: NDArray[np.intp]) -> None:
        """Append the new frames and run the detector on all windows that became complete."""
        columns = self._filled[slots, None] + np.arange(FRAME_SAMPLES)
        self._pending[slots[:, None], columns] = self._frames[slots] * _PCM_SCALE
        self._filled[slots] += FRAME_SAMPLES
        ready = slots[self._filled[slots] >= VAD_WINDOW]
        if not ready.size:
            return
        self._probability[ready] = self._detector.run(ready, self._pending[ready, :VAD_WINDOW])
        self._pending[ready, :FRAME_SAMPLES] = self._pending[ready, VAD_WINDOW:]
        self._filled[ready] -= VAD_WINDOW

    def _listen_for_tones(self) -> None:
        if self._tones and self._tone_channels:
            slots = np.fromiter(self._tone_channels, np.intp, len(self._tone_channels))
            rows = np.fromiter(
                (self._channels[channel] for channel in self._tone_channels.values()), np.intp, slots.size
            )
            self._tone_ticks += 1
            for tone in self._tones.run(self._tone_ticks, slots, self._frames[rows]):
                self._tone_channels[tone.slot].hear_tone(tone)

    def _grow(self) -> None:
        self._pending = np.concatenate([self._pending, np.zeros_like(self._pending)])
        self._filled = np.concatenate([self._filled, np.zeros_like(self._filled)])
        self._probability = np.concatenate([self._probability, np.zeros_like(self._probability)])
        self._frames = np.concatenate([self._frames, np.zeros_like(self._frames)])
        self._rows = list(self._frames)
