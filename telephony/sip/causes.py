"""What a SIP answer means for the attempt: status and reason text -> EndKind. Pure.

The text of a refusal may carry a Q.850 cause from the telephone network behind the SIP trunk
(RFC 3326, mapped after RFC 3398). It refines the statuses that alone say little.
"""

import re

from telephony.line import EndKind

_DEFINITE = {
    486: EndKind.BUSY,
    600: EndKind.BUSY,
    404: EndKind.NOT_EXIST,
    410: EndKind.NOT_EXIST,  # gone
    484: EndKind.NOT_EXIST,  # address incomplete
    485: EndKind.NOT_EXIST,  # ambiguous
    604: EndKind.NOT_EXIST,
    603: EndKind.REJECTED,
    607: EndKind.REJECTED,  # unwanted (RFC 8197)
    608: EndKind.SPAM_LABELLED,  # refused by an analytics engine on the way (RFC 8688)
    428: EndKind.NETWORK_BLOCKED,  # 428, 436-438: caller identity missing or not believed (RFC 8224)
    433: EndKind.NETWORK_BLOCKED,  # anonymity not allowed
    436: EndKind.NETWORK_BLOCKED,
    437: EndKind.NETWORK_BLOCKED,
    438: EndKind.NETWORK_BLOCKED,
    487: EndKind.CANCELLED,
}

Q850_KINDS = {
    1: EndKind.NOT_EXIST,  # unallocated number
    17: EndKind.BUSY,
    18: EndKind.NO_ANSWER,  # no user responding
    19: EndKind.NO_ANSWER,  # alerted, no answer
    20: EndKind.UNREACHABLE,  # subscriber absent
    21: EndKind.REJECTED,
    22: EndKind.NOT_EXIST,  # number changed
    27: EndKind.OUT_OF_SERVICE,
    28: EndKind.NOT_EXIST,  # invalid number format
}

_WORDS = (
    (re.compile(r"(powered|switched|turned) off|关机", re.IGNORECASE), EndKind.POWERED_OFF),
    (re.compile(r"in arrears|insufficient (balance|funds)|欠费", re.IGNORECASE), EndKind.ARREARS),
    (re.compile(r"spam|marked as (a )?(nuisance|scam)|骚扰|诈骗", re.IGNORECASE), EndKind.SPAM_LABELLED),
    (re.compile(r"out of service|suspended|停机", re.IGNORECASE), EndKind.OUT_OF_SERVICE),
    (re.compile(r"unallocated|not exist|invalid number|空号", re.IGNORECASE), EndKind.NOT_EXIST),
    (re.compile(r"no answer|无人接听", re.IGNORECASE), EndKind.NO_ANSWER),
    (re.compile(r"\bbusy\b|正在通话", re.IGNORECASE), EndKind.BUSY),
    (re.compile(r"unreachable|not reachable|无法接通", re.IGNORECASE), EndKind.UNREACHABLE),
)

_STATUS = re.compile(r"([1-6]\d\d)(?: |,|$)")
_CAUSE = re.compile(r"Q\.850\s*;\s*cause\s*=\s*(\d{1,3})\b", re.IGNORECASE)
_NO_REPLY = re.compile(r"timed out|refused|unreachable|no route", re.IGNORECASE)


def sip_status(text: str) -> int | None:
    """The status that starts a closing text such as "486 Busy Here"; None for a transport's text."""
    found = _STATUS.match(text)
    return int(found[1]) if found else None


def q850_cause(text: str) -> int | None:
    """The Q.850 cause in a Reason header (RFC 3326) or a closing text that carries one."""
    found = _CAUSE.search(text)
    cause = int(found[1]) if found else 0
    return cause if 0 < cause < 128 else None


def end_kind(text: str, *, rang: bool) -> EndKind:
    """Why a call that was never answered ended, from the closing text of the SIP stack.

    `rang` says whether 180 or 183 was seen. It splits 408 and 480: a telephone that rang was not
    answered; one that never did was not reached.
    """
    status = sip_status(text)
    if status in _DEFINITE:
        return _DEFINITE[status]
    if status is None:
        return EndKind.UNREACHABLE if _NO_REPLY.search(text) else EndKind.SIP_ERROR
    cause = q850_cause(text)
    if cause in Q850_KINDS:
        return Q850_KINDS[cause]
    for words, kind in _WORDS:
        if words.search(text):
            return kind
    if status == 403:
        return EndKind.NETWORK_BLOCKED
    if status in (408, 480):
        return EndKind.NO_ANSWER if rang else EndKind.UNREACHABLE
    return EndKind.SIP_ERROR
