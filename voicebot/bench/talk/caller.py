"""One caller of the load generator: when it speaks, what it hears, how long it waited. Pure.

Times are seconds on any one clock, given by whoever drives it. What is heard comes as the level of each
20 ms frame with the time at which the telephone plays it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

FRAME_S = 0.02
AUDIBLE_DBFS = -45.0
"""Comfort noise and the noise of coding lie below, the quietest syllable above."""
ONSET_FRAMES = 2
"""So many audible frames in a row are a sound; one may be a click."""
SAME_SOUND_S = 0.2
"""Pauses inside a word or between two words are shorter."""
ANOTHER_ANSWER_S = 0.4
"""After this much silence a new sound is another answer; between two sentences of one it is shorter."""
LONGEST_WAIT_S = 8.0
AFTER_EARLY_S = 2.0
"""A bot that answered too early may answer again, now that all was said."""
LAST_LISTEN_S = 1.5
"""After the last reply the caller listens on: a second answer may come."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing the caller said and what came of it."""

    utterance: int
    ended_s: float
    """When its last audible sample was sent."""
    latency_s: float | None
    """From then to the first audible sound of the bot; none if the bot was silent or came too early."""
    early: bool
    """The bot began to speak before the caller had finished."""
    answers: int
    """How often the bot began to speak after the caller had finished; one is right."""


@dataclass(frozen=True, slots=True)
class Line:
    """How many 20 ms frames an utterance has; the last audible sample is in the last of them."""

    utterance: int
    frames: int


class _Phase(Enum):
    GREETING = auto()
    """The bot has the first word."""
    PAUSING = auto()
    """The bot has spoken; a person waits a moment."""
    SPEAKING = auto()
    WAITING = auto()
    LISTENING = auto()
    """All is said."""
    DONE = auto()


class Caller:
    """Speaks its lines one after the other, each after the bot has been silent for that line's pause."""

    def __init__(self, lines: Sequence[Line], pauses_s: Sequence[float], answered_s: float) -> None:
        """`pauses_s`: one for each line, counted from when the bot is known to be silent."""
        self.turns: list[Turn] = []
        self.greeting_s: float | None = None
        """From the answer to the first sound of the bot."""
        self._lines, self._pauses_s = lines, pauses_s
        self._phase = _Phase.GREETING
        self._answered_s = answered_s
        self._since_s = answered_s
        self._line = 0
        self._frame = 0
        self._loud = 0
        """Audible frames in a row."""
        self._last_frame_s = answered_s
        self._onset_s = 0.0
        self._last_audible_s: float | None = None
        self._sounding = False
        self._early = False
        self._answers = 0
        self._latency_s: float | None = None
        self._ended_s = 0.0

    @property
    def done(self) -> bool:
        """Nothing is left to say or to hear."""
        return self._phase is _Phase.DONE

    def hear(self, at_s: float, level_dbfs: float) -> None:
        """A frame is played that begins at `at_s`; in order of time. Frames of silence may be left out."""
        if level_dbfs <= AUDIBLE_DBFS:
            self._loud = 0
            return
        if self._loud and at_s - self._last_frame_s > 1.5 * FRAME_S:
            self._loud = 0
        if not self._loud:
            self._onset_s = at_s
        self._loud += 1
        self._last_frame_s = at_s
        if self._loud < ONSET_FRAMES:
            return
        last, self._last_audible_s = self._last_audible_s, at_s + FRAME_S
        another = last is None or self._onset_s - last > ANOTHER_ANSWER_S
        first = self._phase is _Phase.WAITING and not self._answers and not self._sounding
        if another or first:
            self._begins(self._onset_s)
        self._sounding = True

    def next_frame(self, now_s: float) -> tuple[int, int] | None:
        """What to send now: (utterance, frame), or None for silence. Ask once every 20 ms."""
        if self._last_audible_s is not None and now_s - self._last_audible_s > SAME_SOUND_S:
            self._sounding = False
        match self._phase:
            case _Phase.GREETING | _Phase.PAUSING:
                self._wait_for_the_turn(now_s)
            case _Phase.WAITING:
                self._wait_for_the_reply(now_s)
            case _Phase.LISTENING if now_s - self._silent_since() > LAST_LISTEN_S:
                self._close_turn()
                self._phase = _Phase.DONE
            case _:
                pass
        return self._speak(now_s) if self._phase is _Phase.SPEAKING else None

    def end(self) -> None:
        """The call is over, whoever ended it."""
        self._close_turn()
        self._phase = _Phase.DONE

    def _begins(self, at_s: float) -> None:
        if self.greeting_s is None:
            self.greeting_s = at_s - self._answered_s
        still_said = self._phase is _Phase.WAITING and at_s < self._ended_s
        if self._phase is _Phase.SPEAKING or still_said:
            self._early = True
        elif self._phase is not _Phase.GREETING and (self.turns or self._line):
            self._answers += 1
            in_time = at_s - self._ended_s <= LONGEST_WAIT_S
            if self._answers == 1 and in_time and not self._early:
                self._latency_s = at_s - self._ended_s

    def _silent_since(self) -> float:
        return max(self._since_s, self._last_audible_s or 0.0)

    def _wait_for_the_turn(self, now_s: float) -> None:
        greeted = self._phase is _Phase.PAUSING or self.greeting_s is not None
        if not greeted and now_s - self._since_s < LONGEST_WAIT_S:
            return
        if self._sounding or now_s - self._silent_since() < SAME_SOUND_S + self._pauses_s[self._line]:
            return
        self._close_turn()
        self._phase, self._frame = _Phase.SPEAKING, 0
        self._early, self._answers, self._latency_s = False, 0, None

    def _speak(self, now_s: float) -> tuple[int, int]:
        line = self._lines[self._line]
        frame = self._frame
        self._frame += 1
        if self._frame == line.frames:
            self._ended_s = self._since_s = now_s
            self._line += 1
            self._phase = _Phase.WAITING
        return line.utterance, frame

    def _wait_for_the_reply(self, now_s: float) -> None:
        patience_s = AFTER_EARLY_S if self._early else LONGEST_WAIT_S
        replied = self._answers > 0
        if self._sounding or (not replied and now_s - self._silent_since() < patience_s):
            return
        if not replied:
            self._since_s = now_s
        self._phase = _Phase.PAUSING if self._line < len(self._lines) else _Phase.LISTENING

    def _close_turn(self) -> None:
        if len(self.turns) < self._line:
            said = self._lines[self._line - 1].utterance
            self.turns.append(Turn(said, self._ended_s, self._latency_s, self._early, self._answers))
