"""What providers say about the end of a call -> EndKind. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from telephony.line import EndKind
from telephony.sip.causes import Q850_KINDS, end_kind
from telephony.websocket.originator import CallOver

_NORMAL_CLEARING = 16

_STATUSES = {
    "busy": EndKind.BUSY,
    "no-answer": EndKind.NO_ANSWER,
    "canceled": EndKind.CANCELLED,
    "completed": EndKind.REMOTE_HANGUP,
    "failed": EndKind.SIP_ERROR,
}


def from_status(provider: str, status: str, sip: str) -> CallOver | None:
    """The end that a status of Twilio or jambonz reports, with the SIP status beside it, if it is one."""
    kind = _STATUSES.get(status)
    if kind is None:
        return None
    code = int(sip) if sip.isascii() and sip.isdigit() and len(sip) == 3 else None
    if kind is EndKind.REMOTE_HANGUP:
        code = None
    elif status == "failed" and code:
        kind = end_kind(sip, rang=False)
    return CallOver(kind, code, f"{provider}: {status}")


def from_q850(cause: int, text: str) -> CallOver:
    """The end that a Q.850 cause reports: clearing is a hang-up, an unknown cause an error."""
    kind = EndKind.REMOTE_HANGUP if cause == _NORMAL_CLEARING else Q850_KINDS.get(cause, EndKind.SIP_ERROR)
    return CallOver(kind, None, text, cause or None)


_FREESWITCH: Mapping[str, int] = {
    "UNALLOCATED_NUMBER": 1,
    "NORMAL_CLEARING": 16,
    "USER_BUSY": 17,
    "NO_USER_RESPONSE": 18,
    "NO_ANSWER": 19,
    "SUBSCRIBER_ABSENT": 20,
    "CALL_REJECTED": 21,
    "NUMBER_CHANGED": 22,
    "DESTINATION_OUT_OF_ORDER": 27,
    "INVALID_NUMBER_FORMAT": 28,
    "ALLOTTED_TIMEOUT": 19,
    "USER_NOT_REGISTERED": 20,
}


def from_freeswitch(name: str, q850: str = "", sip: str = "") -> CallOver:
    """The end that a hang-up cause of FreeSWITCH reports, with its number and the SIP status if known.

    Causes of its own have numbers above 127, which Q.850 does not know.
    """
    number = int(q850) if q850.isascii() and q850.isdigit() and len(q850) <= 3 else 0
    status = int(sip) if sip.isascii() and sip.isdigit() and len(sip) == 3 else None
    if name == "ORIGINATOR_CANCEL":
        return CallOver(EndKind.CANCELLED, status, name)
    over = from_q850(_FREESWITCH.get(name, number if number <= 127 else 0), name)
    status = None if over.kind is EndKind.REMOTE_HANGUP else status
    return replace(over, status=status, q850=number if 0 < number <= 127 else over.q850)
