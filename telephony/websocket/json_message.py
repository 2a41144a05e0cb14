"""JSON text from a peer that may be hostile: a wrong shape becomes a ProtocolFault."""

import base64
import binascii
import json
from typing import Any

from telephony.websocket.codec import ProtocolFault

Fields = dict[str, Any]

LONGEST_NAME = 256


def parse(text: str) -> Fields:
    """The JSON object in a text message."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise ProtocolFault("text that is not JSON") from None
    if not isinstance(value, dict):
        raise ProtocolFault("JSON that is not an object")
    return value


def write(**fields: Any) -> str:
    """A JSON object without blanks."""
    return json.dumps(fields, separators=(",", ":"))


def inner(fields: Fields, name: str) -> Fields:
    """The object called `name`."""
    value = fields.get(name)
    if not isinstance(value, dict):
        raise ProtocolFault(f"no object {name!r}")
    return value


def text(fields: Fields, name: str) -> str:
    """The short string called `name`."""
    value = fields.get(name)
    if not isinstance(value, str) or not value or len(value) > LONGEST_NAME:
        raise ProtocolFault(f"no usable text {name!r}")
    return value


def optional_text(fields: Fields, name: str) -> str | None:
    """The short string called `name`, or None if there is nothing of that name."""
    return None if fields.get(name) is None else text(fields, name)


def number(fields: Fields, name: str) -> int:
    """The whole number called `name`; providers also write it as a string."""
    value = fields.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 10:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ProtocolFault(f"no number {name!r}")


def digit(fields: Fields, name: str) -> str:
    """The DTMF digit called `name`."""
    value = fields.get(name)
    if isinstance(value, str) and len(value) == 1 and value.upper() in "0123456789ABCD*#":
        return value.upper()
    raise ProtocolFault(f"no DTMF digit {name!r}")


def audio(fields: Fields, name: str) -> bytes:
    """The base64 bytes called `name`."""
    value = fields.get(name)
    if not isinstance(value, str):
        raise ProtocolFault(f"no audio {name!r}")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise ProtocolFault("audio that is not base64") from None
