"""Twilio, jambonz, Asterisk and FreeSWITCH as their documentation describes them, on loopback."""

import asyncio
import base64
import json
import socket
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import parse_qs, urlencode

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from telephony.websocket.admission import Admission, BasicPassword, TokenOnly, TwilioSigned
from telephony.websocket.asterisk import AsteriskCodec
from telephony.websocket.bridge import BridgeConfig, MediaBridge
from telephony.websocket.codec import Codec
from telephony.websocket.freeswitch import AudioForkCodec
from telephony.websocket.jambonz import JambonzCodec
from telephony.websocket.originate_asterisk import AsteriskConfig, AsteriskOriginator
from telephony.websocket.originate_freeswitch import FreeSwitchConfig, FreeSwitchOriginator
from telephony.websocket.originate_jambonz import JambonzConfig, JambonzOriginator
from telephony.websocket.originate_twilio import TwilioConfig, TwilioOriginator
from telephony.websocket.originator import Originator
from telephony.websocket.twilio import TwilioCodec
from telephony.websocket.twilio_signature import sign
from tests.system.far_end import AsteriskWire, AudioForkWire, FarEnd, TwilioWire, Wire

ACCOUNT, SECRET = "AC" + "0" * 32, "a-secret-of-the-tests"
ARI_LOGIN = "Basic " + base64.b64encode(f"voicebot:{SECRET}".encode()).decode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Provider:
    """What all four share: one call, whose fate a test chooses beforehand."""

    admission: Admission = TokenOnly()
    codec: Callable[[], Codec]

    def __init__(self, fate: str) -> None:
        self.fate = fate
        """answer, busy or ring."""
        self.port, self.bridge_port = free_port(), free_port()
        self.far_end: FarEnd | None = None
        self.hung_up, self._dialled = asyncio.Event(), asyncio.Event()
        self.digits = ""
        self.number = ""
        self._tasks: set[asyncio.Task[Any]] = set()

    def originator(self) -> Originator:
        raise NotImplementedError

    def bridge(self, **settings: Any) -> MediaBridge:
        config = BridgeConfig(
            local_port=self.bridge_port, public_url=f"ws://127.0.0.1:{self.bridge_port}", **settings
        )
        return MediaBridge(config, self.codec, self.originator(), self.admission)

    def spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def media(self, wire: Wire, url: str, headers: dict[str, str] | None = None) -> None:
        self.far_end = FarEnd(wire, url, headers)
        self._dialled.set()
        await self.far_end.run()

    async def connected(self) -> FarEnd:
        async with asyncio.timeout(5):
            await self._dialled.wait()
            assert self.far_end
            await self.far_end.up.wait()
        return self.far_end

    async def person_hangs_up(self) -> None:
        raise NotImplementedError

    def app(self) -> Starlette:
        raise NotImplementedError

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        config = uvicorn.Config(
            self.app(), port=self.port, log_config=None, lifespan="off", ws="websockets-sansio"
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
            await asyncio.sleep(0.01)
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            server.should_exit = server.force_exit = True
            await serving


class SimulatedTwilio(Provider):
    codec = TwilioCodec
    admission = TwilioSigned(SECRET)

    def originator(self) -> Originator:
        return TwilioOriginator(TwilioConfig(ACCOUNT, SECRET, "+15550001", f"http://127.0.0.1:{self.port}"))

    def app(self) -> Starlette:
        calls = f"/2010-04-01/Accounts/{ACCOUNT}/Calls"
        create, update = Route(f"{calls}.json", self.create, methods=["POST"]), f"{calls}/{{sid}}.json"
        return Starlette(routes=[create, Route(update, self.update, methods=["POST"])])

    async def create(self, request: Request) -> Response:
        form = {name: values for name, values in parse_qs((await request.body()).decode()).items()}
        assert request.headers["authorization"].startswith("Basic ")
        self.number = form["To"][0]
        if self.number == "+10":
            return JSONResponse({"code": 21211, "message": "Invalid 'To'", "status": 400}, 400)
        stream = ET.fromstring(form["Twiml"][0]).find("Connect/Stream")
        assert stream is not None
        assert form["StatusCallbackMethod"] == ["GET"]
        self.sid, self.callback = "CA" + "2" * 32, form["StatusCallback"][0]
        self.spawn(self.live(stream.attrib["url"]))
        return JSONResponse({"sid": self.sid, "status": "queued"}, 201)

    async def live(self, url: str) -> None:
        await self.tell("initiated")
        await self.tell("ringing")
        if self.fate == "busy":
            await self.tell("busy", SipResponseCode="486")
        if self.fate == "answer":
            await self.tell("in-progress")
            await self.media(TwilioWire(self.sid), url, {"X-Twilio-Signature": sign(SECRET, url)})

    async def tell(self, status: str, **fields: str) -> None:
        url = f"{self.callback}?{urlencode({'CallSid': self.sid, 'CallStatus': status, **fields})}"
        async with httpx2.AsyncClient() as http:
            reply = await http.get(url, headers={"X-Twilio-Signature": sign(SECRET, url)})
            assert reply.status_code == 200
            if status == "ringing":
                assert (await http.get(url)).status_code == 403

    async def update(self, request: Request) -> Response:
        assert (await request.body()) == b"Status=completed"
        self.hung_up.set()
        if self.far_end and self.far_end.connection:
            await self.far_end.connection.close()
        return JSONResponse({"sid": self.sid, "status": "completed"})

    async def person_hangs_up(self) -> None:
        far_end = await self.connected()
        assert far_end.connection
        assert isinstance(far_end.wire, TwilioWire)
        stop = {"accountSid": ACCOUNT, "callSid": self.sid}
        await far_end.connection.send(far_end.wire._event("stop", stop=stop))
        await self.tell("completed")


class SimulatedJambonz(Provider):
    codec = JambonzCodec
    admission = BasicPassword("voicebot", SECRET)

    def originator(self) -> Originator:
        address = f"http://127.0.0.1:{self.port}"
        return JambonzOriginator(
            JambonzConfig(address, "acc-1", SECRET, "+15550001", media_user="voicebot", media_password=SECRET)
        )

    def app(self) -> Starlette:
        calls = "/v1/Accounts/acc-1/Calls"
        create = Route(calls, self.create, methods=["POST"])
        return Starlette(routes=[create, Route(f"{calls}/{{sid}}", self.update, methods=["PUT"])])

    async def create(self, request: Request) -> Response:
        body = await request.json()
        assert request.headers["authorization"] == f"Bearer {SECRET}"
        assert body["to"]["type"] == "phone"
        self.number, self.body = body["to"]["number"], body
        self.spawn(self.live())
        return JSONResponse({"sid": "call-1"}, 201)

    async def live(self) -> None:
        await self.tell("trying", 100)
        await self.tell("ringing", 180)
        if self.fate == "busy":
            await self.tell("busy", 486)
        if self.fate != "answer":
            return
        await self.tell("in-progress", 200)
        async with httpx2.AsyncClient() as http:
            verbs = (await http.get(self.body["call_hook"]["url"])).json()
        listen = verbs[0]
        assert listen["verb"] == "listen"
        assert listen["bidirectionalAudio"] == {"enabled": True, "streaming": True, "sampleRate": 8000}
        login = f"{listen['wsAuth']['username']}:{listen['wsAuth']['password']}".encode()
        call = {"callSid": "call-1", "from": "1", "to": "2", "sampleRate": 8000, "mixType": "mono"}
        wire = AudioForkWire("audio.jambonz.org", {**call, "metadata": listen["metadata"]})
        headers = {"Authorization": "Basic " + base64.b64encode(login).decode()}
        await self.media(wire, listen["url"], headers)

    async def tell(self, status: str, sip: int) -> None:
        query = urlencode({"call_sid": "call-1", "call_status": status, "sip_status": sip})
        async with httpx2.AsyncClient() as http:
            reply = await http.get(f"{self.body['call_status_hook']['url']}?{query}")
            assert reply.status_code == 200

    async def update(self, request: Request) -> Response:
        assert (await request.json()) == {"call_status": "completed"}
        self.hung_up.set()
        return Response(status_code=202)

    async def person_hangs_up(self) -> None:
        await self.tell("completed", 200)
        far_end = await self.connected()
        assert far_end.connection
        await far_end.connection.close()


class SimulatedAsterisk(Provider):
    codec = AsteriskCodec

    def __init__(self, fate: str) -> None:
        super().__init__(fate)
        self.events: WebSocket | None = None
        self.call = ""
        self.members: list[str] = []
        self.deleted: list[str] = []

    def originator(self) -> Originator:
        return AsteriskOriginator(AsteriskConfig(f"http://127.0.0.1:{self.port}/ari", password=SECRET))

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                WebSocketRoute("/ari/events", self.listen),
                Route("/ari/channels/externalMedia", self.external_media, methods=["POST"]),
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

    async def media_channel(self, name: str, url: str) -> None:
        self.spawn(self.media(AsteriskWire(name), url))
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
    codec = AudioForkCodec

    def originator(self) -> Originator:
        return FreeSwitchOriginator(FreeSwitchConfig(port=self.port, password=SECRET))

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
        body = "".join(f"{key.replace('_', '-')}: {value}\n" for key, value in lines.items()) + "\n"
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
            self.spawn(self.media(AudioForkWire("audio.drachtio.org", json.loads(metadata)), url))
            self.api("+OK Success")
        else:
            raise AssertionError(command)

    def originate(self, command: str) -> None:
        variables, _, rest = command.removeprefix("bgapi originate {").partition("}")
        fields: Mapping[str, str] = dict(pair.split("=", 1) for pair in variables.split(","))
        self.call, self.variables = fields["origination_uuid"], fields
        self.number = rest.removeprefix("sofia/gateway/carrier/").split()[0]
        self.reply(f"+OK Job-UUID: {self.call}")
        self.event("CHANNEL_PROGRESS")
        if self.fate == "busy":
            self.event("CHANNEL_HANGUP_COMPLETE", Hangup_Cause="USER_BUSY")
        if self.fate == "answer":
            self.event("CHANNEL_ANSWER")

    async def person_hangs_up(self) -> None:
        self.event("CHANNEL_HANGUP_COMPLETE", Hangup_Cause="NORMAL_CLEARING")
        far_end = await self.connected()
        assert far_end.connection
        await far_end.connection.close()
