"""The tone detector of all calls: one transform per 20 ms tick for everyone, then what the tones mean."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from telephony.line import FRAME_MS, FRAME_SAMPLES
from telephony.tones.cadence import FaxTones, Progress, SpecialInformationTones, VoicemailBeep, tell
from telephony.tones.event import ToneEvent, ToneKind
from telephony.tones.looks import (
    LONG_HOP_MS,
    LONG_LOOK_MS,
    LONG_LOOK_SAMPLES,
    SHORT_HOP_MS,
    WEAKEST_DBFS,
    LongLooks,
    Looks,
    ShortLooks,
)
from telephony.tones.runs import RunLimits, Runs
from telephony.tones.tone_plan import BEEP, FAX, DtmfLimits

_DTMF = DtmfLimits()
_FULL_SCALE = np.float32(32768.0)
_WEAKEST_PEAK = np.float32(0.99 * 10 ** (WEAKEST_DBFS / 20))
_FRAMES_KEPT = LONG_LOOK_SAMPLES // FRAME_SAMPLES

DTMF_RUNS = RunLimits(hop_ms=SHORT_HOP_MS, gap_ms=20, shortest_ms=_DTMF.shortest_ms)
SINGLE_TONE_RUNS = RunLimits(
    hop_ms=SHORT_HOP_MS, gap_ms=30, shortest_ms=BEEP.shortest_ms, told_after_ms=FAX.answering_told_after_ms
)
PROGRESS_RUNS = RunLimits(hop_ms=LONG_HOP_MS, gap_ms=80, shortest_ms=120, told_after_ms=100)


@dataclass(slots=True)
class _Call:
    """What one call has heard so far."""

    progress: Progress = field(default_factory=Progress)
    special: SpecialInformationTones = field(default_factory=SpecialInformationTones)
    fax: FaxTones = field(default_factory=FaxTones)
    beep: VoicemailBeep = field(default_factory=VoicemailBeep)

    def known_tone(self, at_ms: int) -> bool:
        """Whether the tones on the line are a fax's or a call progress tone's, and so no beeps."""
        return self.fax.calling_told or self.progress.near(at_ms)


class ToneDetector:
    """Listens to up to `capacity` calls. Not thread-safe; call `run` from the media clock."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._ring = np.zeros((_FRAMES_KEPT, capacity, FRAME_SAMPLES), np.float32)
        self._audio = np.empty((capacity, LONG_LOOK_SAMPLES), np.float32)
        self._peaks = np.zeros((2, capacity), np.float32)
        """Highest samples of the last two frames."""
        self._low = np.zeros(capacity, np.bool_)
        self._short_looks, self._long_looks = ShortLooks(capacity), LongLooks(capacity)
        self._digits = Runs(capacity, DTMF_RUNS)
        self._tones = Runs(capacity, SINGLE_TONE_RUNS)
        self._progress = Runs(capacity, PROGRESS_RUNS)
        self._all_runs = (self._digits, self._tones, self._progress)
        self._calls: dict[int, _Call] = {}
        self._free = list(range(capacity))[::-1]
        self._candidates: set[int] = set()

    def open(self) -> int:
        """A slot for a new call. Raises IndexError when all are taken."""
        if not self._free:
            raise IndexError(f"all {self._capacity} slots of the tone detector are open")
        slot = self._free.pop()
        self._ring[:, slot] = 0
        self._peaks[:, slot] = 0
        self._low[slot] = False
        for runs in self._all_runs:
            runs.forget(slot)
        self._calls[slot] = _Call()
        return slot

    def close(self, slot: int) -> None:
        """Forget a call. Raises KeyError if the slot is not open."""
        del self._calls[slot]
        self._candidates.discard(slot)
        self._free.append(slot)

    def run(
        self, tick: int, slots: NDArray[np.intp], frames: NDArray[np.int16] | NDArray[np.float32]
    ) -> list[ToneEvent]:
        """Take one frame of each of n open slots: `(n, 160)`, 8 kHz, int16, or float of full scale 1.

        `tick` counts 20 ms and grows by one each time; a slot that is left out has heard silence.
        """
        if frames.shape != (len(slots), FRAME_SAMPLES):
            raise ValueError(f"frames must be ({len(slots)}, {FRAME_SAMPLES}), not {frames.shape}")
        newest = self._ring[tick % _FRAMES_KEPT]
        newest[:] = 0
        newest[slots] = frames / _FULL_SCALE if frames.dtype == np.int16 else frames
        if not len(slots):
            return []
        loud = np.flatnonzero(self._loud(tick, slots, newest[slots]))
        if not loud.size and not self._candidates and not any(runs.any_of(slots) for runs in self._all_runs):
            self._low[slots] = False
            return []
        end_ms = (tick + 1) * FRAME_MS
        events: list[ToneEvent] = []
        for heard in self._short_looks.take(self._last_frames(tick, 2, slots[loud])):
            look = heard.among(len(slots), loud)
            at_ms = end_ms - look.before_end_ms
            events += self._hear_digits(slots, at_ms, look.digits)
            events += self._hear_tones(slots, at_ms, look.tones)
            was_low, self._low[slots] = self._low[slots], look.low
        # Half of the calls at a time: a long look each 40 ms is enough for cadences.
        turn = (slots + tick) % (LONG_HOP_MS // FRAME_MS) == 0
        events += self._hear_progress(tick, slots[turn], was_low[turn])
        return events + self._beeps(end_ms)

    def _loud(self, tick: int, slots: NDArray[np.intp], samples: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which calls were loud enough in the last two frames for a look to see anything at all.

        The power of a look is at most the square of its highest sample.
        """
        peaks = self._peaks[tick % 2]
        peaks[:] = 0
        peaks[slots] = np.maximum(samples.max(axis=1), -samples.min(axis=1))
        loud: NDArray[np.bool_] = self._peaks[:, slots].max(axis=0) >= _WEAKEST_PEAK
        return loud

    def _last_frames(self, tick: int, count: int, slots: NDArray[np.intp]) -> NDArray[np.float32]:
        """`(n, count * 160)` samples, in memory that the next call uses again."""
        audio = self._audio[: len(slots), : count * FRAME_SAMPLES]
        for place in range(count):
            frame = self._ring[(tick - count + 1 + place) % _FRAMES_KEPT]
            audio[:, place * FRAME_SAMPLES : (place + 1) * FRAME_SAMPLES] = frame[slots]
        return audio

    def _hear_digits(self, slots: NDArray[np.intp], at_ms: int, looks: Looks) -> list[ToneEvent]:
        return [
            tell(run, ToneKind.DTMF, run.start_ms, detail=_DTMF.digits[run.symbol])
            for run in self._digits.observe(slots, at_ms, looks)
        ]

    def _hear_tones(self, slots: NDArray[np.intp], at_ms: int, looks: Looks) -> list[ToneEvent]:
        events: list[ToneEvent] = []
        for run in self._tones.observe(slots, at_ms, looks):
            call = self._calls[run.slot]
            events += call.fax.hear(run)
            if run.ended:
                events += call.special.hear(run)
                call.beep.hear(run, known=call.known_tone(run.end_ms))
                self._candidates.add(run.slot)
        return events

    def _hear_progress(self, tick: int, slots: NDArray[np.intp], low: NDArray[np.bool_]) -> list[ToneEvent]:
        rows = np.flatnonzero(low)
        audio = self._last_frames(tick, _FRAMES_KEPT, slots[rows])
        looks = self._long_looks.take(audio).among(len(slots), rows)
        runs = self._progress.observe(slots, (tick + 1) * FRAME_MS - LONG_LOOK_MS // 2, looks)
        return [event for run in runs for event in self._calls[run.slot].progress.hear(run)]

    def _beeps(self, now_ms: int) -> list[ToneEvent]:
        events: list[ToneEvent] = []
        for slot in sorted(self._candidates):
            call = self._calls[slot]
            events += call.beep.told_by(now_ms, self._tones.since_ms(slot), known=call.known_tone(now_ms))
            if call.beep.candidate is None:
                self._candidates.discard(slot)
        return events
