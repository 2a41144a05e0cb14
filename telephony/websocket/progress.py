"""How far a bridged call has come. A pure state machine: what happened and when in, leg events out.

A call is told of twice: by the provider's own reports and by the media connection. Whichever says
first that it is over is believed; `Ended` comes out exactly once and nothing comes after it.
"""

from dataclasses import dataclass
from enum import Enum

from telephony.line import Answered, DigitPressed, Ended, EndKind, LegEvent, MediaStatistics, Ringing

_LONGEST_TEXT = 200
_AFTER_ANSWER = frozenset({EndKind.REMOTE_HANGUP, EndKind.LOCAL_HANGUP, EndKind.MEDIA_LOST})

Events = tuple[LegEvent, ...]


class Farewell(Enum):
    """Why we end a call."""

    HANG_UP = "hung up by us"
    RING_TIMEOUT = "ring timeout"


@dataclass(slots=True)
class BridgedCall:
    """The state of one call. Each method takes what happened and gives the events to report."""

    rang: bool = False
    early_media: bool = False
    connected: bool = False
    """The provider says that the call was answered; the media may still be on their way."""
    answered: bool = False
    """The media are up: only now anyone can be heard."""
    ended: bool = False
    farewell: Farewell | None = None

    def ringing(self, at: float, *, early_media: bool) -> Events:
        """The far end alerts. Each kind is reported once."""
        known = self.early_media if early_media else self.rang
        if self.ended or self.connected or self.answered or known:
            return ()
        self.rang = True
        self.early_media = self.early_media or early_media
        return (Ringing(at, early_media),)

    def media_started(self, at: float) -> Events:
        """The stream is up, which providers only do for an answered call."""
        if self.ended or self.answered:
            return ()
        self.connected = self.answered = True
        return (Answered(at),)

    def digit(self, at: float, digit: str) -> Events:
        """The far end pressed a key."""
        return () if self.ended or not self.answered else (DigitPressed(at, digit),)

    def say_farewell(self, why: Farewell) -> bool:
        """We want to end the call. True if the provider must be told now."""
        too_late = why is Farewell.RING_TIMEOUT and self.connected
        if self.ended or self.farewell or too_late:
            return False
        self.farewell = why
        return True

    def over(
        self, at: float, kind: EndKind, status: int | None, text: str, statistics: MediaStatistics
    ) -> Events:
        """The call is over: `kind` is the provider's word, or ours about the media."""
        if self.ended:
            return ()
        self.ended = True
        if self.answered:
            kind = EndKind.LOCAL_HANGUP if self.farewell else kind
            kind = kind if kind in _AFTER_ANSWER else EndKind.REMOTE_HANGUP
        elif self.farewell and kind in (*_AFTER_ANSWER, EndKind.CANCELLED, EndKind.NO_ANSWER):
            # Anything else, busy say, is a final answer that crossed our own and the truth.
            kind = self._unanswered_farewell()
        elif kind in _AFTER_ANSWER:
            kind = EndKind.MEDIA_LOST if self.connected else EndKind.SIP_ERROR
        text = text or (self.farewell.value if self.farewell else "")
        return (Ended(at, kind, status, text[:_LONGEST_TEXT], statistics),)

    def _unanswered_farewell(self) -> EndKind:
        if self.connected:
            return EndKind.LOCAL_HANGUP
        if self.farewell is Farewell.HANG_UP:
            return EndKind.CANCELLED
        return EndKind.NO_ANSWER if self.rang else EndKind.UNREACHABLE
