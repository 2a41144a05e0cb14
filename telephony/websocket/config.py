"""How the bridge's server is set up."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from telephony.line import LineError
from telephony.local_address import check_local_address

_HOST = re.compile(r"[A-Za-z0-9.\-\[\]:]{1,253}")


@dataclass(frozen=True, slots=True)
class BridgeConfig:
    """Where providers connect to, and what they may send. Raises LineError naming the field and the mend.

    TLS is the business of the proxy in front, which `public_url` names.
    """

    local_address: str = "127.0.0.1"
    local_port: int = 8765
    public_url: str = "ws://127.0.0.1:8765"
    """How the provider reaches this server: ws:// or wss://, host, optional port and path."""
    longest_message: int = 65_536
    """Bytes; a longer message ends the connection."""
    most_messages_per_s: int = 200
    """Twice what the busiest provider sends, averaged over five seconds."""
    idle_timeout_s: float = 15.0
    """A call whose connection says nothing for this long is lost."""
    media_timeout_s: float = 10.0
    """After the answer the provider has this long to connect its media."""
    channels: int = 60
    """Most calls at once."""
    calls_per_second: float = 10.0
    """Most new calls a second."""
    name: str = ""
    """What records call this bridge."""

    def __post_init__(self) -> None:
        check_local_address(self.local_address)
        if not 0 < self.local_port < 65_536:
            raise LineError(f"local_port {self.local_port} is no port. Set 1-65535")
        address = urlsplit(self.public_url)
        if address.scheme not in ("ws", "wss") or not _HOST.fullmatch(address.netloc) or address.query:
            raise LineError(
                f"public_url {self.public_url!r} is no WebSocket address. Write wss://HOST or wss://HOST/PATH"
            )
        if not 1_024 <= self.longest_message <= 1_048_576:
            raise LineError(f"longest_message {self.longest_message} is not in 1024-1048576 bytes")
        if self.most_messages_per_s < 60:
            raise LineError(f"most_messages_per_s {self.most_messages_per_s} is too few. Set 60 or more")
        if not 0 < self.idle_timeout_s <= 300 or not 0 < self.media_timeout_s <= 120:
            raise LineError("idle_timeout_s and media_timeout_s must be positive, at most 300 and 120")
        if self.channels < 1 or self.calls_per_second <= 0:
            raise LineError("channels and calls_per_second must be positive")

    @property
    def web_url(self) -> str:
        """The same server for HTTP requests."""
        return "http" + self.public_url.removeprefix("ws").rstrip("/")

    @property
    def path(self) -> str:
        """The path that providers see in front of ours."""
        return urlsplit(self.public_url).path.rstrip("/")
