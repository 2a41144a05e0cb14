"""Placing calls at FreeSWITCH over its event socket; an audio module then connects them to us."""

import asyncio
import base64
import re
import uuid
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from telephony.call_headers import check_headers
from telephony.line import DialRequest, EndKind, LineError
from telephony.websocket import json_message
from telephony.websocket.causes import from_freeswitch
from telephony.websocket.event_socket import EventSocket, Headers
from telephony.websocket.originator import (
    CallConnected,
    CallDigit,
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

_EVENTS = (
    "CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_ANSWER CHANNEL_HANGUP_COMPLETE DTMF BACKGROUND_JOB "
    "CHANNEL_HOLD CHANNEL_UNHOLD CHANNEL_BRIDGE CHANNEL_PARK"
)
_DIAL_STRING = re.compile(r"[A-Za-z0-9_./@:;=+\-]*\{number\}[A-Za-z0-9_./@:;=+\-]*")
_HEADER_VALUE = re.compile(r"[A-Za-z0-9 _.:@+/\-]{1,256}")


_TRANSFER_RING_S = 30


class AudioModule(StrEnum):
    """What carries the audio; the codec must be of the same module."""

    FORK = "mod_audio_fork"
    STREAM = "mod_audio_stream"


@dataclass(frozen=True, slots=True)
class FreeSwitchConfig:
    """The event socket and how to dial. Raises LineError naming the field and the mend."""

    host: str = "127.0.0.1"
    port: int = 8021
    password: str = field(default="", repr=False)
    dial_string: str = "sofia/gateway/carrier/{number}"
    caller_id: str = ""
    module: AudioModule = AudioModule.FORK
    media_user: str = ""
    media_password: str = field(default="", repr=False)
    """What FreeSWITCH is to present to us (BasicPassword)."""

    def __post_init__(self) -> None:
        if not 0 < self.port < 65_536:
            raise LineError(f"port {self.port} of the event socket is no port. Set 1-65535")
        if not self.password or "\n" in self.password:
            raise LineError("the password of the event socket is not set. Copy it from event_socket.conf.xml")
        if not _DIAL_STRING.fullmatch(self.dial_string):
            raise LineError(
                f"dial_string {self.dial_string!r} is not usable. Write e.g. sofia/gateway/NAME/{{number}}"
            )
        if self.caller_id:
            called_number(self.caller_id)
        if set(self.media_user + self.media_password) & set("\n\r "):
            raise LineError("media_user and media_password must not have blanks in them")


class FreeSwitchOriginator:
    """Implements `telephony.websocket.originator.Originator`."""

    def __init__(self, config: FreeSwitchConfig) -> None:
        self._config = config
        self._socket = EventSocket(config.host, config.port, config.password, _EVENTS, self._on_event)
        self._calls: dict[str, tuple[MediaTarget, Report]] = {}
        self._transfers: dict[str, Report] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Connect to the event socket."""
        await self._socket.connect()

    async def originate(self, request: DialRequest, target: MediaTarget, report: Report) -> str:
        """Dial in the background and park the call; its audio starts with the answer."""
        number = called_number(request.to)
        variables = self._variables(request)
        await self._socket.connect()
        call_id = variables["origination_uuid"]
        text = ",".join(f"{name}={value}" for name, value in variables.items())
        dial_string = self._config.dial_string.replace("{number}", number)
        self._calls[call_id] = target, report
        try:
            reply = await self._socket.send(
                f"bgapi originate {{{text}}}{dial_string} &park()\nJob-UUID: {call_id}"
            )
            if not reply.startswith("+OK"):
                raise LineError("FreeSWITCH refused to dial. Check dial_string and the gateway")
        except BaseException:
            self._calls.pop(call_id, None)
            raise
        return call_id

    async def hang_up(self, call_id: str) -> None:
        """Kill the channel."""
        await self._socket.send(f"api uuid_kill {call_id}")

    async def send_digits(self, call_id: str, digits: str) -> bool:
        """FreeSWITCH sends RFC 4733, 100 ms per digit."""
        return (await self._socket.send(f"api uuid_send_dtmf {call_id} {digits}@100")).startswith("+OK")

    async def transfer(self, call_id: str, request: TransferRequest) -> None:
        """Bridge the channel with another call; if nobody takes it, the channel is parked as before.

        https://developer.signalwire.com/freeswitch/FreeSWITCH-Explained/Dialplan/Inline-Dialplan_13173434/
        """
        dial_string = self._config.dial_string.replace("{number}", called_number(request.to))
        caller_id = request.caller_id or self._config.caller_id
        applications = [
            "set:hangup_after_bridge=true",
            "set:continue_on_fail=true",
            # Early media would count as taken.
            "set:ignore_early_media=true",
            f"set:call_timeout={_TRANSFER_RING_S}",
            *([f"set:effective_caller_id_number={called_number(caller_id)}"] if caller_id else []),
            f"bridge:{dial_string}",
            "park:",
        ]
        self._transfers[call_id] = request.report
        reply = await self._socket.send(f"api uuid_transfer {call_id} '{','.join(applications)}' inline")
        if not reply.startswith("+OK"):
            self._transfers.pop(call_id, None)
            request.report(TransferRefused(text=reply.removeprefix("-ERR").strip()))

    def hook(
        self, name: str, target: MediaTarget, query: Mapping[str, str], report: Report
    ) -> HookAnswer | None:
        """There are none."""
        return None

    async def close(self) -> None:
        """Close the event socket."""
        for task in self._tasks:
            task.cancel()
        await self._socket.close()

    def _variables(self, request: DialRequest) -> dict[str, str]:
        check_headers(request.headers)
        variables = {
            "origination_uuid": str(uuid.uuid4()),
            "originate_timeout": str(max(5, round(request.ring_timeout_s))),
            "ignore_early_media": "true",
        }
        if caller_id := request.caller_id or self._config.caller_id:
            variables["origination_caller_id_number"] = called_number(caller_id)
        for name, value in request.headers.items():
            if not _HEADER_VALUE.fullmatch(value):
                raise LineError(f"header {name}: FreeSWITCH takes letters, digits and _.:@+/- only")
            variables[f"sip_h_{name}"] = f"'{value}'"
        return variables

    def _on_event(self, event: Headers) -> None:
        name = event.get("Event-Name", "")
        call_id = event.get("Job-UUID" if name == "BACKGROUND_JOB" else "Unique-ID", "")
        if call_id not in self._calls:
            return
        target, report = self._calls[call_id]
        if name == "CHANNEL_PROGRESS":
            report(CallRinging())
        elif name == "CHANNEL_PROGRESS_MEDIA":
            report(CallRinging(early_media=True))
        elif name == "CHANNEL_ANSWER":
            report(CallConnected())
            self._spawn(self._start_audio(call_id, target, report))
        elif name == "DTMF":
            report(CallDigit(event.get("DTMF-Digit", "")[:1]))
        elif name in ("CHANNEL_HOLD", "CHANNEL_UNHOLD"):
            report(CallHeld(name == "CHANNEL_HOLD"))
        elif name in ("CHANNEL_BRIDGE", "CHANNEL_PARK"):
            self._end_transfer(call_id, event, bridged=name == "CHANNEL_BRIDGE")
        elif name == "CHANNEL_HANGUP_COMPLETE":
            q850 = event.get("variable_hangup_cause_q850", "")
            sip = event.get("variable_sip_invite_failure_status", "")
            self._finish(call_id, from_freeswitch(event.get("Hangup-Cause", ""), q850, sip))
        elif event["_body"].startswith("-ERR"):
            # No channel came of it, so that no hang-up will be reported.
            self._finish(call_id, from_freeswitch(event["_body"].removeprefix("-ERR").strip()))

    def _end_transfer(self, call_id: str, event: Headers, *, bridged: bool) -> None:
        report = self._transfers.pop(call_id, None)
        if report is None:
            return
        if bridged:
            self._calls.pop(call_id, None)
            self._spawn(self._stop_audio(call_id))
            report(CallTransferred())
        else:
            report(TransferRefused(text=event.get("variable_originate_disposition", "")))

    async def _stop_audio(self, call_id: str) -> None:
        fork = self._config.module is AudioModule.FORK
        command = f"uuid_audio_fork {call_id} stop voicebot" if fork else f"uuid_audio_stream {call_id} stop"
        with suppress(LineError):
            # The connection is closed from our side as well: this only tidies up over there.
            await self._socket.send(f"api {command}")

    def _finish(self, call_id: str, over: CallOver) -> None:
        _, report = self._calls.pop(call_id)
        self._transfers.pop(call_id, None)
        report(over)

    async def _start_audio(self, call_id: str, target: MediaTarget, report: Report) -> None:
        metadata = json_message.write(callSid=call_id, token=target.token)
        if self._config.module is AudioModule.FORK:
            command = f"uuid_audio_fork {call_id} start {target.media_url} mono 8000 voicebot {metadata}"
            command += " true true 8000"
        else:
            command = f"uuid_audio_stream {call_id} start {target.media_url} mono 8k {metadata}"
        try:
            for name, value in media_credentials(self._config).items():
                await self._socket.send(f"api uuid_setvar {call_id} {name} {value}")
            started = (await self._socket.send(f"api {command}")).startswith("+OK")
            if not started:
                await self.hang_up(call_id)
        except LineError:
            started = False
        if not started and call_id in self._calls:
            self._finish(call_id, CallOver(EndKind.MEDIA_LOST, None, f"{self._config.module} did not start"))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def media_credentials(config: FreeSwitchConfig) -> dict[str, str]:
    """Channel variables that make the module log in to us, by the names that each module reads."""
    user, password = config.media_user, config.media_password
    if not user:
        return {}
    if config.module is AudioModule.FORK:
        return {"MOD_AUDIO_BASIC_AUTH_USERNAME": user, "MOD_AUDIO_BASIC_AUTH_PASSWORD": password}
    secret = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
    return {"STREAM_EXTRA_HEADERS": json_message.write(Authorization=f"Basic {secret}")}
