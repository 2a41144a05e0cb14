"""Asterisk and FreeSWITCH as their documentation describes them, on loopback."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.system.far_end import AsteriskPlainWire, AsteriskWire, AudioForkWire
from tests.system.simulated_providers import SECRET, Provider
from voicebot.bridge_settings import AsteriskBridge, BridgeSettings, FreeSwitchBridge

ARI_LOGIN = "Basic " + base64.b64encode(f"voicebot:{SECRET}".encode()).decode()


class SimulatedAsterisk(Provider):
    def __init__(self, fate: str, takes_transfer: bool = True, **settings: Any) -> None:
        super().__init__(fate, takes_transfer)
        self.changes = settings
        self.events: WebSocket | None = None
        self.call = ""
        self.members: list[str] = []
        self.deleted: list[str] = []

    def settings(self, **shared: Any) -> BridgeSettings:
        ari = f"http://127.0.0.1:{self.port}/ari"
        return AsteriskBridge(provider="asterisk", ari_url=ari, password=SECRET, **self.changes, **shared)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                WebSocketRoute("/ari/events", self.listen),
                Route("/ari/channels/externalMedia", self.external_media, methods=["POST"]),
                Route("/ari/channels", self.dial_media, methods=["POST"]),
                Route("/ari/channels/{id}/continue", self.go_on, methods=["POST"]),
                Route("/ari/channels/{id}/redirect", self.refer, methods=["POST"]),
                Route("/ari/channels/{id}", self.channel, methods=["POST", "DELETE"]),
                Route("/ari/channels/{id}/dtmf", self.dtmf, methods=["POST"]),
                Route("/ari/bridges/{id}", self.mixing, methods=["POST", "DELETE"]),
                Route("/ari/bridges/{id}/addChannel", self.add, methods=["POST"]),
            ]
        )

    async def listen(self, events: WebSocket) -> None:
        assert events.headers["authorization"] == ARI_LOGIN
        await events.accept()
        self.events = events
        with suppress(WebSocketDisconnect):
            await events.receive()

    async def event(self, kind: str, channel: str, **fields: Any) -> None:
        assert self.events
        state = fields.pop("state", "Up")
        await self.events.send_text(
            json.dumps({"type": kind, "channel": {"id": channel, "state": state}, **fields})
        )

    async def channel(self, request: Request) -> Response:
        name = request.path_params["id"]
        assert request.headers["authorization"] == ARI_LOGIN
        if request.method == "DELETE":
            self.deleted.append(name)
            if name == self.call:
                self.hung_up.set()
                self.spawn(self.event("ChannelDestroyed", name, cause=16, cause_txt="Normal Clearing"))
            elif self.far_end and self.far_end.connection:
                self.spawn(self.far_end.connection.close())
            return Response(status_code=204)
        body = await request.json()
        self.call, self.number = name, body["endpoint"].removeprefix("PJSIP/").partition("@")[0]
        self.caller = body["callerId"]
        self.spawn(self.live())
        return JSONResponse({"id": name, "state": "Down"})

    async def live(self) -> None:
        await self.event("ChannelStateChange", self.call, state="Ringing")
        if self.fate == "busy":
            await self.event("ChannelDestroyed", self.call, cause=17, cause_txt="User busy")
        if self.fate == "answer":
            await self.event("StasisStart", self.call, args=[])

    async def external_media(self, request: Request) -> Response:
        body = await request.json()
        assert (body["transport"], body["encapsulation"], body["format"]) == ("websocket", "none", "ulaw")
        options = body["transport_data"]
        assert options.startswith("f(json)v(")
        url = f"ws://127.0.0.1:{self.bridge_port}/media?{options[9:-1]}"
        self.spawn(self.media_channel(body["channelId"], url))
        return JSONResponse({"id": body["channelId"]})

    async def dial_media(self, request: Request) -> Response:
        """A media channel by dial string, as releases without `transport_data` want it."""
        body = await request.json()
        found = re.fullmatch(r"WebSocket/voicebot/c\(ulaw\)v\((token=[\w-]+)\)", body["endpoint"])
        assert found
        url = f"ws://127.0.0.1:{self.bridge_port}/media?{found[1]}"
        self.spawn(self.media_channel(body["channelId"], url, plain=True))
        return JSONResponse({"id": body["channelId"]})

    async def go_on(self, request: Request) -> Response:
        body = await request.json()
        if not self.takes_transfer:
            return JSONResponse({"message": "Channel not found"}, 404)
        self.transferred_to = f"{body['extension']} in {body['context']}"
        return Response(status_code=204)

    async def refer(self, request: Request) -> Response:
        target = request.query_params["endpoint"]
        if not self.takes_transfer:
            return JSONResponse({"message": "Endpoint technology does not match"}, 422)
        self.transferred_to = target
        self.spawn(self.event("ChannelDestroyed", self.call, cause=16, cause_txt="Normal Clearing"))
        return Response(status_code=204)

    async def media_channel(self, name: str, url: str, *, plain: bool = False) -> None:
        self.spawn(self.media(AsteriskPlainWire(name) if plain else AsteriskWire(name), url))
        await self.connected()
        await self.event("StasisStart", name, args=[])

    async def mixing(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.deleted.append(request.path_params["id"])
        return JSONResponse({"id": request.path_params["id"]})

    async def add(self, request: Request) -> Response:
        self.members = (await request.json())["channel"].split(",")
        return Response(status_code=204)

    async def dtmf(self, request: Request) -> Response:
        self.digits += request.query_params["dtmf"]
        return Response(status_code=204)

    async def person_hangs_up(self) -> None:
        await self.event("ChannelDestroyed", self.call, cause=16, cause_txt="Normal Clearing")


class SimulatedFreeSwitch(Provider):
    channel_variables: dict[str, str]
    media_password = presented = ""

    def settings(self, **shared: Any) -> BridgeSettings:
        if self.media_password:
            shared |= {"media_user": "voicebot", "media_password": self.media_password}
        return FreeSwitchBridge(provider="freeswitch", port=self.port, password=SECRET, **shared)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self.session, "127.0.0.1", self.port)
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            server.close()

    async def session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        writer.write(b"Content-Type: auth/request\n\n")
        try:
            while True:
                command = (await reader.readuntil(b"\n\n")).decode().strip()
                self.answer(command)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def reply(self, text: str) -> None:
        self.writer.write(f"Content-Type: command/reply\nReply-Text: {text}\n\n".encode())

    def api(self, body: str) -> None:
        head = f"Content-Type: api/response\nContent-Length: {len(body)}\n\n"
        self.writer.write((head + body).encode())

    def event(self, name: str, **fields: str) -> None:
        lines = {"Event-Name": name, "Unique-ID": self.call, **fields}
        names = {key: key if key.startswith("variable_") else key.replace("_", "-") for key in lines}
        body = "".join(f"{names[key]}: {value}\n" for key, value in lines.items()) + "\n"
        head = f"Content-Length: {len(body)}\nContent-Type: text/event-plain\n\n"
        self.writer.write((head + body).encode())

    def answer(self, command: str) -> None:
        if command.startswith("auth "):
            self.reply("+OK accepted" if command == f"auth {SECRET}" else "-ERR invalid")
        elif command.startswith("event plain "):
            self.reply("+OK event listener enabled plain")
        elif command.startswith("bgapi originate {"):
            self.originate(command)
        elif command == f"api uuid_kill {self.call}":
            self.api("+OK")
            self.hung_up.set()
            self.event("CHANNEL_HANGUP_COMPLETE", Hangup_Cause="NORMAL_CLEARING")
        elif command.startswith(f"api uuid_send_dtmf {self.call} "):
            self.digits += command.split()[-1].partition("@")[0]
            self.api("+OK")
        elif command.startswith(f"api uuid_audio_fork {self.call} start "):
            url, mix, rate, bug, metadata, *both_ways = command.split()[4:]
            assert (mix, rate, bug, both_ways) == ("mono", "8000", "voicebot", ["true", "true", "8000"])
            wire = AudioForkWire("audio.drachtio.org", json.loads(metadata))
            self.spawn(self.media(wire, url, self.login()))
            self.api("+OK Success")
        elif command == f"api uuid_audio_fork {self.call} stop voicebot":
            self.api("+OK Success")
        elif command.startswith(f"api uuid_setvar {self.call} "):
            name, value = command.split()[3:]
            self.channel_variables[name] = value
            self.api("+OK")
        elif command.startswith(f"api uuid_transfer {self.call} '"):
            self.transfer(command)
        else:
            raise AssertionError(command)

    def login(self) -> dict[str, str]:
        user = self.channel_variables.get("MOD_AUDIO_BASIC_AUTH_USERNAME")
        if user is None:
            return {}
        password = self.presented or self.channel_variables["MOD_AUDIO_BASIC_AUTH_PASSWORD"]
        secret = f"{user}:{password}".encode()
        return {"Authorization": "Basic " + base64.b64encode(secret).decode()}

    def transfer(self, command: str) -> None:
        applications = command.split("'")[1].split(",")
        assert command.endswith("' inline")
        assert applications[-1] == "park:"
        variables = dict(each.removeprefix("set:").split("=") for each in applications if "=" in each)
        assert variables["continue_on_fail"] == variables["hangup_after_bridge"] == "true"
        number = applications[-2].removeprefix("bridge:sofia/gateway/carrier/")
        self.transferred_to = f"{number} as {variables['effective_caller_id_number']}"
        self.api("+OK")
        if self.takes_transfer:
            self.event("CHANNEL_BRIDGE")
        else:
            self.event("CHANNEL_PARK", variable_originate_disposition="USER_BUSY")

    def originate(self, command: str) -> None:
        variables, _, rest = command.removeprefix("bgapi originate {").partition("}")
        fields: Mapping[str, str] = dict(pair.split("=", 1) for pair in variables.split(","))
        self.call, self.variables, self.channel_variables = fields["origination_uuid"], fields, {}
        self.caller = fields["origination_caller_id_number"]
        self.number = rest.removeprefix("sofia/gateway/carrier/").split()[0]
        self.reply(f"+OK Job-UUID: {self.call}")
        self.event("CHANNEL_PROGRESS")
        if self.fate == "busy":
            causes = {"variable_hangup_cause_q850": "17", "variable_sip_invite_failure_status": "486"}
            self.event("CHANNEL_HANGUP_COMPLETE", Hangup_Cause="USER_BUSY", **causes)
        if self.fate == "answer":
            self.event("CHANNEL_ANSWER")

    async def person_hangs_up(self) -> None:
        self.event("CHANNEL_HANGUP_COMPLETE", Hangup_Cause="NORMAL_CLEARING")
        far_end = await self.connected()
        assert far_end.connection
        await far_end.connection.close()
