"""Twilio and jambonz as their documentation describes them, on loopback, and what all providers share."""

import asyncio
import base64
import socket
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from telephony.websocket.bridge import MediaBridge
from telephony.websocket.twilio_signature import sign
from tests.system.far_end import AudioForkWire, FarEnd, TwilioWire, Wire
from voicebot.bridge_line import bridge_line
from voicebot.bridge_settings import BridgeSettings, JambonzBridge, TwilioBridge

ACCOUNT, SECRET = "AC" + "0" * 32, "a-secret-of-the-tests"
CALLER = "+15550001"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Provider:
    """What all four share: one call, whose fate a test chooses beforehand."""

    def __init__(self, fate: str, takes_transfer: bool = True) -> None:
        self.fate = fate
        """answer, busy or ring."""
        self.takes_transfer = takes_transfer
        self.port, self.bridge_port = free_port(), free_port()
        self.far_end: FarEnd | None = None
        self.hung_up, self._dialled = asyncio.Event(), asyncio.Event()
        self.digits = ""
        self.number = self.caller = ""
        self.transferred_to = ""
        self._tasks: set[asyncio.Task[Any]] = set()

    def settings(self, **shared: Any) -> BridgeSettings:
        """As an operator would write them."""
        raise NotImplementedError

    def bridge(self, **changes: Any) -> MediaBridge:
        shared = {"local_port": self.bridge_port, "public_url": f"ws://127.0.0.1:{self.bridge_port}"}
        return bridge_line("simulated", self.settings(**shared, caller_ids=(CALLER,), **changes))

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
    def settings(self, **shared: Any) -> BridgeSettings:
        api = f"http://127.0.0.1:{self.port}"
        return TwilioBridge(provider="twilio", account_sid=ACCOUNT, auth_token=SECRET, api_url=api, **shared)

    def app(self) -> Starlette:
        calls = f"/2010-04-01/Accounts/{ACCOUNT}/Calls"
        create, update = Route(f"{calls}.json", self.create, methods=["POST"]), f"{calls}/{{sid}}.json"
        return Starlette(routes=[create, Route(update, self.update, methods=["POST"])])

    async def create(self, request: Request) -> Response:
        form = {name: values for name, values in parse_qs((await request.body()).decode()).items()}
        assert request.headers["authorization"].startswith("Basic ")
        self.number, self.caller = form["To"][0], form["From"][0]
        if self.number == "+10":
            return JSONResponse({"code": 21211, "message": "Invalid 'To'", "status": 400}, 400)
        stream = ET.fromstring(form["Twiml"][0]).find("Connect/Stream")
        assert stream is not None
        assert form["StatusCallbackMethod"] == ["GET"]
        self.sid, self.callback = "CA" + "2" * 32, form["StatusCallback"][0]
        self.media_url = stream.attrib["url"]
        self.spawn(self.live(self.media_url))
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
        form = parse_qs((await request.body()).decode())
        if "Twiml" in form:
            return await self.new_twiml(form["Twiml"][0])
        assert form == {"Status": ["completed"]}
        self.hung_up.set()
        if self.far_end and self.far_end.connection:
            await self.far_end.connection.close()
        return JSONResponse({"sid": self.sid, "status": "completed"})

    async def new_twiml(self, text: str) -> Response:
        if not self.takes_transfer:
            return JSONResponse({"code": 21220, "message": "Invalid call state", "status": 400}, 400)
        dial = ET.fromstring(text).find("Dial")
        assert dial is not None
        self.transferred_to = f"{dial.findtext('Number')} as {dial.attrib['callerId']}"
        await self.stop()
        return JSONResponse({"sid": self.sid, "status": "in-progress"})

    async def stop(self) -> None:
        far_end = await self.connected()
        assert far_end.connection
        assert isinstance(far_end.wire, TwilioWire)
        stop = {"accountSid": ACCOUNT, "callSid": self.sid}
        await far_end.connection.send(far_end.wire._event("stop", stop=stop))

    async def person_hangs_up(self) -> None:
        await self.stop()
        await self.tell("completed")


class SimulatedJambonz(Provider):
    def settings(self, **shared: Any) -> BridgeSettings:
        account: dict[str, Any] = {"account_sid": "acc-1", "api_key": SECRET, "media_password": SECRET}
        return JambonzBridge(provider="jambonz", api_url=f"http://127.0.0.1:{self.port}", **account, **shared)

    def app(self) -> Starlette:
        calls = "/v1/Accounts/acc-1/Calls"
        create = Route(calls, self.create, methods=["POST"])
        return Starlette(routes=[create, Route(f"{calls}/{{sid}}", self.update, methods=["PUT"])])

    async def create(self, request: Request) -> Response:
        body = await request.json()
        assert request.headers["authorization"] == f"Bearer {SECRET}"
        assert body["to"]["type"] == "phone"
        self.number, self.caller, self.body = body["to"]["number"], body["from"], body
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
        body = await request.json()
        if "call_hook" in body:
            return self.new_hook(body["call_hook"])
        assert body == {"call_status": "completed"}
        self.hung_up.set()
        return Response(status_code=202)

    def new_hook(self, hook: dict[str, str]) -> Response:
        if not self.takes_transfer:
            return JSONResponse({"msg": "call not found"}, 422)
        assert hook == self.body["call_hook"]
        self.spawn(self.redirect(hook["url"]))
        return Response(status_code=202)

    async def redirect(self, url: str) -> None:
        async with httpx2.AsyncClient() as http:
            dial, last = (await http.get(url)).json()
        assert (dial["verb"], last) == ("dial", {"verb": "hangup"})
        self.transferred_to = f"{dial['target'][0]['number']} as {dial['callerId']}"
        far_end = await self.connected()
        assert far_end.connection
        await far_end.connection.close()

    async def person_hangs_up(self) -> None:
        await self.tell("completed", 200)
        far_end = await self.connected()
        assert far_end.connection
        await far_end.connection.close()
