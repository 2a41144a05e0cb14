"""A provider's media connection: whole messages in, messages out, within limits.

The library calls it from the event loop as data arrive: no task wakes up for a message.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from telephony.line import EndKind
from telephony.websocket.codec import Message, ProtocolFault
from telephony.websocket.config import BridgeConfig
from telephony.websocket.leg import WebSocketLeg
from telephony.websocket.rate_limit import RateLimit

_CLOSE_S = 2.0
"""How long a peer has to answer a goodbye."""
_CUT_OFF_S = 0.2
"""For the closing frame to reach a peer that is put off. Nothing that it sends is read any more: its answer
would stand behind all else that it sent."""
_MOST_BUFFERED = 32_768
"""Bytes in the socket's queue from which on messages wait in the outbox, where audio can be dropped."""

_log = logging.getLogger(__name__)


class MediaConnection(WSListener):
    """One WebSocket connection of one call."""

    def __init__(
        self, leg: WebSocketLeg, config: BridgeConfig, opened: Callable[["MediaConnection"], bool]
    ) -> None:
        """`opened` says whether the call still waits for this connection."""
        self._leg, self._opened = leg, opened
        self._longest, self._idle_s = config.longest_message, config.idle_timeout_s
        now = time.monotonic()
        self._limit = RateLimit(config.most_messages_per_s, now)
        self._heard_at = now
        self._parts: list[bytes] = []
        self._parts_are_text = False
        self._transport: WSTransport | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._closing = False
        self._gone = asyncio.Event()

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The upgrade is done."""
        self._transport = transport
        transport.underlying_transport.set_write_buffer_limits(high=_MOST_BUFFERED)
        if not self._opened(self):
            self._put_off(WSCloseCode.POLICY_VIOLATION)
            return
        self._leg.expect_media()
        self._leg.outbox.connect(self._send)
        self._watch()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take what the peer sent."""
        kind = frame.msg_type
        if kind == WSMsgType.CLOSE:
            self._peer_closes(transport)
            return
        # The library goes on reading for a moment after it has refused a frame.
        if self._closing or transport.is_close_frame_sent or self._leg.ended:
            if not self._limit.take(time.monotonic()):
                transport.underlying_transport.pause_reading()
            return
        try:
            now = time.monotonic()
            if not self._limit.take(now):
                raise ProtocolFault("too many messages")
            if kind == WSMsgType.PING:
                transport.send_pong(frame.get_payload_as_bytes())
            elif kind != WSMsgType.PONG:
                self._take(kind, frame, now)
        except ProtocolFault as fault:
            _log.warning("a media connection broke its protocol: %s", fault)
            self._leg.lose_media(f"protocol fault: {fault}")
            self._put_off(WSCloseCode.POLICY_VIOLATION)
        except Exception:
            _log.exception("a fault in a media connection ends its call")
            self._leg.lose_media("a fault of ours")
            self._put_off(WSCloseCode.INTERNAL_ERROR)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Nothing will come or go any more."""
        self._gone.set()
        if self._idle:
            self._idle.cancel()
        self._leg.outbox.disconnect()
        close = transport.close_handshake
        if (
            close
            and close.recv
            and close.recv.code
            in (
                WSCloseCode.OK,
                WSCloseCode.GOING_AWAY,
                WSCloseCode.NO_INFO,
            )
        ):
            self._leg.finish(EndKind.REMOTE_HANGUP, "the media connection was closed")
        elif close and close.sent and close.sent.code == WSCloseCode.MESSAGE_TOO_BIG:
            self._leg.lose_media("a message was too long")
        else:
            self._leg.lose_media("the media connection broke")

    def pause_writing(self) -> None:
        """The peer reads too slowly: messages wait in the outbox."""
        self._leg.outbox.pause()

    def resume_writing(self) -> None:
        """The peer has caught up."""
        self._leg.outbox.resume()

    async def close(self) -> None:
        """Say goodbye and let go of the connection within seconds."""
        self._put_off(WSCloseCode.OK)
        await self._gone.wait()

    def abort(self) -> None:
        """Let go of the connection now."""
        if self._transport:
            self._transport.disconnect(graceful=False)

    def _take(self, kind: WSMsgType, frame: WSFrame, now: float) -> None:
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            raise ProtocolFault("a frame with reserved bits, without an extension")
        if frame.fin and not self._parts and kind != WSMsgType.CONTINUATION:
            self._heard_at = now
            try:
                text = kind == WSMsgType.TEXT
                message: Message = frame.get_payload_as_utf8_text() if text else frame.get_payload_as_bytes()
            except UnicodeDecodeError:
                raise ProtocolFault("text that is not UTF-8") from None
            self._leg.on_message(message)
            return
        if bool(self._parts) != (kind == WSMsgType.CONTINUATION):
            raise ProtocolFault("fragments out of order")
        if not self._parts:
            self._parts_are_text = kind == WSMsgType.TEXT
        self._parts.append(frame.get_payload_as_bytes())
        if sum(map(len, self._parts)) > self._longest:
            self._leg.lose_media("a message was too long")
            self._put_off(WSCloseCode.MESSAGE_TOO_BIG)
        elif frame.fin:
            whole, self._parts = b"".join(self._parts), []
            self._heard_at = now
            try:
                self._leg.on_message(whole.decode() if self._parts_are_text else whole)
            except UnicodeDecodeError:
                raise ProtocolFault("text that is not UTF-8") from None

    def _send(self, message: Message) -> None:
        if self._transport and not self._closing:
            kind = WSMsgType.TEXT if isinstance(message, str) else WSMsgType.BINARY
            self._transport.send(kind, message)

    def _peer_closes(self, transport: WSTransport) -> None:
        if not transport.is_close_frame_sent:
            transport.send_close(WSCloseCode.OK)
        self._closing = True
        transport.disconnect()
        asyncio.get_running_loop().call_later(_CLOSE_S, self.abort)

    def _put_off(self, code: WSCloseCode) -> None:
        if self._transport and not self._closing:
            self._closing = True
            self._transport.send_close(code)
            polite = code == WSCloseCode.OK
            if not polite:
                self._transport.underlying_transport.pause_reading()
            asyncio.get_running_loop().call_later(_CLOSE_S if polite else _CUT_OFF_S, self.abort)

    def _watch(self) -> None:
        """End the call when nothing has come for too long."""
        left_s = self._heard_at + self._idle_s - time.monotonic()
        if left_s > 0:
            self._idle = asyncio.get_running_loop().call_later(left_s, self._watch)
        else:
            self._leg.lose_media("the media connection fell silent")
            self._put_off(WSCloseCode.POLICY_VIOLATION)
