"""Twilio's side of the REST API as far as our bridge uses it, on loopback, for the load generator.

https://www.twilio.com/docs/voice/api/call-resource
"""

import asyncio
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

from voicebot.bench.talk.twilio_telephone import ACCOUNT

_HOST = "127.0.0.1"
_LONGEST_BODY = 65_536
_CALL = re.compile(r"/2010-04-01/Accounts/\w+/Calls/(CA[0-9a-f]{32})\.json")


class TwilioService:
    """Takes orders to call; tells `on_call` (call SID, media URL) and `on_hang_up` (call SID)."""

    def __init__(self, on_call: Callable[[str, str], None], on_hang_up: Callable[[str], None]) -> None:
        self.port = 0
        self._on_call, self._on_hang_up = on_call, on_hang_up
        self._calls = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen on a port of its own."""
        server = await asyncio.start_server(self._serve, _HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ", 2)[1].decode()
                length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
                size = int(length[1]) if length else 0
                if size > _LONGEST_BODY:
                    break
                form = parse_qs((await reader.readexactly(size)).decode())
                writer.write(self._answer(path, form))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, path: str, form: dict[str, list[str]]) -> bytes:
        if found := _CALL.fullmatch(path):
            self._on_hang_up(found[1])
            return _response("200 OK", {"sid": found[1], "status": "completed"})
        if path != f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json" or "Twiml" not in form:
            return _response("404 Not Found", {"code": 20404, "status": 404})
        stream = ET.fromstring(form["Twiml"][0]).find("Connect/Stream")
        if stream is None:
            return _response("400 Bad Request", {"code": 12100, "status": 400})
        self._calls += 1
        sid = f"CA{self._calls:032x}"
        self._on_call(sid, stream.attrib["url"])
        return _response("201 Created", {"sid": sid, "status": "queued"})


def _response(status: str, fields: dict[str, object]) -> bytes:
    body = json.dumps(fields).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
