"""Before the answer: the tones of the network say why a call is not connected, where its status does not."""

import logging
from collections.abc import Collection
from dataclasses import dataclass, field

from telephony.line import EndKind, Frame, Leg
from telephony.tones import ToneEvent, ToneKind

logger = logging.getLogger(__name__)

_VAGUE = frozenset({EndKind.NO_ANSWER, EndKind.UNREACHABLE, EndKind.SIP_ERROR, EndKind.CANCELLED})
"""480, 487, 503 and time-outs: they say that there was no answer, not why."""
_NO_SUCH_NUMBER = frozenset({"intercept", "vacant_code"})
"""Categories of special information tones before "the number you have dialled ..."."""


@dataclass(eq=False, slots=True)
class EarlyMedia:
    """A ringing call's seat on the media clock. It listens for tones and for nothing else."""

    leg: Leg
    tones: list[ToneEvent] = field(default_factory=list)

    def read(self, into: Frame) -> bool:
        """Fill `into` with the next frame heard."""
        return self.leg.read_frame(into)

    def tick(self, now_ms: int, heard: Frame, probability: float) -> None:
        """Nothing is said to a network."""

    def hear_tone(self, tone: ToneEvent) -> None:
        """Keep the tone for `refined`."""
        self.tones.append(tone)

    def fail(self, fault: Exception) -> None:
        """The leg could not be read: the call goes on unheard."""
        logger.error("early media are not heard", exc_info=fault)


def refined(kind: EndKind, tones: Collection[ToneEvent]) -> EndKind:
    """Why a call was not connected, by the tones heard before. A definite `kind` stands.

    Special information tones count before the busy tone. A busy tone after ringback is how networks end
    a call that nobody took, so that NO_ANSWER stands then.
    """
    if kind not in _VAGUE:
        return kind
    heard = {tone.kind for tone in tones}
    if ToneKind.SPECIAL_INFORMATION in heard:
        categories = {tone.detail for tone in tones if tone.kind is ToneKind.SPECIAL_INFORMATION}
        return EndKind.NOT_EXIST if categories & _NO_SUCH_NUMBER else EndKind.UNREACHABLE
    if kind is EndKind.NO_ANSWER and ToneKind.RINGBACK in heard:
        return kind
    if ToneKind.BUSY in heard:
        return EndKind.BUSY
    return EndKind.UNREACHABLE if ToneKind.CONGESTION in heard else kind
