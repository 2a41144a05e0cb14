"""How a bridged call comes to its end. Pure: what was told in, events out.

A call is told of twice: by the provider's own reports and by the media connection. Whichever says
first that it is over is believed; `Ended` comes out exactly once and nothing comes after it.
"""

from dataclasses import dataclass

from telephony.call_steps import CallSteps, Events, printable
from telephony.line import Ended, EndKind, MediaStatistics
from telephony.websocket.originator import CallOver

_AFTER_ANSWER = frozenset(
    {EndKind.REMOTE_HANGUP, EndKind.LOCAL_HANGUP, EndKind.MEDIA_LOST, EndKind.TRANSFERRED}
)


@dataclass(slots=True)
class BridgedCall(CallSteps):
    """The state of one bridged call."""

    trunk: str = ""
    """Name of the bridge, for `Ended`."""

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
            kind = self.unanswered_farewell()
        elif kind in _AFTER_ANSWER:
            kind = EndKind.MEDIA_LOST if self.connected else EndKind.SIP_ERROR
        text = over.text or (self.farewell.value if self.farewell else "")
        text = printable(text)
        return (Ended(at, kind, over.status, text, statistics, q850=over.q850, trunk=self.trunk),)
