"""WebSocket bridges as an operator sets them up; the telephony room has its own form of the same."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Port = Annotated[int, Field(ge=1, le=65535)]
Secret = Annotated[str, Field(repr=False)]
Number = Annotated[str, Field(pattern=r"^\+?[0-9]{2,20}$")]


class _Bridge(BaseModel):
    """Where the provider connects to, what it may send, and how much the bridge may carry."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    local_address: str = "127.0.0.1"
    """Address of this machine that the bridge's server binds to."""
    local_port: Port = 8765
    """A port of its own for each bridge."""
    public_url: str = ""
    """How the provider reaches that server: wss://HOST or ws://HOST; the local address if not given."""
    longest_message: int = Field(default=65_536, ge=1_024, le=1_048_576)
    """Bytes; a longer message ends the call."""
    most_messages_per_s: int = Field(default=200, ge=60)
    idle_timeout_s: float = Field(default=15.0, gt=0, le=300)
    """A call whose connection says nothing for this long is lost."""
    media_timeout_s: float = Field(default=10.0, gt=0, le=120)
    """After the answer the provider has this long to connect its media."""
    caller_ids: tuple[Number, ...] = ()
    """Numbers to call as."""
    channels: int = Field(default=60, ge=1, le=2000)
    """Most calls at once."""
    calls_per_second: float = Field(default=10.0, gt=0, le=200)

    @property
    def reached_at(self) -> str:
        """`public_url`, or the local address where that is enough."""
        host = f"[{self.local_address}]" if ":" in self.local_address else self.local_address
        return self.public_url or f"ws://{host}:{self.local_port}"

    @property
    def caller_id(self) -> str:
        """As whom to call unless a call says otherwise; empty leaves it to the provider."""
        return self.caller_ids[0] if self.caller_ids else ""


class _OverTheInternet(_Bridge):
    """A provider that is elsewhere, and that has to be told where we are and who calls."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.public_url:
            raise ValueError("public_url is missing: write wss://HOST, as the provider reaches this machine")
        if not self.caller_ids:
            raise ValueError("caller_ids is empty: name a number that you may call from")
        return self


class TwilioBridge(_OverTheInternet):
    """Twilio Media Streams. Requests are checked by Twilio's signature."""

    provider: Literal["twilio"]
    account_sid: str
    auth_token: Secret
    api_url: str = "https://api.twilio.com"
    calls_per_second: float = Field(default=1.0, gt=0, le=200)
    """What Twilio allows a new account."""


class AsteriskBridge(_Bridge):
    """Asterisk's chan_websocket, calls placed over ARI."""

    provider: Literal["asterisk"]
    ari_url: str = "http://127.0.0.1:8088/ari"
    user: str = "voicebot"
    """User of ari.conf."""
    password: Secret
    application: str = "voicebot"
    """Name of our Stasis application."""
    endpoint: str = "PJSIP/{number}@carrier"
    """What to dial; {number} is the called number."""
    media_client: str = "voicebot"
    """Section of websocket_client.conf."""
    media_format: Literal["ulaw", "alaw", "slin", "slin16"] = "ulaw"
    control: Literal["json", "plain"] = "json"
    """Form of control messages; `plain` for releases before 20.18, 22.8 and 23.2."""
    transfer_context: str = ""
    """Dialplan context for transferred callees; empty sends a SIP REFER."""
    media_user: str = ""
    media_password: Secret = ""
    """What websocket_client.conf presents to us."""


class FreeSwitchBridge(_Bridge):
    """FreeSWITCH with one of two audio modules, calls placed over its event socket."""

    provider: Literal["freeswitch"]
    host: str = "127.0.0.1"
    port: Port = 8021
    password: Secret
    dial_string: str = "sofia/gateway/carrier/{number}"
    """What to dial; {number} is the called number."""
    module: Literal["mod_audio_fork", "mod_audio_stream"] = "mod_audio_fork"
    media_user: str = ""
    media_password: Secret = ""
    """What FreeSWITCH is told to present to us."""


class JambonzBridge(_OverTheInternet):
    """jambonz `listen`, calls placed over its REST API."""

    provider: Literal["jambonz"]
    api_url: str
    """https://HOST of the API; /v1 is added."""
    account_sid: str
    api_key: Secret
    trunk: str = ""
    """Name of the carrier; empty lets jambonz choose."""
    media_user: str = "voicebot"
    media_password: Secret
    """What jambonz is told to present to us."""
    calls_per_second: float = Field(default=5.0, gt=0, le=200)


class BrowserBridge(_Bridge):
    """A person at a browser: nobody is called, an address is shown."""

    provider: Literal["browser"]


PROVIDERS = ("twilio", "asterisk", "freeswitch", "jambonz", "browser")

BridgeSettings = Annotated[
    TwilioBridge | AsteriskBridge | FreeSwitchBridge | JambonzBridge | BrowserBridge,
    Field(discriminator="provider"),
]
