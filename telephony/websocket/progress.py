"""How far a bridged call has come. A pure state machine: what happened and when in, leg events out.

A call is told of twice: by the provider's own reports and by the media connection. Whichever says
first that it is over is believed; `Ended` comes out exactly once and nothing comes after it.
"""

from dataclasses import dataclass
from enum import Enum

from telephony.line import (
    Answered,
    DigitPressed,
    Ended,
    EndKind,
    Held,
    LegEvent,
    MediaStatistics,
    Ringing,
    TransferFailed,
    Unheld,
)
from telephony.websocket.originator import CallOver

_LONGEST_TEXT = 200
_AFTER_ANSWER = frozenset(
    {EndKind.REMOTE_HANGUP, EndKind.LOCAL_HANGUP, EndKind.MEDIA_LOST, EndKind.TRANSFERRED}
)

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
    on_hold: bool = False
    transferring: bool = False
    """A transfer was asked for, and nobody has said what came of it."""
    trunk: str = ""
    """Name of the bridge, for `Ended`."""

    def ringing(self, at: float, *, early_media: bool) -> Events:
        """The far end alerts. Each kind is reported once."""
        known = self.early_media if early_media else self.rang
        if self.ended or self.connected or self.answered or known:
            return ()
        self.rang = True
        self.early_media = self.early_media or early_media
        return (Ringing(at, early_media),)

    def media_started(self, at: float, codec: str = "") -> Events:
        """The stream is up, which providers only do for an answered call."""
        if self.ended or self.answered:
            return ()
        self.connected = self.answered = True
        return (Answered(at, codec),)

    def digit(self, at: float, digit: str) -> Events:
        """The far end pressed a key."""
        return () if self.ended or not self.answered else (DigitPressed(at, digit),)

    def hold(self, at: float, *, held: bool) -> Events:
        """The far end put the call on hold, or took it back. Each change is reported once."""
        if self.ended or not self.answered or held is self.on_hold:
            return ()
        self.on_hold = held
        return (Held(at) if held else Unheld(at),)

    def begin_transfer(self) -> bool:
        """We want to hand the callee over. False if there is no call to, or it is under way already."""
        if self.ended or not self.answered or self.farewell or self.transferring:
            return False
        self.transferring = True
        return True

    def transfer_failed(self, at: float, status: int | None, text: str) -> Events:
        """Nobody took the callee over."""
        if self.ended or not self.transferring:
            return ()
        self.transferring = False
        return (TransferFailed(at, status, text[:_LONGEST_TEXT]),)

    def say_farewell(self, why: Farewell) -> bool:
        """We want to end the call. True if the provider must be told now."""
        too_late = why is Farewell.RING_TIMEOUT and self.connected
        if self.ended or self.farewell or too_late:
            return False
        self.farewell = why
        return True

    def over(self, at: float, over: CallOver, statistics: MediaStatistics) -> Events:
        """The call is over: in the provider's words, or in ours about the media."""
        if self.ended:
            return ()
        self.ended = True
        kind = over.kind
        if self.answered:
            kind = EndKind.LOCAL_HANGUP if self.farewell else kind
            kind = kind if kind in _AFTER_ANSWER else EndKind.REMOTE_HANGUP
            if self.transferring and kind is EndKind.REMOTE_HANGUP:
                # The provider took the call from us: it ends our stream before it says why.
                kind = EndKind.TRANSFERRED
        elif self.farewell and kind in (*_AFTER_ANSWER, EndKind.CANCELLED, EndKind.NO_ANSWER):
            # Anything else, busy say, is a final answer that crossed our own and the truth.
            kind = self._unanswered_farewell()
        elif kind in _AFTER_ANSWER:
            kind = EndKind.MEDIA_LOST if self.connected else EndKind.SIP_ERROR
        text = over.text or (self.farewell.value if self.farewell else "")
        text = text[:_LONGEST_TEXT]
        return (Ended(at, kind, over.status, text, statistics, q850=over.q850, trunk=self.trunk),)

    def _unanswered_farewell(self) -> EndKind:
        if self.connected:
            return EndKind.LOCAL_HANGUP
        if self.farewell is Farewell.HANG_UP:
            return EndKind.CANCELLED
        return EndKind.NO_ANSWER if self.rang else EndKind.UNREACHABLE
