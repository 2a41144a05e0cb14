"""An OPTIONS request and its response as bytes (RFC 3261). Pure; the response is hostile input."""

import re
from dataclasses import dataclass

MOST_BYTES = 8192
"""Of a response's head. Real ones have some hundred."""
MOST_BODY = 65_535
_MOST_HEADERS = 100
_MOST_METHODS = 32
_LONGEST_TEXT = 100

_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6][0-9]{2}) ([^\r\n]*)")
_HEADER = re.compile(r"([A-Za-z0-9\-.!%*_+`'~]{1,64})[ \t]*:[ \t]*(.*)")
_FOLD = re.compile(r"\r\n[ \t]+")
_BRANCH = re.compile(r";[ \t]*branch[ \t]*=[ \t]*([^;, \t]+)", re.IGNORECASE)
_CSEQ = re.compile(r"0*([0-9]{1,10})[ \t]+([A-Z]{1,32})")
_METHOD = re.compile(r"[A-Z]{1,32}")
_COMPACT = {"v": "via", "i": "call-id", "l": "content-length"}


class MalformedMessage(Exception):
    """What came is no SIP message."""


@dataclass(frozen=True, slots=True)
class OptionsRequest:
    """One question. `branch`, `call_id` and `tag` are random tokens that tell its answer from others."""

    domain: str
    """Host or host:port that is asked about; IPv6 in brackets."""
    user: str
    transport: str
    """udp, tcp or tls."""
    local: str
    """host:port that we send from; IPv6 in brackets."""
    branch: str
    call_id: str
    tag: str

    def encode(self) -> bytes:
        """The request's bytes."""
        parameter = ";transport=tcp" if self.transport == "tcp" else ""
        return (
            f"OPTIONS sip:{self.domain}{parameter} SIP/2.0\r\n"
            f"Via: SIP/2.0/{self.transport.upper()} {self.local};branch={self.branch};rport\r\n"
            "Max-Forwards: 70\r\n"
            f"From: <sip:{self.user}@{self.domain}>;tag={self.tag}\r\n"
            f"To: <sip:{self.domain}>\r\n"
            f"Call-ID: {self.call_id}\r\n"
            "CSeq: 1 OPTIONS\r\n"
            f"Contact: <sip:{self.user}@{self.local}{parameter}>\r\n"
            "Accept: application/sdp\r\n"
            "User-Agent: Voicebot\r\n"
            "Content-Length: 0\r\n\r\n"
        ).encode("ascii")


@dataclass(frozen=True, slots=True)
class OptionsResponse:
    """Status 100-699, its text, methods that the peer allows, and its software where it says so."""

    status: int
    reason: str
    allow: tuple[str, ...] = ()
    server: str = ""


def parse_response(head: bytes, request: OptionsRequest) -> OptionsResponse | None:
    """The response in `head`, up to and without the empty line; None if it answers something else, or asks.

    Raises MalformedMessage. All text that is passed on is short and printable.
    """
    status_line, headers = _split(head)
    if status_line.endswith(" SIP/2.0"):
        return None
    found = _STATUS_LINE.fullmatch(status_line)
    if found is None:
        raise MalformedMessage("its first line is no SIP status")
    if not _answers(headers, request):
        return None
    allow = [method for value in headers.get("allow", ()) for method in re.split(r"[ \t]*,[ \t]*", value)]
    software = [*headers.get("server", ()), *headers.get("user-agent", ()), ""]
    return OptionsResponse(
        int(found[1]),
        _printable(found[2]),
        tuple(method for method in allow[:_MOST_METHODS] if _METHOD.fullmatch(method)),
        _printable(software[0]),
    )


def body_length(head: bytes) -> int:
    """Content-Length of a message on a stream; 0 without one. Raises MalformedMessage."""
    values = set(_split(head)[1].get("content-length", ("0",)))
    value = values.pop()
    if values or not re.fullmatch(r"[0-9]{1,6}", value) or int(value) > MOST_BODY:
        raise MalformedMessage("its Content-Length is not to be believed")
    return int(value)


def _split(head: bytes) -> tuple[str, dict[str, list[str]]]:
    """First line, and headers by their long names in lower case."""
    if len(head) > MOST_BYTES:
        raise MalformedMessage("it is too long")
    first, *lines = _FOLD.sub(" ", head.decode("utf-8", errors="replace")).split("\r\n")
    if len(lines) > _MOST_HEADERS:
        raise MalformedMessage("it has too many headers")
    headers: dict[str, list[str]] = {}
    for line in lines:
        found = _HEADER.fullmatch(line)
        if found is None:
            raise MalformedMessage("it has a line that is no header")
        name = found[1].lower()
        headers.setdefault(_COMPACT.get(name, name), []).append(found[2].rstrip(" \t"))
    return first, headers


def _answers(headers: dict[str, list[str]], request: OptionsRequest) -> bool:
    """Whether the response is that to our request (RFC 3261 17.1.3, and the Call-ID)."""
    via, call_id, cseq = (headers.get(name, [""]) for name in ("via", "call-id", "cseq"))
    branch, number = _BRANCH.search(via[0].split(",")[0]), _CSEQ.fullmatch(cseq[0])
    return (
        call_id == [request.call_id]
        and len(cseq) == 1
        and branch is not None
        and branch[1] == request.branch
        and number is not None
        and (int(number[1]), number[2]) == (1, "OPTIONS")
    )


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:_LONGEST_TEXT].strip()
