"""One SIP trunk as an operator sets it up; the telephony room has its own form of the same."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Port = Annotated[int, Field(ge=1024, le=65535)]


class TrunkSettings(BaseModel):
    """The address it binds to, the account it calls as, how audio travels, and how much it may carry."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    local_address: str = "127.0.0.1"
    """Address of this machine that SIP and RTP bind to."""
    local_port: Port = 5070
    """SIP port of the first worker process; the next workers take the ports after it."""
    rtp_ports: tuple[Port, Port] = (16384, 32767)
    transport: Literal["udp", "tcp", "tls"] = "udp"
    tls_verify: bool = True
    tls_ca: Path | None = None
    """Certificates that are trusted (PEM); those of the system if not given."""
    user: str = "voicebot"
    domain: str = "127.0.0.1"
    """Host of our own address, and of numbers that are dialled."""
    proxy: str = ""
    """Where requests are sent if not to the domain: host or host:port."""
    login: str = ""
    """Name for digest authentication; the user if not given."""
    password: str = Field(default="", repr=False)
    register_s: int = Field(default=0, ge=0)
    """Register and repeat it at this interval; 0 for a trunk that knows us by address."""
    caller_ids: tuple[str, ...] = ()
    """Numbers to call as; the one nearest to the called number is taken. The user if there are none."""
    assert_identity: bool = False
    """Send the caller-ID as P-Asserted-Identity as well."""
    number_format: str = "{number}"
    """User part of what is dialled; {number} is +E.164, {digits} the same without the plus."""
    codecs: tuple[Literal["pcmu", "pcma", "g722", "opus"], ...] = ("pcmu", "pcma")
    encryption: Literal["none", "srtp", "srtp_required", "dtls_srtp"] = "none"
    jitter_buffer_ms: tuple[int, int] = (20, 60)
    """Least and most delay that the jitter buffer may add."""
    rtp_timeout_s: int = Field(default=15, ge=0)
    redirects: tuple[str, ...] = ()
    """Hosts that a 3xx answer may send a call to, whatever the number."""
    channels: int = Field(default=60, ge=1, le=2000)
    """Most calls at once."""
    calls_per_second: float = Field(default=10.0, gt=0, le=200)
    priority: int = Field(default=1, ge=1)
    """1 is tried first; equal ones share the calls."""
    options_interval_s: float = Field(default=30.0, ge=0)
    """How often the peer is asked whether it is there (OPTIONS); 0 never asks."""
    echo_number: str = ""
    """A number that answers and plays back what it hears, for `voicebot trunk check`."""
