"""The tick: one detector run for all calls, an absolute schedule, faults that stay with their call."""

import asyncio

import numpy as np
import pytest
from numpy.typing import NDArray

from telephony.line import FRAME_SAMPLES, Frame
from telephony.tones import ToneDetector, ToneEvent, ToneKind
from voicebot.call.media.media_clock import VAD_WINDOW, MediaClock, TickLateness


class NotingDetector:
    """Notes what it is run on; the probability is the mean of the window."""

    def __init__(self) -> None:
        self.runs: list[tuple[list[int], NDArray[np.float32]]] = []
        self.open_slots: set[int] = set()

    def open(self) -> int:
        slot = next(n for n in range(1000) if n not in self.open_slots)
        self.open_slots.add(slot)
        return slot

    def close(self, slot: int) -> None:
        self.open_slots.remove(slot)

    def run(self, slots: NDArray[np.intp], windows: NDArray[np.float32]) -> NDArray[np.float32]:
        self.runs.append(([int(slot) for slot in slots], windows.copy()))
        means: NDArray[np.float32] = windows.mean(axis=1)
        return means


class CountingChannel:
    """Hears a ramp of samples; notes what reaches its tick."""

    def __init__(self, start: int = 0, *, fails_at: int = 0) -> None:
        self._sample = start
        self._fails_at = fails_at
        self.ticks: list[int] = []
        self.faults: list[Exception] = []
        self.tones: list[ToneKind] = []

    def read(self, into: Frame) -> bool:
        into[:] = np.arange(self._sample, self._sample + FRAME_SAMPLES)
        self._sample += FRAME_SAMPLES
        return True

    def tick(self, now_ms: int, heard: Frame, probability: float) -> None:
        self.ticks.append(now_ms)
        if now_ms == self._fails_at:
            raise RuntimeError("broken call")

    def hear_tone(self, tone: ToneEvent) -> None:
        self.tones.append(tone.kind)

    def fail(self, fault: Exception) -> None:
        self.faults.append(fault)


def test_windows_hold_every_sample_once_and_in_order() -> None:
    detector = NotingDetector()
    clock = MediaClock(detector)
    clock.attach(CountingChannel())
    for tick in range(1, 41):
        clock.tick(tick * 20)
    samples = np.concatenate([windows[0] for _, windows in detector.runs]) * 32768
    assert len(detector.runs) == 40 * FRAME_SAMPLES // VAD_WINDOW
    assert np.array_equal(samples, np.arange(samples.size))


def test_calls_share_runs_that_are_equally_large_in_every_tick() -> None:
    detector = NotingDetector()
    clock = MediaClock(detector)
    for number in range(100):
        clock.attach(CountingChannel(1000 * (number % 20)))
    for tick in range(1, 41):
        clock.tick(tick * 20)
    assert len(detector.runs) == 40
    sizes = [len(slots) for slots, _ in detector.runs]
    mean = 100 * FRAME_SAMPLES / VAD_WINDOW
    assert max(sizes) <= 1.1 * mean
    assert min(sizes) >= 0.9 * mean
    for number in range(100):
        windows = [windows[slots.index(number)] for slots, windows in detector.runs if number in slots]
        samples = np.rint(np.concatenate(windows) * 32768)
        heard = np.flatnonzero(samples != 0)
        first = 1000 * (number % 20) or 1  # The ramp of call 0 begins with a zero of its own.
        assert np.array_equal(samples[heard[0] :], np.arange(first, first + samples.size - heard[0]))


def test_a_call_that_joins_late_starts_with_an_empty_window() -> None:
    detector = NotingDetector()
    clock = MediaClock(detector)
    first = CountingChannel()
    clock.attach(first)
    clock.tick(20)
    clock.detach(first)
    clock.attach(CountingChannel(5000))
    clock.tick(40)
    clock.tick(60)
    ((_, windows),) = detector.runs
    assert np.allclose(windows[0] * 32768, np.arange(5000, 5000 + VAD_WINDOW))


def test_a_broken_call_leaves_the_others_running() -> None:
    clock = MediaClock(NotingDetector())
    broken, sound = CountingChannel(fails_at=40), CountingChannel()
    clock.attach(broken)
    clock.attach(sound)
    for tick in range(1, 5):
        clock.tick(tick * 20)
    assert broken.ticks == [20, 40]
    assert [str(fault) for fault in broken.faults] == ["broken call"]
    assert sound.ticks == [20, 40, 60, 80]


class BeepingChannel(CountingChannel):
    """Hears a 1 kHz beep of half a second after one second of silence."""

    def read(self, into: Frame) -> bool:
        at = np.arange(self._sample, self._sample + FRAME_SAMPLES)
        beeps = (at >= 8000) & (at < 12000)
        into[:] = np.where(beeps, 8000 * np.sin(2 * np.pi * 1000 / 8000 * at), 0)
        self._sample += FRAME_SAMPLES
        return True


def test_a_beep_is_told_to_its_own_call_and_a_full_listener_goes_without() -> None:
    clock = MediaClock(NotingDetector(), ToneDetector(2))
    quiet, beeping, unheard = CountingChannel(), BeepingChannel(), BeepingChannel()
    for channel in (quiet, beeping, unheard):
        clock.attach(channel)
    for tick in range(1, 100):
        clock.tick(tick * 20)
    assert beeping.tones == [ToneKind.VOICEMAIL_BEEP]
    assert unheard.tones == []
    clock.detach(beeping)
    clock.tick(2000)
    clock.attach(unheard)


def test_lateness_is_told_by_maximum_and_percentile() -> None:
    lateness = TickLateness()
    assert lateness.percentile(0.99) == 0
    for _ in range(99):
        lateness.add(0.1)
    lateness.add(30.0)
    assert lateness.max_ms == 30.0
    assert lateness.percentile(0.5) <= 0.25
    assert lateness.percentile(1.0) == 30.0


@pytest.mark.virtual_time
async def test_the_schedule_is_absolute() -> None:
    clock = MediaClock(NotingDetector())
    channel = CountingChannel()
    clock.attach(channel)
    ticking = asyncio.create_task(clock.run())
    await asyncio.sleep(10.01)
    ticking.cancel()
    assert channel.ticks == [n * 20 for n in range(1, 501)]
    assert clock.lateness.max_ms == pytest.approx(0, abs=1e-6)
