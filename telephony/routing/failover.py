"""What the end of a try says: is it the callee's answer, or should another trunk be tried? Pure.

Only what ended before any ringing may be tried again, so that no telephone rings twice for one call.
Statuses are those of RFC 3261; causes of the telephone network are Q.850's, mapped after RFC 3398.
"""

from dataclasses import dataclass
from enum import Enum, auto

from telephony.line import Ended, EndKind


class Outcome(Enum):
    """What a try says about the trunk that carried it."""

    WORKS = auto()
    FAULT = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether another trunk should be tried, and what was seen of this one."""

    try_next: bool
    trunk: Outcome


CALLEE = Verdict(False, Outcome.WORKS)
"""The callee, or the network that knows the callee, has answered. Another trunk would hear the same."""
TRUNK = Verdict(True, Outcome.FAULT)
"""The trunk could not, or would not, carry the call."""
OURS = Verdict(False, Outcome.UNKNOWN)
"""We gave up before anything was seen."""
NO_MEDIA = Verdict(False, Outcome.FAULT)
"""The callee took the call, and the trunk brought no audio. Calling again would be a second call."""

_CALLEE_KINDS = frozenset(
    {
        *(EndKind.NO_ANSWER, EndKind.BUSY, EndKind.REJECTED, EndKind.NOT_EXIST, EndKind.POWERED_OFF),
        *(EndKind.OUT_OF_SERVICE, EndKind.ARREARS, EndKind.SPAM_LABELLED),
        *(EndKind.REMOTE_HANGUP, EndKind.LOCAL_HANGUP, EndKind.TRANSFERRED),
    }
)
_NETWORK_CAUSES = frozenset({34, 38, 41, 42, 44, 47})
"""Q.850: no circuit, network out of order, temporary failure, congestion, no channel, no resource."""
_SUBSCRIBER_CAUSES = frozenset({1, 17, 18, 19, 20, 21, 22, 27, 28})
"""Q.850 causes that speak of the called line."""
_CALLEE_STATUSES = frozenset({404, 410, 480, 484, 485, 486})
_OUR_STATUS = 487
_FORBIDDEN = 403


def judge(ended: Ended, *, rang: bool) -> Verdict:
    """The verdict on a try that ended; `rang` if it was ringing or answered before."""
    if rang:
        return CALLEE
    if ended.kind is EndKind.MEDIA_LOST:
        return NO_MEDIA
    if ended.kind is EndKind.CANCELLED or ended.status == _OUR_STATUS:
        return OURS
    if ended.q850 in _NETWORK_CAUSES:
        return TRUNK
    if ended.kind in _CALLEE_KINDS or ended.q850 in _SUBSCRIBER_CAUSES:
        return CALLEE
    if ended.kind is EndKind.NETWORK_BLOCKED and ended.status != _FORBIDDEN:
        # Blocked as unwanted, or our identity is not believed: another way in would evade that.
        return CALLEE
    return _by_status(ended.status)


def _by_status(status: int | None) -> Verdict:
    """None is no SIP answer at all: the transport failed, TLS did, or nobody replied."""
    if status is None:
        return TRUNK
    if status in _CALLEE_STATUSES or not 400 <= status < 600:
        return CALLEE
    return TRUNK
