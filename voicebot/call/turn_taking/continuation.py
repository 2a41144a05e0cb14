"""A speaker who had not finished: speech right after an answered turn belongs to it. Pure.

"Yes." - (the bot begins to answer) - "Yes, but who is this?": the answer is given up, the dialogue goes
back to where it was, and both parts are understood as one turn. Only words that are new do that: a cough
or an "okay" after the turn is decoded with it, and takes nothing back.
"""

import re
from dataclasses import dataclass, replace

from dialogs.turn import DialogueState
from voicebot.call.listening.hearing import Understood

GOES_ON_MS = 1200
"""Speech that begins so soon after an answered turn is more of it."""
_USUAL_END_MS = 400
"""Of silence before an answer: where a turn was given longer, the time counts from later on."""


@dataclass(frozen=True, slots=True)
class TakenTurn:
    """A turn that was over, and the dialogue before it."""

    state: DialogueState
    start_ms: int
    end_ms: int
    noted: bool = True
    """Its words stand in the log already."""
    over_ms: float = 0.0
    """When it was certain that it was over."""
    text: str = ""
    intent: str | None = None
    """Both as they were answered; nothing if they were not."""


def taken_turn(state: DialogueState, words: Understood, over_ms: float) -> TakenTurn:
    """The turn that is answered now, at `state` of the dialogue."""
    intent = words.intent.intent
    return TakenTurn(state, words.start_ms, words.end_ms, over_ms=over_ms, text=words.text, intent=intent)


def added_to(before: str, text: str) -> str:
    """What `text` says after the words of `before`; the whole of it if it does not begin with them."""
    letters = re.findall(r"\w", before.lower())
    same = re.match(r"\W*" + r"\W*".join(letters) + r"(?![A-Za-z0-9'’])", text, re.IGNORECASE)
    return re.sub(r"^\W+", "", text[same.end() :]) if same and letters else text


class Continuation:
    """Knows whether the utterance under way is the rest of a turn that was taken too soon."""

    def __init__(self) -> None:
        self._taken: TakenTurn | None = None
        self._rest_of: TakenTurn | None = None
        self.pause_ms = 0
        """Between the turn that was taken and its rest."""

    @property
    def rest_of(self) -> TakenTurn | None:
        """The turn that the utterance under way goes on with, if it does."""
        return self._rest_of

    def taken(self, turn: TakenTurn | None) -> None:
        """A turn was answered; None when what was answered cannot be gone on with."""
        self._taken = turn

    def speech_began(self, at_ms: int) -> None:
        """A new utterance: the rest of the last turn if it comes soon enough."""
        turn = self._taken
        waited_ms = at_ms - max(turn.end_ms, turn.over_ms - _USUAL_END_MS) if turn else 0.0
        self._join(turn if waited_ms <= GOES_ON_MS else None, at_ms)

    def new_words(self, text: str) -> str:
        """What of the words was not answered yet."""
        return added_to(self._rest_of.text, text) if self._rest_of else text

    def repeats(self, text: str) -> bool:
        """All these words were answered; what was heard after them was none."""
        return bool(text) and not self.new_words(text)

    def changes(self, intent: str | None) -> bool:
        """Whether the words mean something else than what was answered, as far as the intent tells."""
        return self._rest_of is None or intent is None or intent != self._rest_of.intent

    def joins(self, state: DialogueState, start_ms: int, end_ms: int, at_ms: int) -> None:
        """A new utterance at `at_ms` while the turn before it still waits for its words: both are one."""
        before = self._rest_of
        turn = replace(before, end_ms=end_ms) if before else TakenTurn(state, start_ms, end_ms, noted=False)
        self._join(turn, at_ms)

    def done(self) -> None:
        """The utterance under way was answered."""
        self._rest_of = None

    def _join(self, turn: TakenTurn | None, at_ms: int) -> None:
        self._rest_of = turn
        self.pause_ms = at_ms - turn.end_ms if turn else 0
