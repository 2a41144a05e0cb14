"""A telephone behind a simulated provider: plays a tone, plays out what it is sent at 20 ms a frame.

The wires are written from the providers' documentation and share no code with the codecs.
"""

import asyncio
import base64
import json
from collections import deque
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from telephony.audio import decode_mulaw, encode_mulaw

TONE_HZ = 440
Pcm = NDArray[np.int16]
Told = tuple[str, Any]
"""What we are told: ("audio", samples), ("mark", name), ("clear", None), ("hang up", None)."""


def tone(hz: int, frames: int, start: int = 0) -> Pcm:
    at = np.arange(start * 160, (start + frames) * 160) / 8_000
    return (8_000 * np.sin(2 * np.pi * hz * at)).astype(np.int16)


def strongest_hz(samples: Pcm) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * 8_000 / len(samples)


class Wire(Protocol):
    subprotocols: tuple[str, ...]

    def greeting(self) -> list[str]: ...

    def audio(self, frame: Pcm) -> str | bytes: ...

    def read(self, message: str | bytes) -> Told | None: ...

    def mark(self, name: str) -> str: ...

    def digit(self, digit: str) -> str: ...


class TwilioWire:
    subprotocols: tuple[str, ...] = ()

    def __init__(self, call_sid: str) -> None:
        self.call_sid, self.stream, self.number = call_sid, "MZ" + "1" * 32, 0

    def _event(self, event: str, **fields: Any) -> str:
        self.number += 1
        number = {"sequenceNumber": str(self.number), "streamSid": self.stream}
        return json.dumps({"event": event, **number, **fields})

    def greeting(self) -> list[str]:
        start = {
            "accountSid": "AC" + "0" * 32,
            "streamSid": self.stream,
            "callSid": self.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {},
        }
        connected = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        return [json.dumps(connected), self._event("start", start=start)]

    def audio(self, frame: Pcm) -> str:
        payload = base64.b64encode(encode_mulaw(frame).tobytes()).decode()
        media = {"track": "inbound", "chunk": str(self.number), "timestamp": "5", "payload": payload}
        return self._event("media", media=media)

    def read(self, message: str | bytes) -> Told | None:
        fields = json.loads(message)
        assert fields["streamSid"] == self.stream
        if fields["event"] == "media":
            codes = np.frombuffer(base64.b64decode(fields["media"]["payload"]), np.uint8)
            return "audio", decode_mulaw(codes)
        return ("mark", fields["mark"]["name"]) if fields["event"] == "mark" else ("clear", None)

    def mark(self, name: str) -> str:
        return self._event("mark", mark={"name": name})

    def digit(self, digit: str) -> str:
        return self._event("dtmf", dtmf={"track": "inbound_track", "digit": digit})


class AsteriskWire:
    subprotocols: tuple[str, ...] = ("media",)

    def __init__(self, channel_id: str) -> None:
        self.channel_id = channel_id

    def _event(self, event: str, **fields: Any) -> str:
        return json.dumps({"event": event, "channel_id": self.channel_id, **fields})

    def greeting(self) -> list[str]:
        fields = {"connection_id": "voicebot", "channel": "WebSocket/voicebot/0x1", "format": "ulaw"}
        sizes = {"optimal_frame_size": 160, "ptime": 20, "channel_variables": {}}
        return [self._event("MEDIA_START", **fields, **sizes)]

    def audio(self, frame: Pcm) -> bytes:
        return encode_mulaw(frame).tobytes()

    def read(self, message: str | bytes) -> Told | None:
        if isinstance(message, bytes):
            return "audio", decode_mulaw(np.frombuffer(message, np.uint8))
        assert len(message) <= 128, "Asterisk reads no longer control message"
        fields = json.loads(message)
        told = {"FLUSH_MEDIA": ("clear", None), "HANGUP": ("hang up", None)}
        return told.get(fields["command"]) or ("mark", fields["correlation_id"])

    def mark(self, name: str) -> str:
        return self._event("MEDIA_MARK_PROCESSED", correlation_id=name)

    def digit(self, digit: str) -> str:
        return self._event("DTMF_END", digit=digit)


class AsteriskPlainWire(AsteriskWire):
    """Control in words, as chan_websocket.c prints them."""

    def greeting(self) -> list[str]:
        names = f"connection_id:{self.channel_id} channel:WebSocket/voicebot/0x1 channel_id:{self.channel_id}"
        return [f"MEDIA_START {names} format:ulaw optimal_frame_size:160 ptime:20"]

    def read(self, message: str | bytes) -> Told | None:
        if isinstance(message, bytes):
            return super().read(message)
        command, _, value = message.partition(" ")
        told = {"FLUSH_MEDIA": ("clear", None), "HANGUP": ("hang up", None), "MARK_MEDIA": ("mark", value)}
        return told[command]

    def mark(self, name: str) -> str:
        return f"MEDIA_MARK_PROCESSED {name}"

    def digit(self, digit: str) -> str:
        return f"DTMF_END digit:{digit} channel_id:{self.channel_id}"


class AudioForkWire:
    """mod_audio_fork and jambonz: `greeting` is the metadata given to the module."""

    def __init__(self, subprotocol: str, metadata: dict[str, Any]) -> None:
        self.subprotocols: tuple[str, ...] = (subprotocol,)
        self.metadata = metadata

    def greeting(self) -> list[str]:
        return [json.dumps(self.metadata)]

    def audio(self, frame: Pcm) -> bytes:
        return frame.tobytes()

    def read(self, message: str | bytes) -> Told | None:
        if isinstance(message, bytes):
            return "audio", np.frombuffer(message, np.int16)
        fields = json.loads(message)
        told = {"killAudio": ("clear", None), "disconnect": ("hang up", None)}
        return told.get(fields["type"]) or ("mark", fields["data"]["name"])

    def mark(self, name: str) -> str:
        return json.dumps({"type": "mark", "data": {"name": name, "event": "playout"}})

    def digit(self, digit: str) -> str:
        return json.dumps({"event": "dtmf", "dtmf": digit, "duration": "1600"})


class FarEnd:
    """Runs one media connection until either side ends it."""

    def __init__(self, wire: Wire, url: str, headers: dict[str, str] | None = None) -> None:
        self.wire, self.url, self.headers = wire, url, headers or {}
        self.connection: ClientConnection | None = None
        self.up = asyncio.Event()
        self.told_to_hang_up = False
        self.mute = False
        self.mouth: deque[Pcm] | None = None
        """Frames to say; a tone while it is None, silence while it is empty."""
        self.closed = asyncio.Event()
        self._buffer: deque[Pcm | str] = deque()
        self._played: list[Pcm] = []
        self.played_after_clear = 0
        self.cleared = asyncio.Event()

    @property
    def heard(self) -> Pcm:
        """What the person at the telephone has heard."""
        return np.concatenate(self._played) if self._played else np.zeros(0, np.int16)

    def heard_from(self, frame: int) -> list[Pcm]:
        """The frames that were heard from that one on; while somebody talks there is one each 20 ms."""
        return self._played[frame:]

    async def run(self) -> None:
        offered = [Subprotocol(name) for name in self.wire.subprotocols] or None
        try:
            async with connect(self.url, subprotocols=offered, additional_headers=self.headers) as connection:
                self.connection = connection
                for message in self.wire.greeting():
                    await connection.send(message)
                self.up.set()
                playing = asyncio.create_task(self._play(connection))
                try:
                    async for told in connection:
                        self._take(self.wire.read(told))
                finally:
                    playing.cancel()
        except ConnectionClosed:
            pass
        finally:
            self.closed.set()

    async def press(self, digit: str) -> None:
        assert self.connection
        await self.connection.send(self.wire.digit(digit))

    def vanish(self) -> None:
        """The machine dies: no closing handshake."""
        assert self.connection
        self.connection.transport.abort()

    async def _play(self, connection: ClientConnection) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        for number in range(100_000):
            await asyncio.sleep(start + number * 0.02 - loop.time())
            try:
                if self.mute:
                    continue
                await connection.send(self.wire.audio(self._next_said(number)))
                for name in self._next_frame():
                    await connection.send(self.wire.mark(name))
            except ConnectionClosed:
                return

    def _next_said(self, number: int) -> Pcm:
        if self.mouth is None:
            return tone(TONE_HZ, 1, number)
        return self.mouth.popleft() if self.mouth else np.zeros(160, np.int16)

    def _next_frame(self) -> Iterator[str]:
        if self._buffer and not isinstance(self._buffer[0], str):
            frame = self._buffer.popleft()
            assert not isinstance(frame, str)
            self._played.append(frame)
            self.played_after_clear += self.cleared.is_set()
        elif self.mouth is not None:
            self._played.append(np.zeros(160, np.int16))
        while self._buffer and isinstance(self._buffer[0], str):
            name = self._buffer.popleft()
            assert isinstance(name, str)
            yield name

    def _take(self, told: Told | None) -> None:
        if told is None:
            return
        what, value = told
        if what == "clear":
            self._buffer.clear()
            self.cleared.set()
        elif what == "hang up":
            self.told_to_hang_up = True
        else:
            self._buffer.append(value)
