"""Endpointing: when does the callee begin, pause, go on and finish a turn.

A pure state machine. Time and speech probability are inputs; it never reads a clock and
does no I/O. The media clock steps it once per 20 ms tick. Shape after Home Assistant's
`assist_pipeline/vad.py` and LiveKit's `voice/endpointing.py`.
"""

from dataclasses import dataclass
from enum import Enum, auto

from voicebot.settings import EndpointingSettings


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """An utterance began at `at_ms` (not when it became certain)."""

    utterance: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Paused:
    """Silence since `end_ms`, long enough to guess that the turn may be over."""

    utterance: int
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """The speaker went on: what was guessed at the pause is void. `pause_ms` is how long it was."""

    utterance: int
    pause_ms: int


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The turn is over, whatever was understood. `cut` means that the watchdog ended it."""

    utterance: int
    start_ms: int
    end_ms: int
    cut: bool = False


@dataclass(frozen=True, slots=True)
class SilenceElapsed:
    """Nobody spoke for as long as was asked by `await_speech`."""

    at_ms: int


EndpointEvent = SpeechStarted | Paused | Resumed | TurnEnded | SilenceElapsed


class _State(Enum):
    SILENCE = auto()
    SPEECH = auto()
    PAUSE = auto()


_FREE_WAIT_MS = 120
"""A wait of one short decoding: what an engine that two calls share has always."""


def guess_after(expected_wait_ms: float, end_ms: int, times: EndpointingSettings) -> int:
    """Silence after which to guess at the words. The longer the recogniser's queue, the later: a guess is
    in vain when the speaker goes on, and in a queue it would delay words that are due."""
    delay_ms = 2 * max(0.0, expected_wait_ms - _FREE_WAIT_MS)
    return int(min(times.speculate_ms + delay_ms, max(times.speculate_ms, end_ms)))


class Endpointer:
    """Feeds on (time, speech probability), gives endpoint events.

    Invariants (property-tested): each utterance starts once and ends once; a pause is
    reported only between the two; a turn always ends within `longest_ms` of its start.
    """

    def __init__(self, settings: EndpointingSettings) -> None:
        self._settings = settings
        self._state = _State.SILENCE
        self._end_ms = settings.end_ms
        self._utterance = 0
        self._candidate_ms: int | None = None
        """Since when the probability has been high without being called speech yet."""
        self._start_ms = 0
        self._pause_ms = 0
        self._guessed = False
        self._silence_due_ms: int | None = None

    @property
    def speaking(self) -> bool:
        """True from the start of an utterance to the end of its turn."""
        return self._state is not _State.SILENCE

    @property
    def talking(self) -> bool:
        """True while words are being said, not in a pause between them."""
        return self._state is _State.SPEECH

    @property
    def utterance(self) -> int:
        """Number of the current or last utterance, from 1."""
        return self._utterance

    @property
    def start_ms(self) -> int:
        """When the current or last utterance began."""
        return self._start_ms

    @property
    def pausing(self) -> bool:
        """True in a pause between words, and after the last ones until the turn is over."""
        return self._state is _State.PAUSE

    @property
    def rising(self) -> bool:
        """True while something is heard that may prove to be speech."""
        return self._candidate_ms is not None and self._state is not _State.SPEECH

    def speech_ms(self, now_ms: int) -> int:
        """How long the current utterance has been spoken, pauses at its end left out."""
        match self._state:
            case _State.SILENCE:
                return 0
            case _State.SPEECH:
                return now_ms - self._start_ms
            case _State.PAUSE:
                return self._pause_ms - self._start_ms

    def end_after(self, silence_ms: int) -> None:
        """How much silence ends a turn from now on."""
        self._end_ms = silence_ms

    def await_speech(self, until_ms: int | None) -> None:
        """Report `SilenceElapsed` if no utterance has begun by `until_ms`; None stops waiting."""
        self._silence_due_ms = until_ms

    def finish(self) -> None:
        """The words were enough: the turn is over now, without further events."""
        self._state = _State.SILENCE
        self._candidate_ms = None

    def step(
        self, now_ms: int, probability: float, expected_wait_ms: float = 0.0
    ) -> tuple[EndpointEvent, ...]:
        """Advance to `now_ms` with the newest speech probability (0..1). `expected_wait_ms` is how long
        the recogniser would let a new request wait; it matters in a pause only."""
        match self._state:
            case _State.SILENCE:
                return self._in_silence(now_ms, probability)
            case _State.SPEECH:
                return self._in_speech(now_ms, probability)
            case _State.PAUSE:
                return self._in_pause(now_ms, probability, expected_wait_ms)

    def _in_silence(self, now_ms: int, probability: float) -> tuple[EndpointEvent, ...]:
        if self._rises(now_ms, probability):
            assert self._candidate_ms is not None
            self._start_ms = self._candidate_ms
            self._utterance += 1
            self._state = _State.SPEECH
            self._silence_due_ms = None
            return (SpeechStarted(self._utterance, self._start_ms),)
        due = self._silence_due_ms
        if due is not None and now_ms >= due and self._candidate_ms is None:
            self._silence_due_ms = None
            return (SilenceElapsed(now_ms),)
        return ()

    def _in_speech(self, now_ms: int, probability: float) -> tuple[EndpointEvent, ...]:
        if self._overdue(now_ms):
            return self._end(now_ms, cut=True)
        if probability < self._settings.stop_probability:
            self._state = _State.PAUSE
            self._pause_ms = now_ms
            self._candidate_ms = None
            self._guessed = False
        return ()

    def _in_pause(
        self, now_ms: int, probability: float, expected_wait_ms: float
    ) -> tuple[EndpointEvent, ...]:
        if self._overdue(now_ms):
            return self._end(self._pause_ms, cut=True)
        if self._rises(now_ms, probability):
            assert self._candidate_ms is not None
            self._state = _State.SPEECH
            pause_ms = self._candidate_ms - self._pause_ms
            return (Resumed(self._utterance, pause_ms),) if self._guessed else ()
        if self._candidate_ms is not None:
            return ()
        silence = now_ms - self._pause_ms
        if silence >= self._end_ms:
            return self._end(self._pause_ms, cut=False)
        if self._guessed:
            return ()
        if silence >= guess_after(expected_wait_ms, self._end_ms, self._settings):
            self._guessed = True
            return (Paused(self._utterance, self._start_ms, self._pause_ms),)
        return ()

    def _overdue(self, now_ms: int) -> bool:
        """The watchdog: whatever is heard, the turn has lasted long enough."""
        return now_ms - self._start_ms >= self._settings.longest_ms

    def _rises(self, now_ms: int, probability: float) -> bool:
        """Hysteresis: the probability must stay up for `start_ms` before it counts as speech."""
        if probability < self._settings.stop_probability:
            self._candidate_ms = None
            return False
        if self._candidate_ms is None:
            if probability < self._settings.start_probability:
                return False
            self._candidate_ms = now_ms
        return now_ms - self._candidate_ms >= self._settings.start_ms

    def _end(self, end_ms: int, *, cut: bool) -> tuple[EndpointEvent, ...]:
        self.finish()
        return (TurnEnded(self._utterance, self._start_ms, end_ms, cut),)
