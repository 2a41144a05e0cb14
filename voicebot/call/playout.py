"""Playout: what the bot is saying, sample by sample, and how much of it was heard.

Pure: the media clock asks for one frame per tick and says how much of it is on the wire.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from dialogs.turn import Saying
from models.tts import Speech
from telephony.line import FRAME_SAMPLES, Frame

GAP_SAMPLES = 8 * FRAME_SAMPLES
"""Silence between two sayings of one reply."""


@dataclass(slots=True)
class _Segment:
    saying: Saying
    speech: Speech
    played: int = 0

    @property
    def finished(self) -> bool:
        return self.played >= len(self.speech.samples) + GAP_SAMPLES


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

    @property
    def active(self) -> bool:
        """True while a reply is being said or has more to come."""
        return self._open or bool(self._waiting)

    @property
    def audible(self) -> bool:
        """True while frames go out (not paused)."""
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
    def remaining_samples(self) -> int:
        """How much is still to be played."""
        return sum(len(s.speech.samples) - min(s.played, len(s.speech.samples)) for s in self._waiting)

    def begin(self) -> int:
        """Start a new reply and give its number; what was left of the last one is dropped."""
        self._waiting.clear()
        self._done.clear()
        self._open = True
        self._paused = False
        self.dropped = False
        self.reply += 1
        return self.reply

    def add(self, saying: Saying, speech: Speech) -> None:
        """Queue one saying of the reply."""
        self._waiting.append(_Segment(saying, speech))

    def end(self) -> None:
        """Nothing more will be added to the reply."""
        self._open = False

    def next_frame(self) -> Frame | None:
        """The next 160 samples, or None when there is nothing to send in this tick."""
        if self._paused or not self._waiting:
            return None
        segment = self._waiting[0]
        frame = segment.speech.samples[segment.played : segment.played + FRAME_SAMPLES]
        segment.played += FRAME_SAMPLES
        if segment.finished or (len(self._waiting) == 1 and not self._open and not frame.size):
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
            heard = [end for end in segment.speech.word_ends if end <= segment.played]
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
        segments = [*self._done, *self._waiting]
        return " ".join(filter(None, (s.speech.words_heard(s.played) for s in segments)))

    def heard_by_saying(self) -> tuple[tuple[Saying, str], ...]:
        """Each saying that began to be played, with its words that were heard."""
        segments = [*self._done, *(s for s in self._waiting if s.played)]
        return tuple((s.saying, s.speech.words_heard(s.played)) for s in segments)
