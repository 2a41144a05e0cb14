"""What every media-over-WebSocket protocol comes down to: messages in, events out, and back."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol

Message = str | bytes
"""One WebSocket message: text or binary."""

Messages = tuple[Message, ...]

LONGEST_MARK = 40
"""Characters of a mark's name that every provider takes: Asterisk reads 128 bytes of control message."""


class ProtocolFault(Exception):
    """A message that its protocol does not allow. The text names the fault, never the content."""


class Encoding(StrEnum):
    """How a sample is written."""

    MULAW = "mulaw"
    ALAW = "alaw"
    L16 = "l16"
    """Signed 16 bit, little-endian."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Mono audio on the wire."""

    encoding: Encoding = Encoding.MULAW
    rate_hz: int = 8_000

    @property
    def name(self) -> str:
        """As SDP writes it, such as PCMU/8000."""
        names = {Encoding.MULAW: "PCMU", Encoding.ALAW: "PCMA", Encoding.L16: "L16"}
        return f"{names[self.encoding]}/{self.rate_hz}"


@dataclass(frozen=True, slots=True)
class Started:
    """The stream is up. `token` is what the peer says beside the address it called."""

    call_id: str
    format: AudioFormat
    token: str | None = None


@dataclass(frozen=True, slots=True)
class AudioHeard:
    """Audio of the far end in the format of `Started`, of any length."""

    audio: bytes


@dataclass(frozen=True, slots=True)
class DigitHeard:
    """The far end pressed a key."""

    digit: str


@dataclass(frozen=True, slots=True)
class MarkPlayed:
    """All audio sent before the mark has been played (or cleared)."""

    name: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The peer ends the stream: its call is over."""


@dataclass(frozen=True, slots=True)
class FlowPaused:
    """The peer's buffer is full (XOFF): send nothing until `FlowResumed`."""


@dataclass(frozen=True, slots=True)
class FlowResumed:
    """The peer takes audio again (XON)."""


MediaEvent = Started | AudioHeard | DigitHeard | MarkPlayed | Stopped | FlowPaused | FlowResumed
MediaEvents = tuple[MediaEvent, ...]


class Codec(Protocol):
    """One provider's protocol on one connection. Pure: no network, no clock, no credentials.

    `decode` raises ProtocolFault and nothing else, whatever it is given. Encoding before `Started`
    raises ProtocolFault where the protocol cannot do it.
    """

    subprotocols: ClassVar[tuple[str, ...]]
    """Names that the WebSocket handshake may agree on; a client that asks for none is taken too."""

    marks: ClassVar[bool]
    """Whether the peer says when a mark is played."""

    clears: bool
    """Whether the peer can drop audio that it was sent."""

    def decode(self, message: Message) -> MediaEvents:
        """What a message from the peer tells."""

    def encode_audio(self, audio: bytes) -> Messages:
        """Audio for the far end, in the format of `Started`."""

    def encode_clear(self) -> Messages:
        """Drop what was sent and is not played yet."""

    def encode_mark(self, name: str) -> Messages:
        """Ask to be told when all that was sent so far has been played."""

    def encode_digits(self, digits: str) -> Messages:
        """Send DTMF; empty where the protocol cannot."""

    def encode_hang_up(self) -> Messages:
        """End the call; empty where closing the connection or the provider's API does that."""
