"""FreeSWITCH's event socket, inbound: we connect, send commands, hear events.

Written here because the one kept asyncio library, genesis 2026.10.18 (MIT), cannot be installed beside ours:
it wants typer below 0.13, rich below 14, Python below 3.13, and FastAPI, Redis and OpenTelemetry exporters.
It also reads headers of any length into an unbounded queue and carries no types. The protocol is headers
and bodies as in e-mail:
https://developer.signalwire.com/freeswitch/FreeSWITCH-Explained/Modules/mod_event_socket_1048924/
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import unquote

from telephony.line import LineError

_LONGEST_BODY = 1_048_576
_MOST_HEADERS = 500
_CONNECT_S = 5.0
_REPLY_S = 10.0

_log = logging.getLogger(__name__)

Headers = dict[str, str]


class _Broken(Exception):
    pass


def parse_headers(text: str) -> Headers:
    """`Name: value` lines, values percent-decoded."""
    lines = (line.partition(":") for line in text.split("\n"))
    return {name.strip(): unquote(value.strip()) for name, colon, value in lines if colon}


class EventSocket:
    """One connection. Commands are answered in order, so that replies need no names."""

    def __init__(
        self, host: str, port: int, password: str, events: str, on_event: Callable[[Headers], None]
    ) -> None:
        """`events` are the names to subscribe to, parted by blanks."""
        self._address = host, port
        self._password, self._names, self._on_event = password, events, on_event
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._replies: deque[asyncio.Future[str]] = deque()
        self._connecting = asyncio.Lock()

    async def connect(self) -> None:
        """Connect and log in, unless that is done. Raises LineError naming the mend."""
        async with self._connecting:
            if self._writer is not None:
                return
            host, port = self._address
            try:
                async with asyncio.timeout(_CONNECT_S):
                    reader, self._writer = await asyncio.open_connection(host, port, limit=_LONGEST_BODY)
            except (OSError, TimeoutError):
                raise LineError(
                    f"FreeSWITCH's event socket at {host}:{port} cannot be reached. "
                    "Check event_socket.conf.xml and the firewall"
                ) from None
            self._reading = asyncio.create_task(self._read(reader))
            for command in (f"auth {self._password}", f"event plain {self._names}"):
                if not (await self.send(command)).startswith("+OK"):
                    await self.close()
                    raise LineError(
                        "FreeSWITCH does not accept our login. Mend the password of its event socket"
                    )

    async def send(self, command: str) -> str:
        """One command (lines may follow it); gives its reply. Raises LineError if the socket is gone."""
        if self._writer is None:
            raise LineError("the connection to FreeSWITCH is lost. It is opened again for the next call")
        reply: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._replies.append(reply)
        self._writer.write(command.encode() + b"\n\n")
        try:
            async with asyncio.timeout(_REPLY_S):
                return await reply
        except TimeoutError:
            raise LineError("FreeSWITCH does not answer on its event socket") from None

    async def close(self) -> None:
        """Let go of the connection."""
        if self._reading:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                headers, body = await self._message(reader)
                self._take(headers, body)
        except (_Broken, OSError, EOFError, ValueError) as error:
            _log.warning("the connection to FreeSWITCH broke: %s", type(error).__name__)
        finally:
            if self._writer:
                self._writer.close()
            self._writer = None
            for reply in self._replies:
                if not reply.done():
                    reply.set_exception(LineError("the connection to FreeSWITCH is lost"))
            self._replies.clear()

    async def _message(self, reader: asyncio.StreamReader) -> tuple[Headers, str]:
        text = (await reader.readuntil(b"\n\n")).decode("utf-8", "replace")
        if text.count("\n") > _MOST_HEADERS:
            raise _Broken
        headers = parse_headers(text)
        length = headers.get("Content-Length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > _LONGEST_BODY:
            raise _Broken
        return headers, (await reader.readexactly(int(length))).decode("utf-8", "replace")

    def _take(self, headers: Headers, body: str) -> None:
        kind = headers.get("Content-Type", "")
        if kind == "text/event-plain":
            event_text, _, event_body = body.partition("\n\n")
            self._on_event({**parse_headers(event_text), "_body": event_body.strip()})
        elif kind in ("command/reply", "api/response") and self._replies:
            reply = self._replies.popleft()
            if not reply.done():
                reply.set_result(body.strip() if kind == "api/response" else headers.get("Reply-Text", ""))
