"""The client's side of WebSocket framing (RFC 6455), as little as a load generator needs.

Frames that are sent can be made ahead: the mask is zero, which leaves the payload as it is. A real client
has to draw it at random; this one talks over loopback, and drawing would cost more than the audio does.
"""

from collections.abc import Iterator

_TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x1, 0x2, 0x8, 0x9, 0xA
_FINAL, _MASKED = 0x80, 0x80
_NO_MASK = bytes(4)
CLOSE = b""
"""What `FrameReader.feed` gives for the other side's goodbye."""


class FramingError(Exception):
    """The server sent what this reader does not take."""


def upgrade_request(host: str, path: str, headers: dict[str, str]) -> bytes:
    """The handshake. The key may be any 16 bytes: its answer is not checked."""
    fields = {
        "Host": host,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        **headers,
    }
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode("ascii")


def frame(payload: bytes, opcode: int = _TEXT) -> bytes:
    """One message as the client sends it."""
    length = len(payload)
    if length < 126:
        header = bytes((_FINAL | opcode, _MASKED | length))
    else:
        header = bytes((_FINAL | opcode, _MASKED | 126)) + length.to_bytes(2)
    return header + _NO_MASK + payload


def close_frame() -> bytes:
    """Goodbye, status 1000."""
    return frame((1000).to_bytes(2), _CLOSE)


def pong(payload: bytes) -> bytes:
    """The answer to a ping."""
    return frame(payload, _PONG)


class FrameReader:
    """Cuts a server's bytes into messages."""

    def __init__(self) -> None:
        self._rest = b""
        self.pings: list[bytes] = []
        """Payloads of pings that are still to be answered."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Each message that is complete now; CLOSE is the last. Raises FramingError."""
        data = self._rest + data
        at = 0
        while (end := _end_of_frame(data, at)) is not None:
            opcode, start = data[at] & 0x0F, _start_of_payload(data, at)
            if not data[at] & _FINAL or data[at + 1] & _MASKED:
                raise FramingError("a frame that is masked or a part of a message")
            payload, at = data[start:end], end
            if opcode == _PING:
                self.pings.append(payload)
            elif opcode in (_TEXT, _BINARY):
                yield payload
            elif opcode == _CLOSE:
                yield CLOSE
                return
        self._rest = data[at:]


def _start_of_payload(data: bytes, at: int) -> int:
    return at + {126: 4, 127: 10}.get(data[at + 1] & 0x7F, 2)


def _end_of_frame(data: bytes, at: int) -> int | None:
    if len(data) < at + 2 or len(data) < (start := _start_of_payload(data, at)):
        return None
    length = data[at + 1] & 0x7F
    if length >= 126:
        length = int.from_bytes(data[at + 2 : start])
    end = start + length
    return end if len(data) >= end else None
