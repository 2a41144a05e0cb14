"""Who may connect, besides knowing the one-time token of a call. Pure: a request in, yes or no out."""

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from telephony.line import LineError
from telephony.websocket.twilio_signature import is_valid


class Admission(Protocol):
    """One way to tell the provider from a stranger."""

    covers_hooks: ClassVar[bool]
    """Whether the provider proves itself in its HTTP requests too, not only for media."""

    def admits(self, url: str, headers: Mapping[str, str]) -> bool:
        """`url` is the address as the provider called it; header names are in lower case."""


class TokenOnly:
    """The one-time token in the address is enough: 192 random bits, for one call, within minutes."""

    covers_hooks: ClassVar[bool] = False

    def admits(self, url: str, headers: Mapping[str, str]) -> bool:
        """Everyone who gets here."""
        return True


@dataclass(frozen=True, slots=True)
class BearerToken:
    """`Authorization: Bearer ...`"""

    covers_hooks: ClassVar[bool] = False
    token: str = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.token) < 16:
            raise LineError("the bearer token of the bridge is shorter than 16 characters. Set a longer one")

    def admits(self, url: str, headers: Mapping[str, str]) -> bool:
        """Whether the header carries the token."""
        return _same(headers.get("authorization", ""), f"Bearer {self.token}")


@dataclass(frozen=True, slots=True)
class BasicPassword:
    """`Authorization: Basic ...`, as Asterisk, jambonz and mod_audio_fork send it."""

    covers_hooks: ClassVar[bool] = False
    user: str
    password: str = field(repr=False)

    def admits(self, url: str, headers: Mapping[str, str]) -> bool:
        """Whether the header carries user and password."""
        expected = base64.b64encode(f"{self.user}:{self.password}".encode()).decode("ascii")
        return _same(headers.get("authorization", ""), f"Basic {expected}")


@dataclass(frozen=True, slots=True)
class TwilioSigned:
    """`X-Twilio-Signature` by the account's auth token."""

    covers_hooks: ClassVar[bool] = True
    auth_token: str = field(repr=False)

    def admits(self, url: str, headers: Mapping[str, str]) -> bool:
        """Whether Twilio signed the request."""
        return is_valid(headers.get("x-twilio-signature", ""), self.auth_token, url)


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
