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
    Held,
    LegEvent,
    MediaStatistics,
    Ringing,
    TransferFailed,
    Unheld,
)
from telephony.sip.causes import end_kind, q850_cause, sip_status
from telephony.sip.wire_facts import WireFacts

DIGITS = frozenset("0123456789ABCD*#")

_RTP_TIMEOUT = "rtp stream error"
_TRANSFERRED = "Call transfered"
"""The stack's own spelling."""
_REQUEST_TERMINATED = 487
_LONGEST_TEXT = 200
_NO_FACTS = WireFacts()

Events = tuple[LegEvent, ...]


class Farewell(Enum):
    """Why we end a call."""

    HANG_UP = "hung up by us"
    RING_TIMEOUT = "ring timeout"
    TRANSFER_UNREPORTED = "transfer accepted, its outcome was not reported"
    NO_MEDIA = "no audio came after the answer"


@dataclass(slots=True)
class CallProgress:
    """The state of one outgoing call. Each method takes what happened and gives the events to report."""

    rang: bool = False
    early_media: bool = False
    answered: bool = False
    ended: bool = False
    held: bool = False
    transferring: bool = False
    farewell: Farewell | None = None

    def ringing(self, at: float, *, early_media: bool) -> Events:
        """180 (`early_media` false) or 183 with media. Each is reported once."""
        known = self.early_media if early_media else self.rang
        if self.ended or self.answered or known:
            return ()
        self.rang = True
        self.early_media = self.early_media or early_media
        return (Ringing(at, early_media),)

    def established(self, at: float, codec: str = "") -> Events:
        """200 OK acknowledged and media started."""
        if self.ended or self.answered:
            return ()
        self.answered = True
        return (Answered(at, codec),)

    def digit(self, at: float, digit: str) -> Events:
        """The far end sent a DTMF digit. What is none is dropped."""
        digit = digit.upper()
        return () if self.ended or digit not in DIGITS else (DigitPressed(at, digit),)

    def hold(self, at: float, *, held: bool) -> Events:
        """The far end put us on hold by its media direction, or came back."""
        if self.ended or not self.answered or held == self.held:
            return ()
        self.held = held
        return (Held(at),) if held else (Unheld(at),)

    def begin_transfer(self) -> bool:
        """We want to hand the callee over. True if REFER may be sent now."""
        if self.ended or not self.answered or self.farewell or self.transferring:
            return False
        self.transferring = True
        return True

    def transfer_failed(self, at: float, text: str) -> Events:
        """The far end refused the transfer, or could not reach its target."""
        if self.ended or not self.transferring:
            return ()
        self.transferring = False
        return (TransferFailed(at, sip_status(text), text[:_LONGEST_TEXT]),)

    def say_farewell(self, why: Farewell) -> bool:
        """We want to end the call. True if CANCEL or BYE must be sent now."""
        too_late = why is Farewell.RING_TIMEOUT and self.answered
        too_early = why is Farewell.NO_MEDIA and not self.answered
        if self.ended or self.farewell or too_late or too_early:
            return False
        self.farewell = why
        return True

    def closed(
        self, at: float, text: str, statistics: MediaStatistics, facts: WireFacts = _NO_FACTS, note: str = ""
    ) -> Events:
        """The call is over, with the stack's closing text and what the wire told besides."""
        if self.ended:
            return ()
        status = sip_status(text)
        q850 = facts.q850 or q850_cause(text)
        kind = self._answered_end(text) if self.answered else self._unanswered_end(text)
        self.ended = True
        if kind is EndKind.TRANSFERRED:
            text = self.farewell.value if self.farewell else "transferred"
        elif status is None and kind is EndKind.REMOTE_HANGUP:
            text = "hung up by the far end"
        elif status is None and self.farewell:
            text = self.farewell.value
        if facts.refresh_s is not None:
            wanted = (
                f"the peer wanted its session refreshed by us every {facts.refresh_s} s: the trunk does not"
            )
            note = "; ".join(filter(None, (note, wanted)))
        return (Ended(at, kind, status, text[:_LONGEST_TEXT], statistics, q850, note),)

    def lost(self, at: float, text: str) -> Events:
        """Nobody will say more about this call."""
        if self.ended:
            return ()
        self.ended = True
        if self.farewell is Farewell.NO_MEDIA:
            kind = EndKind.MEDIA_LOST
        elif self.farewell:
            kind = EndKind.LOCAL_HANGUP if self.answered else self._farewell_end()
        else:
            kind = EndKind.MEDIA_LOST if self.answered else EndKind.SIP_ERROR
        return (Ended(at, kind, None, text),)

    def _answered_end(self, text: str) -> EndKind:
        if text == _TRANSFERRED or self.farewell is Farewell.TRANSFER_UNREPORTED:
            return EndKind.TRANSFERRED
        if self.farewell and self.farewell is not Farewell.NO_MEDIA:
            return EndKind.LOCAL_HANGUP
        if self.farewell or text.startswith(_RTP_TIMEOUT):
            return EndKind.MEDIA_LOST
        # Many switches hang up on us instead of reporting that they took the call over.
        return EndKind.TRANSFERRED if self.transferring else EndKind.REMOTE_HANGUP

    def _unanswered_end(self, text: str) -> EndKind:
        # A final answer that crossed our CANCEL is the truth about the call: it was busy, say.
        if self.farewell and sip_status(text) in (None, _REQUEST_TERMINATED):
            return self._farewell_end()
        return end_kind(text, rang=self.rang)

    def _farewell_end(self) -> EndKind:
        if self.farewell is Farewell.HANG_UP:
            return EndKind.CANCELLED
        return EndKind.NO_ANSWER if self.rang else EndKind.UNREACHABLE
