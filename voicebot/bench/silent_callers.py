"""The far end of silent calls: Twilio's messages of a line on which nobody speaks, from a process of its own.

Addresses of media come on standard input, one a line.
"""

import argparse
import asyncio
import base64
import json
from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit

import numpy as np

from telephony.audio import encode_mulaw
from telephony.line import FRAME_MS, FRAME_SAMPLES
from voicebot.bench.standard_input import standard_input
from voicebot.bench.talk.websocket_frames import frame, upgrade_request

_LOOP_FRAMES = 50
_STEP_MS = 2
"""Calls are spread over the 20 ms: in each step a tenth of them sends."""


def _message(fields: object) -> bytes:
    return frame(json.dumps(fields, separators=(",", ":")).encode())


def silence(noise_dbfs: float | None, seed: int) -> list[bytes]:
    """Mu-law frames: digital silence, or noise of that level."""
    samples = np.zeros(_LOOP_FRAMES * FRAME_SAMPLES)
    if noise_dbfs is not None:
        samples = np.random.default_rng(seed).normal(0, 32768 * 10 ** (noise_dbfs / 20), samples.size)
    codes = encode_mulaw(np.rint(samples).astype(np.int16)).reshape(_LOOP_FRAMES, FRAME_SAMPLES)
    return [row.tobytes() for row in codes]


class SilentCaller(asyncio.Protocol):
    """One call: the handshake, `start`, then a media message for each `send`."""

    def __init__(self, url: str, number: int, noise_dbfs: float | None) -> None:
        self._url, self._stream = url, f"MZ{number:032x}"
        self._transport: asyncio.WriteTransport | None = None
        self._up = False
        self._sent = 0
        self._media = [
            _message(
                {
                    "event": "media",
                    "sequenceNumber": str(100 + place),
                    "media": {
                        "track": "inbound",
                        "chunk": str(100 + place),
                        "timestamp": str(2000 + place * FRAME_MS),
                        "payload": base64.b64encode(sound).decode(),
                    },
                    "streamSid": self._stream,
                }
            )
            for place, sound in enumerate(silence(noise_dbfs, number))
        ]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        address = urlsplit(self._url)
        transport.write(upgrade_request(address.netloc, address.path, {}))

    def data_received(self, data: bytes) -> None:
        """The upgrade; what follows is thrown away."""
        if self._up or not data.startswith(b"HTTP/1.1 101") or self._transport is None:
            return
        self._up = True
        format = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
        start = {"callSid": f"CA{self._stream}", "mediaFormat": format, "tracks": ["inbound"]}
        self._transport.write(_message({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        self._transport.write(_message({"event": "start", "streamSid": self._stream, "start": start}))

    def send(self) -> None:
        """The next 20 ms of the line."""
        if self._up and self._transport and not self._transport.is_closing():
            self._transport.write(self._media[self._sent % _LOOP_FRAMES])
            self._sent += 1


async def _send_on_time(callers: list[SilentCaller]) -> None:
    loop = asyncio.get_running_loop()
    origin_s, step = loop.time(), 0
    steps = FRAME_MS // _STEP_MS
    while True:
        step += 1
        await asyncio.sleep(max(0.0, origin_s + step * _STEP_MS / 1000 - loop.time()))
        for caller in callers[step % steps :: steps]:
            caller.send()


async def play_silent_callers(noise_dbfs: float | None) -> None:
    """Connect to each address that is read, and send until standard input ends."""
    loop = asyncio.get_running_loop()
    lines = await standard_input()
    callers: list[SilentCaller] = []
    sending = asyncio.create_task(_send_on_time(callers))
    while line := (await lines.readline()).decode().strip():
        address = urlsplit(line)
        connect = partial(SilentCaller, line, len(callers), noise_dbfs)
        _, caller = await loop.create_connection(connect, address.hostname or "", address.port or 0)
        callers.append(caller)
    sending.cancel()
    with suppress(asyncio.CancelledError):
        await sending


def main() -> None:
    """The process."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--noise-dbfs", type=float)
    asyncio.run(play_silent_callers(arguments.parse_args().noise_dbfs))


if __name__ == "__main__":
    main()
