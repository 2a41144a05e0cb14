"""What may go into an INVITE. Numbers and headers come from contact files, so nothing is trusted."""

import ipaddress
import re
from collections.abc import Mapping

from telephony.line import DialRequest, LineError

_URI = re.compile(
    r"sip:(?P<user>(?:[A-Za-z0-9\-_.!~*'()&=+$,]|%[0-9A-Fa-f]{2}){1,64})"
    r"@(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?)"
    r"(?::(?P<port>\d{1,5}))?"
    r"(?P<parameters>(?:;[A-Za-z0-9=.+-]{1,40}){0,4})"
)
_PARAMETERS = frozenset({"transport=udp", "user=phone"})
_IDENTITY_HEADERS = frozenset({"p-asserted-identity", "p-preferred-identity", "privacy"})
_HEADER_NAME = re.compile(r"X-[A-Za-z0-9-]{1,48}")
_HEADER_VALUE = re.compile(r"[^\x00-\x1f\x7f]{1,256}")
_MOST_HEADERS = 16


def check_request(request: DialRequest) -> None:
    """Raise LineError, naming the fault, unless the request is safe to send."""
    check_uri(request.to)
    check_headers(request.headers)
    if not 0 < request.ring_timeout_s <= 180:
        raise LineError(f"ring timeout {request.ring_timeout_s} s is not in 0-180 s. Set one of 15 to 60 s")


def check_uri(uri: str) -> None:
    """Accept `sip:user@host[:port]` with `;transport=udp` or `;user=phone`, and nothing else."""
    found = _URI.fullmatch(uri)
    if found is None:
        raise LineError(f"{uri[:80]!r} is not a SIP address. Write sip:NUMBER@HOST or sip:NUMBER@HOST:PORT")
    if found["port"] and not 0 < int(found["port"]) <= 65535:
        raise LineError(f"{uri[:80]!r} has no valid port. Use 1-65535")
    if found["host"].startswith("["):
        try:
            ipaddress.IPv6Address(found["host"][1:-1])
        except ValueError:
            raise LineError(f"{uri[:80]!r} has no valid IPv6 address in its brackets") from None
    for parameter in filter(None, found["parameters"].split(";")):
        # Others (maddr, method, ...) can steer the call to a place that its host does not show.
        if parameter.lower() not in _PARAMETERS:
            raise LineError(f"SIP address parameter {parameter!r} is not allowed. Leave it out")


def check_headers(headers: Mapping[str, str]) -> None:
    """Accept a few single-line `X-...` and caller-identity headers."""
    if len(headers) > _MOST_HEADERS:
        raise LineError(f"{len(headers)} headers are too many for an INVITE. Send at most {_MOST_HEADERS}")
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) and name.lower() not in _IDENTITY_HEADERS:
            raise LineError(
                f"header {name[:60]!r} is not allowed. Use X-... names of letters, digits and dashes"
            )
        if not _HEADER_VALUE.fullmatch(value):
            raise LineError(f"header {name}: the value must be one line of 1 to 256 characters")
