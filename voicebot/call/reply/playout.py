"""Playout: what the bot is saying, sample by sample, and how much of it was heard.

Pure: the media clock asks for one frame per tick and says how much of it is on the wire.
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from dialogs.turn import Saying
from models.tts import Speech, first_words, words_of
from telephony.line import FRAME_SAMPLES, Frame

GAP_SAMPLES = 8 * FRAME_SAMPLES
"""Silence between two sayings of one reply."""


@dataclass(slots=True)
class _Segment:
    """One saying: the clauses of it that are rendered, joined, and how far it was played."""

    saying: Saying
    samples: Frame = field(default_factory=lambda: np.zeros(0, np.int16))
    word_ends: list[int] = field(default_factory=list)
    whole: bool = False
    """False while clauses of it are still being rendered."""
    played: int = 0

    def extend(self, speech: Speech) -> None:
        self.word_ends += [len(self.samples) + end for end in speech.word_ends]
        self.samples = np.concatenate([self.samples, speech.samples]) if len(self.samples) else speech.samples

    def take(self) -> Frame:
        """Up to one frame; fewer samples at the end of what is rendered."""
        frame = self.samples[self.played : self.played + FRAME_SAMPLES]
        self.played += FRAME_SAMPLES if self.whole else len(frame)
        return frame

    @property
    def finished(self) -> bool:
        return self.whole and self.played >= len(self.samples) + GAP_SAMPLES

    @property
    def left(self) -> int:
        """Rendered samples that were not played."""
        return len(self.samples) - min(self.played, len(self.samples))

    @property
    def missing(self) -> int:
        """About how many samples are still to be rendered, by the length of the words so far."""
        if self.whole or not self.word_ends:
            return 0
        words = len(words_of(self.saying.text)) - len(self.word_ends)
        return max(0, words) * len(self.samples) // len(self.word_ends)

    @property
    def heard(self) -> str:
        """The words that were wholly played."""
        return first_words(self.saying.text, sum(end <= self.played for end in self.word_ends))


class Playout:
    """The sayings of one reply, played in order; can be paused, resumed and dropped."""

    def __init__(self) -> None:
        self._waiting: deque[_Segment] = deque()
        self._done: list[_Segment] = []
        self._open = False
        self._paused = False
        self.locked_ahead = False
        """What comes next, and is still being rendered, must not be interrupted."""
        self.reply = 0
        """Number of the current or last reply, from 1."""
        self.dropped = False
        """True when the current reply was given up before its end."""
        self.starved_samples = 0
        """Silence in the middle of sayings because their next clause was not there yet, in the whole call."""

    @property
    def active(self) -> bool:
        """True while a reply is being said or has more to come."""
        return self._open or bool(self._waiting)

    @property
    def audible(self) -> bool:
        """True while a saying is being played (not paused), also while it waits for its next clause."""
        return bool(self._waiting) and not self._paused

    @property
    def paused(self) -> bool:
        """True between `pause` and `resume` or `drop`."""
        return self._paused

    @property
    def locked(self) -> bool:
        """True while the saying being played, or the one waited for, must not be interrupted."""
        if not self._waiting:
            return self._open and self.locked_ahead
        return not self._waiting[0].saying.barge_in

    @property
    def ready_samples(self) -> int:
        """How much is rendered and still to be played."""
        return sum(segment.left for segment in self._waiting)

    @property
    def remaining_samples(self) -> int:
        """How much is still to be played; clauses that are not rendered yet are estimated."""
        return sum(segment.left + segment.missing for segment in self._waiting)

    def begin(self) -> int:
        """Start a new reply and give its number; what was left of the last one is dropped."""
        self._waiting.clear()
        self._done.clear()
        self._open = True
        self._paused = False
        self.dropped = False
        self.reply += 1
        return self.reply

    def add(self, saying: Saying, speech: Speech, *, whole: bool = True) -> None:
        """Queue one saying of the reply, or its first clause when it is not `whole`.

        While the last one queued is not whole, this is the next clause of it."""
        if self._waiting and not self._waiting[-1].whole:
            segment = self._waiting[-1]
        else:
            segment = _Segment(saying)
            self._waiting.append(segment)
        segment.extend(speech)
        segment.whole = whole

    def end(self) -> None:
        """Nothing more will be added to the reply."""
        self._open = False
        if self._waiting:
            self._waiting[-1].whole = True

    def next_frame(self) -> Frame | None:
        """The next 160 samples, or None when there is nothing to send in this tick."""
        if self._paused or not self._waiting:
            return None
        segment = self._waiting[0]
        frame = segment.take()
        if not segment.whole:
            self.starved_samples += FRAME_SAMPLES - frame.size
            if not frame.size:
                return None
        elif segment.finished or (len(self._waiting) == 1 and not self._open and not frame.size):
            self._done.append(self._waiting.popleft())
        if frame.size < FRAME_SAMPLES:
            frame = np.concatenate([frame, np.zeros(FRAME_SAMPLES - frame.size, np.int16)])
        return frame

    def pause(self, unsent_samples: int) -> None:
        """Stop at once; go back by what the wire had not taken yet."""
        self._paused = True
        if self._waiting:
            segment = self._waiting[0]
            segment.played = max(0, segment.played - unsent_samples)

    def resume(self) -> None:
        """Go on where `pause` stopped, from the beginning of the word."""
        if self._paused and self._waiting:
            segment = self._waiting[0]
            heard = [end for end in segment.word_ends if end <= segment.played]
            # A word cut in half is said again from its start.
            segment.played = heard[-1] if heard else 0
        self._paused = False

    def drop(self) -> None:
        """Say no more of this reply."""
        if self.active:
            self.dropped = True
        if self._waiting:
            self._done.append(self._waiting.popleft())
        self._waiting.clear()
        self._open = False
        self._paused = False

    def heard_words(self) -> str:
        """The words of this reply that were wholly played."""
        return " ".join(filter(None, (s.heard for s in (*self._done, *self._waiting))))

    def heard_by_saying(self) -> tuple[tuple[Saying, str], ...]:
        """Each saying that began to be played, with its words that were heard."""
        segments = [*self._done, *(s for s in self._waiting if s.played)]
        return tuple((s.saying, s.heard) for s in segments)
