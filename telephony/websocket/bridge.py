"""A line over WebSocket media: a provider places the call and connects its audio to our server.

For each call the provider is given an address with a one-time token. Whoever comes without a token
that is awaited is refused before the connection becomes a WebSocket.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from picows import (
    WSAutoPingStrategy,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from telephony.line import DialRequest, EndKind, LineBusy, LineError
from telephony.websocket.admission import Admission, TokenOnly
from telephony.websocket.codec import Codec
from telephony.websocket.config import BridgeConfig
from telephony.websocket.connection import MediaConnection
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
_HANDSHAKE_S = 10.0
_PING_S = 20.0
"""A peer that does not answer a ping within this time is gone."""

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
    connection: MediaConnection | None = None
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
        self._server: asyncio.Server | None = None
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
            self._server = await ws_create_server(
                self._answer,
                config.local_address,
                config.local_port,
                websocket_handshake_timeout=_HANDSHAKE_S,
                logger_name=_wire_log,
                enable_auto_ping=True,
                auto_ping_idle_timeout=_PING_S,
                auto_ping_reply_timeout=_PING_S,
                auto_ping_strategy=WSAutoPingStrategy.PING_PERIODICALLY,
                enable_auto_pong=False,
                max_frame_size=config.longest_message,
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
            for call in list(self._calls.values()):
                if call.connection:
                    call.connection.abort()
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

    def _answer(self, request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        """Let a request become a media connection, or answer it."""
        try:
            admitted = self._admit(request)
        except Exception:
            _log.exception("a fault in answering a request")
            admitted = _response(HTTPStatus.INTERNAL_SERVER_ERROR, "")
        if not isinstance(admitted, _Call):
            return WSUpgradeResponseWithListener(admitted, None)
        call = admitted
        # Browsers write "keep-alive, Upgrade", which RFC 6455 allows and the library does not.
        options = {option.strip().lower() for option in request.headers.get("connection", "").split(",")}
        if "upgrade" in options:
            request.headers["Connection"] = "Upgrade"

        def opened(connection: MediaConnection) -> bool:
            if call.connection is not None or call.leg.ended:
                return False
            call.connection = connection
            return True

        response = WSUpgradeResponse.create_101_response(self._subprotocol(request))
        return WSUpgradeResponseWithListener(response, MediaConnection(call.leg, self._config, opened))

    def _admit(self, request: WSUpgradeRequest) -> "WSUpgradeResponse | _Call":
        """The call whose media a request wants to bring; else what to answer."""
        route = parse_route(request.path.decode("ascii", "replace"))
        call = self._calls.get(route.token) if route else None
        if route and route.name == "status" and call is None:
            # The last word about a call that we have ended: an error would raise an alarm over there.
            return _response(HTTPStatus.OK, "")
        if route is None or call is None:
            return _response(HTTPStatus.FORBIDDEN, "no such call\n")
        media = route.name == "media"
        if (media or self._admission.covers_hooks) and not self._admitted(route, request):
            return _response(HTTPStatus.FORBIDDEN, "not authorised\n")
        if not media:
            answer = self._originator.hook(route.name, call.target, route.query, call.report)
            if answer is None:
                return _response(HTTPStatus.NOT_FOUND, "no such hook\n")
            return _response(HTTPStatus.OK, answer.body, answer.content_type)
        if call.connection is not None or call.leg.ended:
            return _response(HTTPStatus.FORBIDDEN, "no such call\n")
        return call

    def _admitted(self, route: Route, request: WSUpgradeRequest) -> bool:
        public = self._config.public_url.rstrip("/") if route.name == "media" else self._config.web_url
        headers = {
            name.lower(): value.encode("ascii", "surrogateescape").decode("latin-1")
            for name, value in request.headers.items()
        }
        return self._admission.admits(public + route.tail, headers)

    def _subprotocol(self, request: WSUpgradeRequest) -> dict[str, str]:
        """As a header; empty if nothing is offered that the codec speaks."""
        header = "Sec-WebSocket-Protocol"
        offered = ",".join(request.headers.getall(header, [])).split(",")
        known = self._codec().subprotocols
        chosen = next((name.strip() for name in offered if name.strip() in known), None)
        return {header: chosen} if chosen else {}

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


def _response(
    status: HTTPStatus, body: str, content_type: str = "text/plain; charset=utf-8"
) -> WSUpgradeResponse:
    headers = {"Content-Type": content_type} | ({} if body else {"Content-Length": "0"})
    response: WSUpgradeResponse = WSUpgradeResponse.create_ok_response(body.encode(), headers)
    response.status = status
    return response
