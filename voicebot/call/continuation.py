"""A speaker who had not finished: speech right after an answered turn belongs to it. Pure.

"Yes." - (the bot begins to answer) - "Yes, but who is this?": the answer is given up, the dialogue goes
back to where it was, and both parts are understood as one turn.
"""

from dataclasses import dataclass

from dialogs.turn import DialogueState

GOES_ON_MS = 1200
"""Speech that begins so soon after an answered turn is more of it."""


@dataclass(frozen=True, slots=True)
class TakenTurn:
    """A turn that was over, and the dialogue before it."""

    state: DialogueState
    start_ms: int
    end_ms: int
    noted: bool = True
    """Its words stand in the log already."""


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
        self._join(turn if turn and at_ms - turn.end_ms <= GOES_ON_MS else None, at_ms)

    def joins(self, state: DialogueState, start_ms: int, end_ms: int, at_ms: int) -> None:
        """A new utterance at `at_ms` while the turn before it still waits for its words: both are one."""
        before = self._rest_of
        noted = before is not None and before.noted
        first_ms = before.start_ms if before else start_ms
        self._join(TakenTurn(before.state if before else state, first_ms, end_ms, noted), at_ms)

    def done(self) -> None:
        """The utterance under way was answered."""
        self._rest_of = None

    def _join(self, turn: TakenTurn | None, at_ms: int) -> None:
        self._rest_of = turn
        self.pause_ms = at_ms - turn.end_ms if turn else 0
