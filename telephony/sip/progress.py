"""How far a call has come. A pure state machine: what happened and when in, leg events out.

Whatever races (an answer with our CANCEL, a BYE with our BYE, a dying stack), `Ended` comes out
exactly once and nothing comes after it.
"""

from dataclasses import dataclass
from enum import Enum

from telephony.line import (
    Answered,
    DigitPressed,
    Ended,
    EndKind,
    LegEvent,
    MediaStatistics,
    Ringing,
)
from telephony.sip.causes import end_kind, sip_status

DIGITS = frozenset("0123456789ABCD*#")

_RTP_TIMEOUT = "rtp stream error"
_REQUEST_TERMINATED = 487
_LONGEST_TEXT = 200

Events = tuple[LegEvent, ...]


class Farewell(Enum):
    """Why we end a call."""

    HANG_UP = "hung up by us"
    RING_TIMEOUT = "ring timeout"


@dataclass(slots=True)
class CallProgress:
    """The state of one outgoing call. Each method takes what happened and gives the events to report."""

    rang: bool = False
    early_media: bool = False
    answered: bool = False
    ended: bool = False
    farewell: Farewell | None = None

    def ringing(self, at: float, *, early_media: bool) -> Events:
        """180 (`early_media` false) or 183 with media. Each is reported once."""
        known = self.early_media if early_media else self.rang
        if self.ended or self.answered or known:
            return ()
        self.rang = True
        self.early_media = self.early_media or early_media
        return (Ringing(at, early_media),)

    def established(self, at: float) -> Events:
        """200 OK acknowledged and media started."""
        if self.ended or self.answered:
            return ()
        self.answered = True
        return (Answered(at),)

    def digit(self, at: float, digit: str) -> Events:
        """The far end sent a DTMF digit. What is none is dropped."""
        digit = digit.upper()
        return () if self.ended or digit not in DIGITS else (DigitPressed(at, digit),)

    def say_farewell(self, why: Farewell) -> bool:
        """We want to end the call. True if CANCEL or BYE must be sent now."""
        if self.ended or self.farewell or (why is Farewell.RING_TIMEOUT and self.answered):
            return False
        self.farewell = why
        return True

    def closed(self, at: float, text: str, statistics: MediaStatistics) -> Events:
        """The call is over, with the stack's closing text."""
        if self.ended:
            return ()
        kind = self._answered_end(text) if self.answered else self._unanswered_end(text)
        status = sip_status(text)
        self.ended = True
        if status is None and kind is EndKind.REMOTE_HANGUP:
            text = "hung up by the far end"
        elif status is None and self.farewell:
            text = self.farewell.value
        return (Ended(at, kind, status, text[:_LONGEST_TEXT], statistics),)

    def lost(self, at: float, text: str) -> Events:
        """The stack will say no more about this call."""
        if self.ended:
            return ()
        self.ended = True
        if self.farewell:
            kind = EndKind.LOCAL_HANGUP if self.answered else self._farewell_end()
        else:
            kind = EndKind.MEDIA_LOST if self.answered else EndKind.SIP_ERROR
        return (Ended(at, kind, None, text),)

    def _answered_end(self, text: str) -> EndKind:
        if self.farewell:
            return EndKind.LOCAL_HANGUP
        return EndKind.MEDIA_LOST if text.startswith(_RTP_TIMEOUT) else EndKind.REMOTE_HANGUP

    def _unanswered_end(self, text: str) -> EndKind:
        # A final answer that crossed our CANCEL is the truth about the call: it was busy, say.
        if self.farewell and sip_status(text) in (None, _REQUEST_TERMINATED):
            return self._farewell_end()
        return end_kind(text, rang=self.rang)

    def _farewell_end(self) -> EndKind:
        if self.farewell is Farewell.HANG_UP:
            return EndKind.CANCELLED
        return EndKind.NO_ANSWER if self.rang else EndKind.UNREACHABLE
