"""How a call on the SIP trunk comes to its end. Pure: what the stack and the wire said in, events out.

Whatever races (an answer with our CANCEL, a BYE with our BYE, a dying stack), `Ended` comes out
exactly once and nothing comes after it.
"""

from dataclasses import dataclass

from telephony.call_steps import CallSteps, Events, Farewell, printable
from telephony.line import Ended, EndKind, MediaStatistics
from telephony.sip.causes import end_kind, q850_cause, sip_status
from telephony.sip.wire_facts import WireFacts

_RTP_TIMEOUT = "rtp stream error"
_TRANSFERRED = "Call transfered"
"""The stack's own spelling."""
_REQUEST_TERMINATED = 487
_REDIRECTIONS = range(300, 400)
_NO_FACTS = WireFacts()


@dataclass(slots=True)
class CallProgress(CallSteps):
    """The state of one outgoing SIP call."""

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
        return (Ended(at, kind, status, printable(text), statistics, q850, printable(note)),)

    def lost(self, at: float, text: str) -> Events:
        """Nobody will say more about this call."""
        if self.ended:
            return ()
        self.ended = True
        if self.farewell is Farewell.NO_MEDIA:
            kind = EndKind.MEDIA_LOST
        elif self.farewell:
            kind = EndKind.LOCAL_HANGUP if self.answered else self.unanswered_farewell()
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
        status = sip_status(text)
        if self.farewell and (status in (None, _REQUEST_TERMINATED) or status in _REDIRECTIONS):
            return self.unanswered_farewell()
        return end_kind(text, rang=self.rang)
