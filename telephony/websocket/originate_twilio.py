"""Placing calls at Twilio: the Calls resource with TwiML that connects the call to our stream.

https://www.twilio.com/docs/voice/api/call-resource
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import quoteattr

from telephony.line import DialRequest, EndKind, LineError
from telephony.websocket import rest
from telephony.websocket.causes import from_status
from telephony.websocket.originator import (
    CallConnected,
    CallRinging,
    CallTransferred,
    HookAnswer,
    MediaTarget,
    OriginationRefused,
    Report,
    TransferRefused,
    TransferRequest,
    called_number,
)

_REFUSALS = {
    13224: EndKind.NOT_EXIST,  # invalid phone number
    13227: EndKind.NETWORK_BLOCKED,  # geographic permission
    21211: EndKind.NOT_EXIST,  # invalid To
    21214: EndKind.UNREACHABLE,  # To cannot be reached
    21215: EndKind.NETWORK_BLOCKED,  # geographic permission
    21216: EndKind.NETWORK_BLOCKED,  # number on the blocklist
    21217: EndKind.NOT_EXIST,  # not a valid phone number
}


@dataclass(frozen=True, slots=True)
class TwilioConfig:
    """An account and the number to call from. Raises LineError naming the field and the mend."""

    account_sid: str
    auth_token: str = field(repr=False)
    caller_id: str
    api_url: str = "https://api.twilio.com"

    def __post_init__(self) -> None:
        rest.check_address("Twilio", self.api_url)
        if not self.account_sid.startswith("AC") or not self.account_sid.isalnum():
            raise LineError("account_sid is no Twilio account. Write AC and 32 characters")
        if not self.auth_token:
            raise LineError("auth_token is empty. Set the account's auth token")
        called_number(self.caller_id)


class TwilioOriginator:
    """Implements `telephony.websocket.originator.Originator`."""

    def __init__(self, config: TwilioConfig) -> None:
        self._config = config
        self._calls = f"/2010-04-01/Accounts/{config.account_sid}/Calls"
        self._api = rest.client(config.api_url, auth=(config.account_sid, config.auth_token))

    async def start(self) -> None:
        """Nothing to do: each request stands alone."""

    async def originate(self, request: DialRequest, target: MediaTarget, report: Report) -> str:
        """Create a call. Custom SIP headers cannot be sent to telephone numbers."""
        caller_id = called_number(request.caller_id or self._config.caller_id)
        form = {
            "To": called_number(request.to),
            "From": caller_id,
            "Twiml": twiml(target),
            "Timeout": str(max(5, round(request.ring_timeout_s))),
            "StatusCallback": target.status_url,
            "StatusCallbackMethod": "GET",
            "StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"],
        }
        response = await rest.send(self._api, "Twilio", "POST", f"{self._calls}.json", data=form)
        if response.status_code >= 400:
            raise _refusal(response.status_code, rest.fields(response))
        return rest.needed(response, "Twilio", "sid")

    async def hang_up(self, call_id: str) -> None:
        """Complete the call; one that still rings is thereby cancelled."""
        response = await rest.send(
            self._api, "Twilio", "POST", f"{self._calls}/{call_id}.json", data={"Status": "completed"}
        )
        if response.status_code >= 400 and response.status_code != 404:
            raise LineError(f"Twilio did not end the call (HTTP {response.status_code})")

    async def send_digits(self, call_id: str, digits: str) -> bool:
        """New TwiML would end the stream: digits go as sound."""
        return False

    async def transfer(self, call_id: str, request: TransferRequest) -> None:
        """New TwiML ends our stream and dials; whether somebody answers is not told to us.

        https://www.twilio.com/docs/voice/tutorials/how-to-modify-calls-in-progress
        """
        caller_id = called_number(request.caller_id or self._config.caller_id)
        form = {"Twiml": dial_twiml(called_number(request.to), caller_id)}
        response = await rest.send(self._api, "Twilio", "POST", f"{self._calls}/{call_id}.json", data=form)
        if response.status_code >= 400:
            request.report(TransferRefused(text=f"Twilio error {rest.fields(response).get('code')}"))
        else:
            request.report(CallTransferred())

    def hook(
        self, name: str, target: MediaTarget, query: Mapping[str, str], report: Report
    ) -> HookAnswer | None:
        """Take a status callback."""
        if name != "status":
            return None
        status = query.get("CallStatus", "")
        if status == "ringing":
            report(CallRinging())
        elif status == "in-progress":
            report(CallConnected())
        elif over := from_status("Twilio", status, query.get("SipResponseCode", "")):
            report(over)
        return HookAnswer()

    async def close(self) -> None:
        """Close the HTTP connections."""
        await self._api.aclose()


def twiml(target: MediaTarget) -> str:
    """Connect the call to our stream. The token is in the path, for queries are not allowed there."""
    return f"<Response><Connect><Stream url={quoteattr(target.media_url)}/></Connect></Response>"


def dial_twiml(number: str, caller_id: str) -> str:
    """Connect the call with somebody else; it ends with theirs."""
    return f"<Response><Dial callerId={quoteattr(caller_id)}><Number>{number}</Number></Dial></Response>"


def _refusal(http_status: int, answer: Mapping[str, object]) -> Exception:
    code = answer.get("code")
    if isinstance(code, int) and code in _REFUSALS:
        return OriginationRefused(_REFUSALS[code], None, f"Twilio error {code}")
    return LineError(
        f"Twilio refused the call (HTTP {http_status}, error {code}). Look the error up at Twilio"
    )
