"""What runs of tones mean. Pure: each machine is one call's state, and time comes with the runs."""

from dataclasses import dataclass, field

from telephony.tones.event import ToneEvent, ToneKind
from telephony.tones.looks import PROGRESS_PAIRS, SINGLE_PROGRESS
from telephony.tones.runs import Run
from telephony.tones.tone_plan import (
    BEEP,
    CADENCE_TOLERANCE,
    CADENCE_TOLERANCE_MS,
    CADENCES,
    FAX,
    SINGLE_PROGRESS_HZ,
    SPECIAL_INFORMATION,
    SPECIAL_INFORMATION_CATEGORIES,
    Cadence,
)

TICK_MS = 20
SURE_OF_QUIET_MS = 40
"""A tone that begins has filled three looks after this time."""
LONGEST_CYCLE = max(len(cadence.durations_ms) * cadence.cycles for cadence in CADENCES)
FORGET_MS = 8_000
"""A tone not heard for this long is over, and told anew when it comes back."""


def tell(
    run: Run, kind: ToneKind, start_ms: int, *, detail: str = "", frequency_hz: float | None = None
) -> ToneEvent:
    """The event of a tone that began at `start_ms` and that `run` concludes."""
    return ToneEvent(
        run.slot, kind, round(start_ms / TICK_MS), round(run.end_ms / TICK_MS), detail, frequency_hz
    )


def _symbol(cadence: Cadence) -> int:
    if len(cadence.frequencies_hz) == 1:
        return SINGLE_PROGRESS
    return SINGLE_PROGRESS + 1 + PROGRESS_PAIRS.index(cadence.frequencies_hz)


_CADENCES_OF: dict[int, list[Cadence]] = {}
for _cadence in CADENCES:
    _CADENCES_OF.setdefault(_symbol(_cadence), []).append(_cadence)


def _misfit(durations: list[int], cadence: Cadence) -> float | None:
    """How badly the last durations fit a cadence, 0 to 1; None if they don't."""
    expected = cadence.durations_ms * cadence.cycles
    if len(durations) < len(expected):
        return None
    heard = durations[-len(expected) :]
    worst = max(
        abs(is_ - should) / (CADENCE_TOLERANCE * should + CADENCE_TOLERANCE_MS)
        for is_, should in zip(heard, expected, strict=True)
    )
    return worst if worst <= 1 else None


@dataclass(slots=True)
class Progress:
    """Ringback, busy and congestion: bursts of one tone, each told when it begins and when it ends."""

    symbol: int | None = None
    durations_ms: list[int] = field(default_factory=list)
    """On, off, on, off ... of the bursts so far."""
    starts_ms: list[int] = field(default_factory=list)
    last_end_ms: int | None = None
    told: ToneKind | None = None

    def hear(self, run: Run) -> list[ToneEvent]:
        late = self.last_end_ms is not None and run.start_ms - self.last_end_ms > FORGET_MS
        if run.symbol != self.symbol or late:
            self.symbol, self.durations_ms, self.starts_ms = run.symbol, [], []
            self.last_end_ms = self.told = None
        if run.ended:
            self.durations_ms = [*self.durations_ms, run.length_ms][-LONGEST_CYCLE:]
            self.starts_ms = [*self.starts_ms, run.start_ms][-LONGEST_CYCLE:]
            self.last_end_ms = run.end_ms
            return []
        if self.last_end_ms is None:
            return []
        self.durations_ms = [*self.durations_ms, run.start_ms - self.last_end_ms][-LONGEST_CYCLE:]
        return self._match(run)

    def _match(self, run: Run) -> list[ToneEvent]:
        fits = [(_misfit(self.durations_ms, cadence), cadence) for cadence in _CADENCES_OF[run.symbol]]
        possible = [(misfit, cadence) for misfit, cadence in fits if misfit is not None]
        if not possible:
            return []
        _, best = min(possible, key=lambda pair: pair[0])
        if best.kind is self.told:
            return []
        self.told = best.kind
        bursts = len(best.durations_ms) * best.cycles // 2
        return [tell(run, best.kind, self.starts_ms[-bursts])]

    def near(self, at_ms: int) -> bool:
        """Whether a progress tone of two frequencies, or one whose cadence is known, was just heard."""
        known = self.symbol not in (None, SINGLE_PROGRESS) or self.told is not None
        return known and self.last_end_ms is not None and at_ms - self.last_end_ms < FORGET_MS


@dataclass(slots=True)
class SpecialInformationTones:
    """Three rising tones without pauses."""

    heard: list[Run] = field(default_factory=list)

    def hear(self, run: Run) -> list[ToneEvent]:
        plan = SPECIAL_INFORMATION
        if self.heard and run.start_ms - self.heard[-1].end_ms > plan.longest_gap_ms:
            self.heard = []
        for position in {len(self.heard), 0}:
            lowest, highest = plan.bands_hz[position]
            if lowest <= run.frequency_hz <= highest and plan.shortest_ms <= run.length_ms <= plan.longest_ms:
                self.heard = [*self.heard[:position], run]
                break
        else:
            self.heard = []
        if len(self.heard) < len(plan.bands_hz):
            return []
        heard, self.heard = self.heard, []
        return [tell(run, ToneKind.SPECIAL_INFORMATION, heard[0].start_ms, detail=_category(heard))]


def _category(heard: list[Run]) -> str:
    plan = SPECIAL_INFORMATION
    lengths = "".join("L" if run.length_ms >= plan.long_from_ms else "S" for run in heard)
    heights = ""
    for run, (low_hz, high_hz) in zip(heard, plan.low_high_hz, strict=False):
        letter, nominal = min(("L", low_hz), ("H", high_hz), key=lambda pair: abs(run.frequency_hz - pair[1]))
        if abs(run.frequency_hz / nominal - 1) > plan.category_tolerance:
            return ""
        heights += letter
    return SPECIAL_INFORMATION_CATEGORIES.get(f"{lengths} {heights}", "")


@dataclass(slots=True)
class FaxTones:
    """CNG is told at its second burst, since a voicemail beep may be like the first; CED while it lasts."""

    calling: Run | None = None
    calling_told: bool = False

    def hear(self, run: Run) -> list[ToneEvent]:
        if not run.ended:
            if abs(run.frequency_hz - FAX.answering_hz) > FAX.answering_tolerance_hz:
                return []
            return [tell(run, ToneKind.FAX_ANSWERING, run.start_ms, frequency_hz=run.frequency_hz)]
        shortest, longest = FAX.calling_on_ms
        burst = abs(run.frequency_hz - FAX.calling_hz) <= FAX.calling_tolerance_hz
        if not (burst and shortest <= run.length_ms <= longest):
            return []
        before, self.calling = self.calling, run
        shortest, longest = FAX.calling_off_ms
        if self.calling_told or before is None or not shortest <= run.start_ms - before.end_ms <= longest:
            return []
        self.calling_told = True
        return [tell(run, ToneKind.FAX_CALLING, before.start_ms, frequency_hz=run.frequency_hz)]


@dataclass(slots=True)
class VoicemailBeep:
    """One short pure tone, with no other tone just before it and quiet after it."""

    candidate: Run | None = None
    due_ms: int = 0
    last_end_ms: int | None = None

    def hear(self, run: Run, *, known: bool) -> None:
        """A single tone ended; `known` says that a progress or fax tone is on the line."""
        low_progress, high_progress = SINGLE_PROGRESS_HZ
        like_progress = low_progress <= run.frequency_hz <= high_progress
        quiet_ms = BEEP.progress_quiet_ms if like_progress else BEEP.quiet_ms
        longest_ms = BEEP.progress_longest_ms if like_progress else BEEP.longest_ms
        shortest_ms = BEEP.low_shortest_ms if run.frequency_hz < BEEP.low_hz else BEEP.shortest_ms
        alone = self.last_end_ms is None or run.start_ms - self.last_end_ms >= quiet_ms
        fits = (
            BEEP.lowest_hz <= run.frequency_hz <= BEEP.highest_hz
            and shortest_ms <= run.length_ms <= longest_ms
            and not known
        )
        self.last_end_ms = run.end_ms
        self.candidate = run if alone and fits else None
        self.due_ms = run.end_ms + quiet_ms

    def told_by(self, now_ms: int, tone_since_ms: int | None, *, known: bool) -> list[ToneEvent]:
        """The beep, once it has been followed by quiet; `tone_since_ms` is the start of a tone going on."""
        run = self.candidate
        if run is None:
            return []
        if known or (tone_since_ms is not None and tone_since_ms < self.due_ms):
            self.candidate = None
            return []
        if now_ms < self.due_ms + SURE_OF_QUIET_MS:
            return []
        self.candidate = None
        return [tell(run, ToneKind.VOICEMAIL_BEEP, run.start_ms, frequency_hz=run.frequency_hz)]
