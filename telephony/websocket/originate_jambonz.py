"""Placing calls at jambonz: the REST call resource, whose hooks our server answers.

https://docs.jambonz.org/reference/rest-call-control/calls/create-call
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from telephony.call_headers import check_headers
from telephony.line import DialRequest, LineError
from telephony.websocket import rest
from telephony.websocket.causes import from_status
from telephony.websocket.originator import (
    CallConnected,
    CallRinging,
    CallTransferred,
    HookAnswer,
    MediaTarget,
    Report,
    TransferRefused,
    TransferRequest,
    called_number,
)


@dataclass(frozen=True, slots=True)
class JambonzConfig:
    """An account and how to call from it. Raises LineError naming the field and the mend."""

    api_url: str
    """https://HOST, as in the portal; /v1 is added."""
    account_sid: str
    api_key: str = field(repr=False)
    caller_id: str
    trunk: str = ""
    """Name of the carrier; empty lets jambonz choose."""
    media_user: str = ""
    media_password: str = field(default="", repr=False)
    """What jambonz is to present to us (BasicPassword)."""

    def __post_init__(self) -> None:
        rest.check_address("jambonz", self.api_url)
        if not self.account_sid.replace("-", "").isalnum() or not self.api_key:
            raise LineError("account_sid or api_key of jambonz is not usable. Copy both from its portal")
        called_number(self.caller_id)


class JambonzOriginator:
    """Implements `telephony.websocket.originator.Originator`."""

    def __init__(self, config: JambonzConfig) -> None:
        self._config = config
        self._calls = f"/v1/Accounts/{config.account_sid}/Calls"
        self._transfers: dict[str, TransferRequest] = {}
        """By token; until our `answer` hook is asked again."""
        headers = {"Authorization": f"Bearer {config.api_key}"}
        self._api = rest.client(config.api_url.rstrip("/"), headers=headers)

    async def start(self) -> None:
        """Nothing to do: each request stands alone."""

    async def originate(self, request: DialRequest, target: MediaTarget, report: Report) -> str:
        """Create a call; once it is answered jambonz asks our `answer` hook what to do."""
        check_headers(request.headers)
        body = {
            "from": called_number(request.caller_id or self._config.caller_id),
            "to": self._called(request.to),
            "call_hook": {"url": target.answer_url, "method": "GET"},
            "call_status_hook": {"url": target.status_url, "method": "GET"},
            "timeout": max(5, round(request.ring_timeout_s)),
            "headers": dict(request.headers),
            # Demanded of calls without an application; nothing is spoken or recognised by jambonz.
            "speech_synthesis_vendor": "google",
            "speech_synthesis_language": "en-US",
            "speech_synthesis_voice": "en-US-Standard-C",
            "speech_recognizer_vendor": "google",
            "speech_recognizer_language": "en-US",
        }
        response = await rest.send(self._api, "jambonz", "POST", self._calls, json=body)
        if response.status_code >= 400:
            raise LineError(
                f"jambonz refused the call (HTTP {response.status_code}). Check account and trunk"
            )
        return rest.needed(response, "jambonz", "sid")

    async def hang_up(self, call_id: str) -> None:
        """Complete the call."""
        response = await rest.send(
            self._api, "jambonz", "PUT", f"{self._calls}/{call_id}", json={"call_status": "completed"}
        )
        if response.status_code >= 400 and response.status_code not in (404, 422):
            raise LineError(f"jambonz did not end the call (HTTP {response.status_code})")

    async def send_digits(self, call_id: str, digits: str) -> bool:
        """A `dtmf` verb would end the stream: digits go as sound."""
        return False

    async def transfer(self, call_id: str, request: TransferRequest) -> None:
        """Have our `answer` hook asked again, which then says `dial`: whether they answer is not told.

        https://docs.jambonz.org/reference/rest-call-control/calls/update-call
        """
        token = request.target.token
        self._transfers[token] = request
        hook = {"call_hook": {"url": request.target.answer_url, "method": "GET"}}
        try:
            response = await rest.send(self._api, "jambonz", "PUT", f"{self._calls}/{call_id}", json=hook)
        except BaseException:
            self._transfers.pop(token, None)
            raise
        if response.status_code >= 400:
            self._transfers.pop(token, None)
            request.report(TransferRefused(text=f"jambonz refused (HTTP {response.status_code})"))

    def hook(
        self, name: str, target: MediaTarget, query: Mapping[str, str], report: Report
    ) -> HookAnswer | None:
        """Say what to do with an answered call, or take a status."""
        if name == "answer":
            return HookAnswer(json.dumps(self._answer(target)), "application/json")
        status = query.get("call_status") or query.get("callStatus", "")
        sip = query.get("sip_status") or query.get("sipStatus", "")
        if status in ("ringing", "early-media"):
            report(CallRinging(status == "early-media"))
        elif status == "in-progress":
            report(CallConnected())
        elif over := from_status("jambonz", status, sip):
            self._transfers.pop(target.token, None)
            report(over)
        return HookAnswer()

    async def close(self) -> None:
        """Close the HTTP connections."""
        await self._api.aclose()

    def _called(self, to: str) -> dict[str, str]:
        called = {"type": "phone", "number": called_number(to)}
        return called | ({"trunk": self._config.trunk} if self._config.trunk else {})

    def _answer(self, target: MediaTarget) -> list[dict[str, object]]:
        request = self._transfers.pop(target.token, None)
        if request is None:
            return self._listen(target)
        request.report(CallTransferred())
        caller_id = called_number(request.caller_id or self._config.caller_id)
        dial: dict[str, object] = {
            "verb": "dial",
            "callerId": caller_id,
            "target": [self._called(request.to)],
        }
        return [dial, {"verb": "hangup"}]

    def _listen(self, target: MediaTarget) -> list[dict[str, object]]:
        listen: dict[str, object] = {
            "verb": "listen",
            "url": target.media_url,
            "mixType": "mono",
            "sampleRate": 8_000,
            "passDtmf": True,
            # Without streaming the far end hears nothing until a whole file has come.
            "bidirectionalAudio": {"enabled": True, "streaming": True, "sampleRate": 8_000},
            "metadata": {"token": target.token},
        }
        if self._config.media_user:
            listen["wsAuth"] = {
                "username": self._config.media_user,
                "password": self._config.media_password,
            }
        return [listen, {"verb": "hangup"}]
