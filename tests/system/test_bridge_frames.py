"""WebSocket frames that no well-behaved peer sends: the bridge puts their sender off, or gets them right."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np
import pytest

from telephony.line import EndKind, Ringing
from telephony.websocket.leg import WebSocketLeg
from telephony.websocket.twilio_signature import sign
from tests.system.far_end import TwilioWire, tone
from tests.system.simulated_providers import SECRET, SimulatedTwilio
from tests.system.test_bridges import TO, ending, started

TEXT, BINARY, CONTINUATION, PING, FIN, RSV1 = 0x1, 0x2, 0x0, 0x9, 0x80, 0x40


def frame(first_byte: int, payload: bytes, *, masked: bool = True) -> bytes:
    key = os.urandom(4)
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
    if not masked:
        return bytes([first_byte]) + length + payload
    hidden = bytes(byte ^ key[place % 4] for place, byte in enumerate(payload))
    return bytes([first_byte, length[0] | 0x80]) + length[1:] + key + hidden


LONG_FRAMES = frame(FIN | BINARY, bytes(2_000)) * 500
"""A megabyte."""


@dataclass
class Peer:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    leg: WebSocketLeg
    answer: bytes

    async def closing_code(self) -> int:
        """The code of the CLOSE frame, once other frames have passed."""
        async with asyncio.timeout(4):
            while True:
                first, size = await self.reader.readexactly(2)
                payload = await self.reader.readexactly(size & 0x7F)
                if first == FIN | 0x8:
                    return int.from_bytes(payload[:2], "big")

    async def flood(self, megabytes: int = 1_000) -> None:
        """More than the sockets between us hold: it ends when the other side reads it."""
        for _ in range(megabytes):
            self.writer.write(LONG_FRAMES)
            await self.writer.drain()


@asynccontextmanager
async def peer(connection: str = "Upgrade", **settings: int) -> AsyncIterator[Peer]:
    """A call of which the media connection is ours, byte by byte."""
    provider = SimulatedTwilio("ring")
    async with started(provider, **settings) as bridge:
        leg = await bridge.dial(TO)
        assert isinstance(await leg.next_event(), Ringing)
        url = urlsplit(provider.media_url)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        lines = (
            f"GET {url.path} HTTP/1.1",
            f"Host: {url.netloc}",
            "Upgrade: websocket",
            f"Connection: {connection}",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
            f"X-Twilio-Signature: {sign(SECRET, provider.media_url)}",
        )
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        try:
            yield Peer(reader, writer, leg, answer)
        finally:
            writer.close()
            if not leg.ended:
                await leg.hang_up()


async def test_firefox_may_keep_its_connection_alive() -> None:
    async with peer("keep-alive, Upgrade") as far_end:
        assert far_end.answer.startswith(b"HTTP/1.1 101")


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (frame(FIN | TEXT, b"{}", masked=False), 1002),
        (frame(FIN | RSV1 | TEXT, b"{}"), 1008),
        (frame(FIN | CONTINUATION, b"{}"), 1008),
        (frame(TEXT, b"{") + frame(FIN | TEXT, b"}"), 1008),
        (frame(FIN | 0x5, b"{}"), 1002),
        (frame(PING, b""), 1002),
        (frame(FIN | TEXT, b"\xff\xfe"), 1008),
        (frame(FIN | BINARY, bytes(160)), 1008),
        (frame(TEXT, bytes(1_500)) + frame(FIN | CONTINUATION, bytes(1_500)), 1009),
        (frame(FIN | TEXT, bytes(3_000)), 1009),
        (b"".join(frame(FIN | PING, b"") for _ in range(400)), 1008),
    ],
    ids=[
        "unmasked",
        "reserved bit",
        "continues nothing",
        "message within a message",
        "unknown opcode",
        "fragmented ping",
        "not UTF-8",
        "binary",
        "too long in parts",
        "too long",
        "flood of pings",
    ],
)
async def test_who_breaks_the_protocol_is_put_off(frames: bytes, code: int) -> None:
    async with peer(longest_message=2_048, most_messages_per_s=60) as far_end:
        far_end.writer.write(frames)
        assert await far_end.closing_code() == code
        far_end.writer.close()
        assert (await ending(far_end.leg)).kind is EndKind.MEDIA_LOST


async def test_who_is_put_off_for_a_flood_is_not_read_any_more() -> None:
    """Reading on for seconds, frame by frame, would keep the event loop from every other call."""
    async with peer(most_messages_per_s=60) as far_end:
        far_end.writer.write(frame(FIN | PING, b"") * 400)
        assert await far_end.closing_code() == 1008
        async with asyncio.timeout(1):
            with pytest.raises(ConnectionError):
                await far_end.flood()


async def test_a_flood_after_the_goodbye_is_not_read() -> None:
    async with peer(most_messages_per_s=60) as far_end:
        hanging_up = asyncio.create_task(far_end.leg.hang_up())
        assert await far_end.closing_code() == 1000
        far_end.writer.write(frame(FIN | PING, b"") * 400)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(far_end.flood(megabytes=32), 1)
        await hanging_up


async def test_a_message_in_parts_with_a_ping_between_is_one_message() -> None:
    async with peer() as far_end:
        wire = TwilioWire("CA1")
        for greeting in wire.greeting():
            far_end.writer.write(frame(FIN | TEXT, greeting.encode()))
        message = wire.audio(tone(440, 1)).encode()
        far_end.writer.write(frame(TEXT, message[:100]) + frame(FIN | PING, b"still there?"))
        far_end.writer.write(frame(CONTINUATION, message[100:200]) + frame(FIN | CONTINUATION, message[200:]))
        into = np.zeros(160, np.int16)
        async with asyncio.timeout(4):
            assert await far_end.reader.readexactly(14) == bytes([FIN | 0xA, 12]) + b"still there?"
            while not far_end.leg.read_frame(into):  # noqa: ASYNC110  # as the media clock does
                await asyncio.sleep(0.01)
        assert np.abs(into).max() > 7_000


async def test_a_peer_that_never_answers_the_goodbye_is_let_go() -> None:
    async with peer() as far_end:
        async with asyncio.timeout(4):
            await far_end.leg.hang_up()
            assert await far_end.closing_code() == 1000
            assert await far_end.reader.read() == b""


async def test_what_is_no_get_request_is_refused() -> None:
    provider = SimulatedTwilio("ring")
    async with started(provider):
        for request, status in (
            (b"POST /media HTTP/1.1\r\n\r\n", b"400"),
            (b"GET /\xff HTTP/1.1\r\n\r\n", b"403"),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", provider.bridge_port)
            writer.write(request)
            async with asyncio.timeout(4):
                assert (await reader.read()).split()[1] == status
            writer.close()
