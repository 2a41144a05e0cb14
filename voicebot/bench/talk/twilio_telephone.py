"""A telephone behind Twilio Media Streams: one WebSocket, mu-law frames of 20 ms as JSON.

https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

import asyncio
import base64
import json
from collections.abc import Sequence
from urllib.parse import urlsplit

from telephony.line import FRAME_MS, FRAME_SAMPLES
from voicebot.bench.error import BenchError
from voicebot.bench.talk.playback import Playback
from voicebot.bench.talk.websocket_frames import (
    CLOSE,
    FrameReader,
    close_frame,
    frame,
    pong,
    upgrade_request,
)

ACCOUNT = "AC" + "0" * 32
_SILENCE = b"\xff" * FRAME_SAMPLES
_HANDSHAKE_S = 10.0

Payloads = Sequence[Sequence[bytes]]
"""Each frame of each utterance, mu-law in base64."""


def payload_of(mulaw: bytes) -> bytes:
    """A frame as it stands in a message."""
    return base64.b64encode(mulaw)


SILENCE = payload_of(_SILENCE)


class TwilioTelephone(asyncio.Protocol):
    """One call. Made by `connect`; whoever drives it calls `tick` every 20 ms."""

    def __init__(self, call_sid: str) -> None:
        self.playback = Playback()
        self.closed = False
        self.cleared = 0
        """How often the bot was told to fall silent."""
        self.call_sid = call_sid
        self._stream = "MZ" + call_sid.removeprefix("CA")
        self._reader = FrameReader()
        self._head = b""
        self._up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None
        self._sent = 0
        self._chunk = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Of asyncio.Protocol."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Of asyncio.Protocol."""
        self.closed = True
        if not self._up.done():
            self._up.set_exception(BenchError("the media connection was closed before it was up"))

    def data_received(self, data: bytes) -> None:
        """Of asyncio.Protocol."""
        if not self._up.done():
            self._head += data
            head, found, data = self._head.partition(b"\r\n\r\n")
            if not found:
                return
            status = head.split(b"\r\n")[0].decode(errors="replace")
            if " 101 " not in f"{status} ":
                self._up.set_exception(BenchError(f"the media connection was refused: {status}"))
                return
            self._up.set_result(None)
        now_s = asyncio.get_running_loop().time()
        for message in self._reader.feed(data):
            if message == CLOSE:
                self.hang_up()
                return
            self._take(json.loads(message), now_s)
        while self._reader.pings:
            self._write(pong(self._reader.pings.pop()))

    async def begin(self, url: str, headers: dict[str, str], parameters: dict[str, str]) -> None:
        """Shake hands and start the stream. Raises BenchError."""
        parts = urlsplit(url)
        self._write(upgrade_request(parts.netloc, parts.path or "/", headers))
        async with asyncio.timeout(_HANDSHAKE_S):
            await self._up
        start = {
            "accountSid": ACCOUNT,
            "streamSid": self._stream,
            "callSid": self.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": parameters,
        }
        self._say(event="connected", protocol="Call", version="1.0.0")
        self._say(event="start", sequenceNumber="1", streamSid=self._stream, start=start)

    def send(self, payload: bytes) -> None:
        """One frame of the caller's sound."""
        self._chunk += 1
        media = b'{"event":"media","sequenceNumber":"%d","streamSid":"%s","media":{"track":"inbound",' % (
            self._chunk + 1,
            self._stream.encode(),
        )
        rest = b'"chunk":"%d","timestamp":"%d","payload":"%s"}}' % (
            self._chunk,
            self._chunk * FRAME_MS,
            payload,
        )
        self._write(frame(media + rest))

    def mark_played(self, name: str) -> None:
        """Tell the bot that its mark was reached."""
        number = str(self._chunk + 1)
        self._say(event="mark", sequenceNumber=number, streamSid=self._stream, mark={"name": name})

    def hang_up(self) -> None:
        """The caller puts the receiver down. Harmless when the call is over."""
        if self.closed or self._transport is None:
            return
        stop = {"accountSid": ACCOUNT, "callSid": self.call_sid}
        self._say(event="stop", sequenceNumber=str(self._chunk + 2), streamSid=self._stream, stop=stop)
        self._write(close_frame())
        self._transport.close()
        self.closed = True

    def _take(self, message: dict[str, object], now_s: float) -> None:
        match message:
            case {"event": "media", "media": {"payload": str(payload)}}:
                self.playback.add(now_s, base64.b64decode(payload))
            case {"event": "mark", "mark": {"name": str(name)}}:
                self.playback.mark(now_s, name)
            case {"event": "clear"}:
                self.cleared += 1
                for name in self.playback.clear(now_s):
                    self.mark_played(name)

    def _say(self, **fields: object) -> None:
        self._write(frame(json.dumps(fields, separators=(",", ":")).encode()))

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


async def connect(
    url: str, call_sid: str, headers: dict[str, str], parameters: dict[str, str]
) -> TwilioTelephone:
    """Open the stream of one call at ws://HOST:PORT/PATH. Raises BenchError, OSError, TimeoutError."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    _, telephone = await loop.create_connection(
        lambda: TwilioTelephone(call_sid), parts.hostname or "127.0.0.1", parts.port or 80
    )
    await telephone.begin(url, headers, parameters)
    return telephone
