"""Headers that may travel with a call, whatever carries it. Campaigns name them, so nothing is trusted."""

import re
from collections.abc import Mapping

from telephony.line import LineError

_OTHER_HEADERS = frozenset({"privacy"})
"""P-Asserted-Identity is the trunk's own to send: a number that is not ours must not slip in by a header."""
_HEADER_NAME = re.compile(r"X-[A-Za-z0-9-]{1,48}")
_HEADER_VALUE = re.compile(r"[^\x00-\x1f\x7f]{1,256}")
_MOST_HEADERS = 16


def check_headers(headers: Mapping[str, str]) -> None:
    """Accept a few single-line `X-...` headers, and Privacy."""
    if len(headers) > _MOST_HEADERS:
        raise LineError(f"{len(headers)} headers are too many for an INVITE. Send at most {_MOST_HEADERS}")
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) and name.lower() not in _OTHER_HEADERS:
            raise LineError(
                f"header {name[:60]!r} is not allowed. Use X-... names of letters, digits and dashes"
            )
        if not _HEADER_VALUE.fullmatch(value):
            raise LineError(f"header {name}: the value must be one line of 1 to 256 characters")
