"""Placing calls at Asterisk over ARI: dial, then bridge the call with a media channel that connects to us.

The outgoing channel enters our Stasis application when it is answered. Then a chan_websocket channel
is made by `externalMedia`, and both are put on a mixing bridge.
https://docs.asterisk.org/Latest_API/API_Documentation/Asterisk_REST_Interface/
"""

import asyncio
import base64
import json
import logging
import re
import uuid
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from telephony.line import DialRequest, EndKind, LineError
from telephony.websocket import rest
from telephony.websocket.causes import from_q850
from telephony.websocket.originator import (
    CallConnected,
    CallHeld,
    CallOver,
    CallRinging,
    CallTransferred,
    HookAnswer,
    MediaTarget,
    Report,
    TransferRefused,
    TransferRequest,
    called_number,
)

_NAME = re.compile(r"[A-Za-z0-9_\-]{1,64}")
_ENDPOINT = re.compile(r"[A-Za-z0-9_./@:+\-]*\{number\}[A-Za-z0-9_./@:+\-]*")
_START_S = 5.0
_LONGEST_EVENT = 1_048_576

_log = logging.getLogger(__name__)
_wire_log = logging.getLogger("telephony.websocket.ari")
_wire_log.setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class AsteriskConfig:
    """ARI and how to dial. Raises LineError naming the field and the mend."""

    ari_url: str = "http://127.0.0.1:8088/ari"
    user: str = "voicebot"
    password: str = field(default="", repr=False)
    application: str = "voicebot"
    endpoint: str = "PJSIP/{number}@carrier"
    caller_id: str = ""
    media_client: str = "voicebot"
    """Section of websocket_client.conf whose uri is this bridge's public_url and /media."""
    media_format: str = "ulaw"
    plain_control: bool = False
    """For releases before 20.18, 22.8 and 23.2, whose control messages are words; the codec's too."""
    transfer_context: str = ""
    """Dialplan context that a transferred callee goes on in; empty sends the far end a SIP REFER."""

    def __post_init__(self) -> None:
        rest.check_address("ARI", self.ari_url)
        if not self.password:
            raise LineError("the password of ARI is not set. Copy it from ari.conf")
        for name in (self.application, self.media_client, self.transfer_context or "none"):
            if not _NAME.fullmatch(name):
                raise LineError(f"{name!r} is no usable name. Use letters, digits, _ and -")
        if not _ENDPOINT.fullmatch(self.endpoint):
            raise LineError(f"endpoint {self.endpoint!r} is not usable. Write e.g. PJSIP/{{number}}@TRUNK")
        if self.media_format not in ("ulaw", "alaw", "slin", "slin16"):
            raise LineError(f"media_format {self.media_format!r} is unknown. Set ulaw, alaw, slin or slin16")
        if self.caller_id:
            called_number(self.caller_id)


@dataclass(slots=True)
class _Call:
    target: MediaTarget
    report: Report
    media_id: str
    bridge_id: str


class AsteriskOriginator:
    """Implements `telephony.websocket.originator.Originator`."""

    def __init__(self, config: AsteriskConfig) -> None:
        self._config = config
        self._api = rest.client(config.ari_url.rstrip("/"), auth=(config.user, config.password))
        self._calls: dict[str, _Call] = {}
        self._media: dict[str, str] = {}
        """Media channel -> call."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._listening = asyncio.Event()
        self._known = False
        """Whether the address and login have ever worked."""

    async def start(self) -> None:
        """Register the application by listening to its events."""
        listener = self._spawn(self._listen())
        waiting = asyncio.create_task(self._listening.wait())
        await asyncio.wait({listener, waiting}, timeout=_START_S, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not self._listening.is_set():
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)
            raise LineError(
                "ARI's events cannot be reached. Check ari_url, user and password, and http.conf of Asterisk"
            )

    async def originate(self, request: DialRequest, target: MediaTarget, report: Report) -> str:
        """Dial into our application. Custom SIP headers are the endpoint's business there."""
        if not self._listening.is_set():
            raise LineError("the connection to ARI's events is lost. It is being opened again: try later")
        call_id, media_id, bridge_id = (f"{kind}-{uuid.uuid4()}" for kind in ("call", "media", "bridge"))
        body = {
            "endpoint": self._config.endpoint.replace("{number}", called_number(request.to)),
            "app": self._config.application,
            "timeout": max(5, round(request.ring_timeout_s)),
        }
        if caller_id := request.caller_id or self._config.caller_id:
            body["callerId"] = called_number(caller_id)
        self._calls[call_id] = _Call(target, report, media_id, bridge_id)
        self._media[media_id] = call_id
        try:
            response = await rest.send(self._api, "ARI", "POST", f"/channels/{call_id}", json=body)
            if response.status_code >= 400:
                raise LineError(f"ARI refused to dial (HTTP {response.status_code}). Check the endpoint")
        except BaseException:
            self._forget(call_id)
            raise
        return call_id

    async def hang_up(self, call_id: str) -> None:
        """Hang up the channel; what goes with it is cleaned up when it is gone."""
        await self._ask("DELETE", f"/channels/{call_id}")

    async def send_digits(self, call_id: str, digits: str) -> bool:
        """Asterisk sends DTMF as the channel's endpoint is set up."""
        status = await self._ask("POST", f"/channels/{call_id}/dtmf?dtmf={quote(digits, safe='')}")
        return status < 400

    async def transfer(self, call_id: str, request: TransferRequest) -> None:
        """Go on in the dialplan, or have the far end call somebody else by itself (REFER).

        What the far end makes of a REFER is not told: a call that ends now was transferred.
        """
        number, call = called_number(request.to), self._calls.get(call_id)
        if call is None:
            raise LineError("Asterisk has no such call any more")
        path = f"/channels/{call_id}"
        if context := self._config.transfer_context:
            place = {"context": context, "extension": number, "priority": 1}
            status = await self._ask("POST", f"{path}/continue", json=place)
        else:
            technology = self._config.endpoint.partition("/")[0]
            uri = request.to if request.to.startswith(("sip:", "sips:")) else number
            target = quote(f"{technology}/{uri}", safe="")
            status = await self._ask("POST", f"{path}/redirect?endpoint={target}")
        if status >= 400:
            request.report(TransferRefused(text=f"Asterisk refused (HTTP {status})"))
        elif context and call_id in self._calls:
            self._forget(call_id)
            self._spawn(self._clean_up(call))
            request.report(CallTransferred())

    def hook(
        self, name: str, target: MediaTarget, query: Mapping[str, str], report: Report
    ) -> HookAnswer | None:
        """There are none."""
        return None

    async def close(self) -> None:
        """Stop listening."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._api.aclose()

    async def _ask(self, method: str, path: str, **body: Any) -> int:
        return (await rest.send(self._api, "ARI", method, path, **body)).status_code

    async def _listen(self) -> None:
        config = self._config
        url = "ws" + config.ari_url.rstrip("/").removeprefix("http") + f"/events?app={config.application}"
        secret = base64.b64encode(f"{config.user}:{config.password}".encode()).decode("ascii")
        async for events in connect(
            url,
            additional_headers={"Authorization": f"Basic {secret}"},
            max_size=_LONGEST_EVENT,
            logger=_wire_log,
            process_exception=self._fault_to_raise,
        ):
            self._listening.set()
            self._known = True
            try:
                async for message in events:
                    self._on_message(message)
            except ConnectionClosed:
                pass
            self._listening.clear()
            _log.warning("the connection to ARI's events was lost")

    def _fault_to_raise(self, error: Exception) -> Exception | None:
        """None has the library try again, with growing pauses."""
        passing = isinstance(error, OSError | TimeoutError | WebSocketException | EOFError)
        return None if self._known and passing else error

    def _on_message(self, message: str | bytes) -> None:
        try:
            event = json.loads(message)
            channel = event.get("channel") or {}
            self._on_event(str(event.get("type")), event, channel, str(channel.get("id")))
        except (ValueError, AttributeError, RecursionError):
            _log.warning("ARI sent an event that cannot be read")

    def _on_event(self, kind: str, event: dict[str, Any], channel: dict[str, Any], channel_id: str) -> None:
        if kind == "StasisStart" and channel_id in self._media:
            self._spawn(self._join(self._media[channel_id]))
        call = self._calls.get(channel_id)
        if call is None:
            return
        if kind == "ChannelStateChange" and channel.get("state") == "Ringing":
            call.report(CallRinging())
        elif kind == "StasisStart":
            call.report(CallConnected())
            self._spawn(self._make_media(channel_id, call))
        elif kind in ("ChannelHold", "ChannelUnhold"):
            call.report(CallHeld(kind == "ChannelHold"))
        elif kind == "ChannelDestroyed":
            self._forget(channel_id)
            self._spawn(self._clean_up(call))
            cause = event.get("cause")
            call.report(from_q850(cause if isinstance(cause, int) else 0, str(event.get("cause_txt", ""))))

    async def _make_media(self, call_id: str, call: _Call) -> None:
        config, token = self._config, f"v(token={call.target.token})"
        body = {"channelId": call.media_id, "app": config.application}
        if config.plain_control:
            # Releases before 20.18, 22.8 and 23.2 have no `transport_data`; a dial string takes the same.
            path = "/channels"
            body["endpoint"] = f"WebSocket/{config.media_client}/c({config.media_format}){token}"
        else:
            path = "/channels/externalMedia"
            body |= {
                "external_host": config.media_client,
                "transport": "websocket",
                "encapsulation": "none",
                "format": config.media_format,
                "transport_data": f"f(json){token}",
            }
        await self._or_give_up(call_id, self._ask("POST", path, json=body))

    async def _join(self, call_id: str) -> None:
        call = self._calls.get(call_id)
        if call is None:
            return
        make = self._ask("POST", f"/bridges/{call.bridge_id}", json={"type": "mixing"})
        if await self._or_give_up(call_id, make):
            members = {"channel": f"{call_id},{call.media_id}"}
            path = f"/bridges/{call.bridge_id}/addChannel"
            await self._or_give_up(call_id, self._ask("POST", path, json=members))

    async def _or_give_up(self, call_id: str, request: Coroutine[Any, Any, int]) -> bool:
        try:
            done = await request < 400
        except LineError:
            done = False
        if not done and (call := self._calls.get(call_id)):
            await self._quietly("DELETE", f"/channels/{call_id}")
            call.report(CallOver(EndKind.MEDIA_LOST, None, "Asterisk did not connect the media"))
        return done

    async def _clean_up(self, call: _Call) -> None:
        await self._quietly("DELETE", f"/channels/{call.media_id}")
        await self._quietly("DELETE", f"/bridges/{call.bridge_id}")

    async def _quietly(self, method: str, path: str) -> None:
        try:
            await self._ask(method, path)
        except LineError as error:
            _log.warning("Asterisk keeps a channel or bridge of ours: %s", error)

    def _forget(self, call_id: str) -> None:
        call = self._calls.pop(call_id)
        self._media.pop(call.media_id, None)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
