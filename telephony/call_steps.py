"""How far a call has come, whatever carries it. A pure state machine: what happened and when in, events out.

Each wire has its own way to end; what it adds is in `sip.progress` and `websocket.progress`.
"""

from dataclasses import dataclass
from enum import Enum

from telephony.line import (
    Answered,
    DigitPressed,
    EndKind,
    Held,
    LegEvent,
    Ringing,
    TransferFailed,
    Unheld,
)

DIGITS = frozenset("0123456789ABCD*#")
LONGEST_TEXT = 200
"""Of what a peer says about a call's end, in characters."""

Events = tuple[LegEvent, ...]


def printable(text: str) -> str:
    """Without control characters: what a peer says must not steer the terminal of who reads it. Cut short."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:LONGEST_TEXT])


class Farewell(Enum):
    """Why we end a call."""

    HANG_UP = "hung up by us"
    RING_TIMEOUT = "ring timeout"
    TRANSFER_UNREPORTED = "transfer accepted, its outcome was not reported"
    NO_MEDIA = "no audio came after the answer"


@dataclass(slots=True)
class CallSteps:
    """The state of one outgoing call. Each method takes what happened and gives the events to report."""

    rang: bool = False
    early_media: bool = False
    connected: bool = False
    """It was answered; the media may still be on their way."""
    answered: bool = False
    """The media are up: only now anyone can be heard."""
    ended: bool = False
    held: bool = False
    transferring: bool = False
    """A transfer was asked for, and nobody has said what came of it."""
    farewell: Farewell | None = None

    def ringing(self, at: float, *, early_media: bool) -> Events:
        """The far end alerts, or plays something before it answers. Each is reported once."""
        known = self.early_media if early_media else self.rang
        if self.ended or self.connected or known:
            return ()
        self.rang = True
        self.early_media = self.early_media or early_media
        return (Ringing(at, early_media),)

    def media_started(self, at: float, codec: str = "") -> Events:
        """The answer is there and the media are up."""
        if self.ended or self.answered:
            return ()
        self.connected = self.answered = True
        return (Answered(at, codec),)

    def digit(self, at: float, digit: str) -> Events:
        """The far end pressed a key. What is none is dropped."""
        digit = digit.upper()
        heard = self.answered and not self.ended and digit in DIGITS
        return (DigitPressed(at, digit),) if heard else ()

    def hold(self, at: float, *, held: bool) -> Events:
        """The far end put the call on hold, or took it back. Each change is reported once."""
        if self.ended or not self.answered or held == self.held:
            return ()
        self.held = held
        return (Held(at),) if held else (Unheld(at),)

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
        return (TransferFailed(at, status, printable(text)),)

    def say_farewell(self, why: Farewell) -> bool:
        """We want to end the call. True if the other side must be told now."""
        too_late = why is Farewell.RING_TIMEOUT and self.connected
        too_early = why is Farewell.NO_MEDIA and not self.answered
        if self.ended or self.farewell or too_late or too_early:
            return False
        self.farewell = why
        return True

    def unanswered_farewell(self) -> EndKind:
        """What a call that we gave up before anyone could be heard has come to."""
        if self.connected:
            return EndKind.LOCAL_HANGUP
        if self.farewell is Farewell.HANG_UP:
            return EndKind.CANCELLED
        return EndKind.NO_ANSWER if self.rang else EndKind.UNREACHABLE
