"""A line over WebSocket media: a provider places the call and connects its audio to our server.

For each call the provider is given an address with a one-time token. Whoever comes without a token
that is awaited is refused before the connection becomes a WebSocket.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from telephony.line import DialRequest, EndKind, LineBusy, LineError
from telephony.websocket.admission import Admission, TokenOnly
from telephony.websocket.codec import Codec, ProtocolFault
from telephony.websocket.config import BridgeConfig
from telephony.websocket.leg import WebSocketLeg
from telephony.websocket.originator import (
    CallOver,
    CallReport,
    MediaTarget,
    OriginationRefused,
    Originator,
    TransferRequest,
    called_number,
)
from telephony.websocket.rate_limit import RateLimit
from telephony.websocket.route import Route, parse_route

__all__ = ["BridgeConfig", "MediaBridge"]

_HANG_UP_S = 10.0
_GOODBYE_S = 0.5
_CLOSE_S = 2.0
"""A peer whose flood was cut off does not get to answer the closing handshake."""
_POLICY_VIOLATION, _TOO_BIG = 1008, 1009

_log = logging.getLogger(__name__)
_wire_log = logging.getLogger("telephony.websocket.wire")
# The library's records show addresses, thus tokens, and a traceback for each stranger.
_wire_log.setLevel(logging.CRITICAL)

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class _Call:
    leg: WebSocketLeg
    target: MediaTarget
    caller_id: str = ""
    placing: asyncio.Task[None] | None = None
    connection: ServerConnection | None = None
    over: bool = False
    """The provider knows that the call is over."""
    ending: asyncio.Task[None] | None = None

    def report(self, report: CallReport) -> None:
        """What the provider says of this call."""
        self.over = self.over or isinstance(report, CallOver)
        self.leg.on_report(report)


class MediaBridge:
    """Dials through an originator, speaks one protocol. Implements `telephony.line.Line`."""

    def __init__(
        self,
        config: BridgeConfig,
        codec: Callable[[], Codec],
        originator: Originator,
        admission: Admission | None = None,
    ) -> None:
        """`codec` makes a fresh codec for each call."""
        self._config, self._codec, self._originator = config, codec, originator
        self._admission = admission or TokenOnly()
        self._server: Server | None = None
        self._calls: dict[str, _Call] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        most = config.calls_per_second
        self._rate = RateLimit(most, time.monotonic(), burst_s=max(1.0, 1 / most))

    async def start(self) -> None:
        """Bind the port and reach the provider. Raises LineError naming the place and the mend."""
        if self._server is not None:
            raise LineError("the bridge is started already. Call close() first")
        config = self._config
        try:
            self._server = await serve(
                self._serve,
                config.local_address,
                config.local_port,
                process_request=self._admit,
                select_subprotocol=self._select_subprotocol,
                close_timeout=_CLOSE_S,
                compression=None,
                max_size=config.longest_message,
                server_header=None,
                logger=_wire_log,
            )
        except OSError as error:
            raise LineError(
                f"port {config.local_port}/tcp on {config.local_address} cannot be used: {error.strerror}. "
                "Stop the program that holds it, or set another local_port or local_address"
            ) from None
        try:
            await self._originator.start()
        except BaseException:
            await self.close()
            raise

    async def dial(self, request: DialRequest) -> WebSocketLeg:
        """Have the provider place the call; what comes of it arrives as events.

        Raises LineError if the provider cannot be asked, LineBusy if it may not be asked now; its
        refusal is an `Ended`. If this is cancelled, the call is ended as soon as it is known.
        """
        if self._server is None:
            raise LineError("the bridge is not started. Call start() before dial()")
        if not 0 < request.ring_timeout_s <= 180:
            raise LineError(
                f"ring timeout {request.ring_timeout_s} s is not in 0-180 s. Set one of 15 to 60 s"
            )
        if request.caller_id:
            called_number(request.caller_id)
        if len(self._calls) >= self._config.channels:
            raise LineBusy(f"all {self._config.channels} channels of the bridge are taken. Try later")
        if not self._rate.take(time.monotonic()):
            raise LineBusy(f"{self._config.calls_per_second:g} calls per second are placed. Try later")
        token = secrets.token_urlsafe(24)
        leg = WebSocketLeg(
            self._codec(),
            token,
            self._terminate,
            self._signal_digits,
            self._transfer,
            request.ring_timeout_s,
            self._config.media_timeout_s,
            self._config.name,
        )
        call = self._calls[token] = _Call(leg, self._target(token), request.caller_id)
        call.placing = self._spawn(self._place(call, request))
        try:
            await asyncio.shield(call.placing)
        except asyncio.CancelledError:
            self._spawn(leg.hang_up())
            raise
        return leg

    async def close(self) -> None:
        """Hang up every leg and give the port back, within seconds."""
        if self._server is None:
            return
        server, self._server = self._server, None
        try:
            async with asyncio.timeout(_HANG_UP_S + 2):
                for call in list(self._calls.values()):
                    self._spawn(call.leg.hang_up())
                while self._tasks:
                    await asyncio.wait(self._tasks)
        except TimeoutError:
            _log.warning("%d calls did not end before the bridge closed", len(self._calls))
        finally:
            for call in list(self._calls.values()):
                call.leg.finish(EndKind.MEDIA_LOST, "bridge closed")
            for task in self._tasks:
                task.cancel()
            self._calls.clear()
            server.close()
            await server.wait_closed()
            await self._originator.close()

    async def _place(self, call: _Call, request: DialRequest) -> None:
        try:
            call.leg.call_id = await self._originator.originate(request, call.target, call.report)
        except OriginationRefused as refused:
            call.report(CallOver(refused.kind, refused.status, refused.text))
        except LineError:
            call.report(CallOver(EndKind.SIP_ERROR, text="not placed"))
            raise

    def _target(self, token: str) -> MediaTarget:
        public, web = self._config.public_url.rstrip("/"), self._config.web_url
        return MediaTarget(token, f"{public}/media/{token}", f"{web}/answer/{token}", f"{web}/status/{token}")

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a request that is not to become a WebSocket; None lets it become one."""
        route = parse_route(request.path)
        call = self._calls.get(route.token) if route else None
        if route and route.name == "status" and call is None:
            # The last word about a call that we have ended: an error would raise an alarm over there.
            return connection.respond(HTTPStatus.OK, "")
        if route is None or call is None:
            return connection.respond(HTTPStatus.FORBIDDEN, "no such call\n")
        media = route.name == "media"
        if (media or self._admission.covers_hooks) and not self._admitted(route, request):
            return connection.respond(HTTPStatus.FORBIDDEN, "not authorised\n")
        if not media:
            return self._answer_hook(connection, route, call)
        if call.connection is not None or call.leg.ended:
            return connection.respond(HTTPStatus.FORBIDDEN, "no such call\n")
        return None

    def _admitted(self, route: Route, request: Request) -> bool:
        public = self._config.public_url.rstrip("/") if route.name == "media" else self._config.web_url
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        return self._admission.admits(public + route.tail, headers)

    def _answer_hook(self, connection: ServerConnection, route: Route, call: _Call) -> Response:
        answer = self._originator.hook(route.name, call.target, route.query, call.report)
        if answer is None:
            return connection.respond(HTTPStatus.NOT_FOUND, "no such hook\n")
        response = connection.respond(HTTPStatus.OK, answer.body)
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = answer.content_type
        return response

    def _select_subprotocol(
        self, connection: ServerConnection, offered: Sequence[Subprotocol]
    ) -> Subprotocol | None:
        known = self._codec().subprotocols
        return next((name for name in offered if name in known), None)

    async def _serve(self, connection: ServerConnection) -> None:
        route = parse_route(connection.request.path) if connection.request else None
        call = self._calls.get(route.token) if route else None
        if call is None or call.connection is not None or call.leg.ended:
            await connection.close(_POLICY_VIOLATION)
            return
        call.connection = connection
        call.leg.expect_media()
        sender = self._spawn(_send(call.leg, connection))
        try:
            await self._receive(call.leg, connection)
            if call.ending:
                await asyncio.shield(call.ending)
        finally:
            sender.cancel()

    async def _receive(self, leg: WebSocketLeg, connection: ServerConnection) -> None:
        limit = RateLimit(self._config.most_messages_per_s, time.monotonic())
        try:
            while not leg.ended:
                async with asyncio.timeout(self._config.idle_timeout_s):
                    message = await connection.recv()
                if not limit.take(time.monotonic()):
                    raise ProtocolFault("too many messages")
                leg.on_message(message)
        except TimeoutError:
            leg.lose_media("the media connection fell silent")
        except ProtocolFault as fault:
            _log.warning("a media connection broke its protocol: %s", fault)
            leg.lose_media(f"protocol fault: {fault}")
            await connection.close(_POLICY_VIOLATION)
        except ConnectionClosedOK:
            leg.finish(EndKind.REMOTE_HANGUP, "the media connection was closed")
        except ConnectionClosed as closed:
            too_big = closed.sent is not None and closed.sent.code == _TOO_BIG
            leg.lose_media("a message was too long" if too_big else "the media connection broke")

    def _terminate(self, leg: WebSocketLeg) -> asyncio.Future[None]:
        # A hang-up must get through even if who asked for it is cancelled.
        call = self._call_of(leg)
        if call.ending is None:
            call.ending = self._spawn(self._end(call))
        return asyncio.shield(call.ending)

    async def _end(self, call: _Call) -> None:
        leg = call.leg
        leg.queue_farewell()
        if call.placing:
            with suppress(LineError):
                await asyncio.shield(call.placing)
        if leg.call_id and not call.over and not leg.transferred:
            try:
                async with asyncio.timeout(_HANG_UP_S):
                    await self._originator.hang_up(leg.call_id)
            except (LineError, TimeoutError) as error:
                _log.error("a call could not be ended: %s", error)
        leg.finish(EndKind.LOCAL_HANGUP, "")
        if call.connection:
            with suppress(TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    await leg.outbox.drained()
            await call.connection.close()
        self._calls.pop(call.target.token, None)

    async def _signal_digits(self, leg: WebSocketLeg, digits: str) -> bool:
        return await self._originator.send_digits(leg.call_id, digits)

    async def _transfer(self, leg: WebSocketLeg, to: str) -> None:
        call = self._call_of(leg)
        request = TransferRequest(to, call.caller_id, call.target, call.report)
        await self._originator.transfer(leg.call_id, request)

    def _call_of(self, leg: WebSocketLeg) -> _Call:
        return next(call for call in self._calls.values() if call.leg is leg)

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _send(leg: WebSocketLeg, connection: ServerConnection) -> None:
    with suppress(ConnectionClosed):
        while True:
            await connection.send(await leg.outbox.get())
