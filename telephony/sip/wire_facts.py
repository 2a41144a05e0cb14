"""What the stack does not report of a call, read from its own trace of the SIP messages.

The trace holds numbers and credentials. It goes no further than this reader.
"""

import logging
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from telephony.sip.causes import q850_cause

_MOST_CALLS = 1024
CALL_ID = re.compile(r"^(?:Call-ID|i)[ \t]*:[ \t]*(\S{1,256})", re.IGNORECASE | re.MULTILINE)
CSEQ = re.compile(r"^CSeq[ \t]*:[ \t]*(\d{1,10})[ \t]+([A-Z]{1,16})", re.IGNORECASE | re.MULTILINE)
_REASON = re.compile(r"^Reason[ \t]*:[ \t]*([^\r\n]{1,256})", re.IGNORECASE | re.MULTILINE)
_SESSION_EXPIRES = re.compile(
    r"^(?:Session-Expires|x)[ \t]*:[ \t]*(\d{1,9})([^\r\n]{0,100})", re.IGNORECASE | re.MULTILINE
)
_STATUS = re.compile(r"SIP/2\.0 ([1-6]\d\d) ")
_MEDIA = re.compile(r"^m=audio \d{1,5} \S{1,30} (\d{1,3})\b", re.MULTILINE)
_RTPMAP = re.compile(r"^a=rtpmap:(\d{1,3}) ([A-Za-z0-9\-]{1,20}/\d{1,6}(?:/\d)?)", re.MULTILINE)
_STATIC = {"0": "PCMU/8000", "8": "PCMA/8000", "9": "G722/8000"}


@dataclass(frozen=True, slots=True)
class WireFacts:
    """Of one call, so far."""

    replied: bool = False
    """Something came back, if only 100 Trying."""
    codec: str = ""
    """The answer's first, such as "PCMU/8000" (RFC 3551: G.722 is written with 8000)."""
    refresh_s: int | None = None
    """Seconds within which the peer wants its session refreshed by us (RFC 4028, refresher=uac)."""
    q850: int | None = None
    """Cause in the Reason header of the final answer or of the BYE."""
    refer_accepted: bool = False
    """The peer took our REFER (2xx)."""
    refer_reported: bool = False
    """It has begun to report what comes of it (NOTIFY)."""


def learn(facts: WireFacts, message: str) -> WireFacts:
    """The facts after one more message from the peer. Its content is not trusted."""
    head, _, body = message.partition("\r\n\r\n")
    status, cseq = _STATUS.match(head), CSEQ.search(head)
    method = cseq[2].upper() if cseq else ""
    reason = _REASON.search(head)
    cause = q850_cause(reason[1]) if reason else None
    if status is None:
        if head.startswith("NOTIFY "):
            return replace(facts, refer_reported=True)
        return replace(facts, q850=cause) if cause and head.startswith("BYE ") else facts
    code = int(status[1])
    if method == "REFER" and 200 <= code < 300:
        return replace(facts, refer_accepted=True)
    if method != "INVITE":
        return facts
    facts = replace(facts, replied=True)
    if cause and code >= 300:
        facts = replace(facts, q850=cause)
    if 200 <= code < 300:
        expires = _SESSION_EXPIRES.search(head)
        ours = expires is not None and "refresher=uac" in expires[2].replace(" ", "").lower()
        facts = replace(facts, refresh_s=int(expires[1]) if expires and ours else None)
    if code < 300 and (media := _MEDIA.search(body)):
        names = dict(_RTPMAP.findall(body))
        facts = replace(facts, codec=names.get(media[1]) or _STATIC.get(media[1], ""))
    return facts


class WireReader(logging.Handler):
    """Keeps the facts of the newest calls by Call-ID. `emit` runs in the stack's log thread."""

    def __init__(self, on_reply: Callable[[str], object]) -> None:
        """`on_reply` is called with the Call-ID when the first answer to an INVITE comes, in that thread."""
        super().__init__(logging.DEBUG)
        self._on_reply = on_reply
        self._facts: OrderedDict[str, WireFacts] = OrderedDict()

    def of(self, call_id: str) -> WireFacts:
        """What is known now."""
        return self._facts.get(call_id, WireFacts())

    def forget(self, call_id: str) -> None:
        """The call is over."""
        self._facts.pop(call_id, None)

    def emit(self, record: logging.LogRecord) -> None:
        """Take one trace entry: a line with direction and addresses, then the message."""
        where, _, message = record.getMessage().partition("\n")
        if not where.startswith("RX"):
            return
        found = CALL_ID.search(message[:8192])
        if found is None:
            return
        before = self.of(found[1])
        after = learn(before, message)
        if after != before:
            self._facts[found[1]] = after
            while len(self._facts) > _MOST_CALLS:
                self._facts.popitem(last=False)
            if after.replied and not before.replied:
                self._on_reply(found[1])
