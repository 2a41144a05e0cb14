"""How a SIP trunk is set up. Knows no SIP stack, so that whoever composes trunks need not load one."""

import errno
import re
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from telephony.line import LineError
from telephony.local_address import check_local_address

CODECS = {"pcmu": "pcmu", "pcma": "pcma", "g722": "g722/16000/1", "opus": "opus/48000/2"}
"""What may be offered, and its name in the stack: those that are not at 8 kHz need the whole of it."""
_HOST = re.compile(
    r"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?)(?::\d{1,5})?"
)
_USER = re.compile(r"[A-Za-z0-9\-_.!~*'()&=+$,]{1,64}")
_NUMBER_FORMAT = re.compile(
    r"[A-Za-z0-9\-_.!~*'()+#]{0,20}\{(?:number|digits)\}[A-Za-z0-9\-_.!~*'()+#]{0,20}"
)

Transport = Literal["udp", "tcp", "tls"]
Encryption = Literal["none", "srtp", "srtp_required", "dtls_srtp"]


@dataclass(frozen=True, slots=True)
class SipTrunkConfig:
    """Where the trunk binds, as whom it calls, and how it treats audio.

    `user` and `domain` form our own address (From) unless a caller-ID takes the user's place; `login` (or
    the user) and `password` answer digest challenges. Raises LineError naming the field and the mend.
    """

    local_address: str = "127.0.0.1"
    local_port: int = 5070
    """Of the first worker process; the next workers take the ports after it."""
    rtp_ports: tuple[int, int] = (16384, 32767)
    transport: Transport = "udp"
    tls_verify: bool = True
    tls_ca: Path | None = None
    """Certificates that are trusted (PEM); those of the system if None."""
    user: str = "voicebot"
    domain: str = "127.0.0.1"
    proxy: str = ""
    login: str = ""
    password: str = field(default="", repr=False)
    register_s: int = 0
    caller_ids: tuple[str, ...] = ()
    assert_identity: bool = False
    number_format: str = "{number}"
    codecs: tuple[str, ...] = ("pcmu", "pcma")
    """In order of preference."""
    encryption: Encryption = "none"
    jitter_buffer_ms: tuple[int, int] = (20, 60)
    """Least and most delay of the jitter buffer, which adapts between them."""
    rtp_timeout_s: int = 15
    """A call that receives nothing for this long is over; 0 turns that off."""
    redirects: tuple[str, ...] = ()
    """Hosts that a 3xx answer may send a call to, whatever the number."""
    channels: int = 60
    calls_per_worker: int = 60
    """The stack takes three threads a call and stalls when hundreds end at once."""
    transfer_timeout_s: float = 10.0
    """A peer that accepted a transfer and says no more is believed after this long."""

    def __post_init__(self) -> None:
        self._check_addresses()
        if not self.codecs or any(codec not in CODECS for codec in self.codecs):
            raise LineError(f"codecs {self.codecs} are not all known. Set some of {', '.join(CODECS)}")
        least, most = self.jitter_buffer_ms
        if not 0 < least <= most <= 500:
            raise LineError(
                f"jitter_buffer_ms {self.jitter_buffer_ms} is no range. Set 0 < least <= most <= 500"
            )
        low, high = self.rtp_ports
        if not 1024 <= low < high <= 65535:
            raise LineError(f"rtp_ports {self.rtp_ports} is no range. Set one between 1024 and 65535")
        if high - low + 1 < 4 * self.channels:
            raise LineError(
                f"rtp_ports {low}-{high} are too few for {self.channels} channels: a call takes two, drawn "
                f"by lot. Set {4 * self.channels} ports or more"
            )
        if self.rtp_timeout_s < 0 or self.register_s < 0:
            raise LineError("rtp_timeout_s and register_s are seconds, or 0 for never. Set no negative ones")
        if not 1 <= self.calls_per_worker <= 100 or self.channels < 1:
            raise LineError(
                "channels and calls_per_worker count calls. Set channels above 0, the other 1-100"
            )
        if self.local_port + self.worker_count > 65536:
            raise LineError(
                f"local_port {self.local_port} leaves no room for {self.worker_count} workers. Set less"
            )
        if self.tls_ca is not None and not self.tls_ca.is_file():
            raise LineError(f"tls_ca {self.tls_ca} is no file. Name a PEM file with the trusted certificates")

    def _check_addresses(self) -> None:
        check_local_address(self.local_address)
        for name, host in (("domain", self.domain), ("proxy", self.proxy or self.domain)):
            if not _HOST.fullmatch(host):
                raise LineError(f"{name} {host!r} is no host. Write sip.example.com or 192.0.2.1:5060")
        for host in self.redirects:
            if not _HOST.fullmatch(host):
                raise LineError(f"redirects: {host!r} is no host. Write sip.example.com")
        for name, user in (("user", self.user), ("login", self.login or self.user)):
            if not _USER.fullmatch(user):
                raise LineError(
                    f"{name} {user!r} cannot stand in a SIP address. Use letters, digits and -_.+"
                )
        for caller_id in self.caller_ids:
            if not _USER.fullmatch(caller_id):
                raise LineError(f"caller_ids: {caller_id!r} is no number. Write +NUMBER")
        if not _NUMBER_FORMAT.fullmatch(self.number_format):
            raise LineError(
                f"number_format {self.number_format!r} is none. Write e.g. {{number}} or 00{{digits}}"
            )

    @property
    def worker_count(self) -> int:
        """Processes that the channels are spread over."""
        return -(-self.channels // self.calls_per_worker)

    def check_port(self) -> None:
        """Raise LineError unless the SIP ports of all workers can be bound. The stack would not name them."""
        family = socket.AF_INET6 if ":" in self.local_address else socket.AF_INET
        kind = socket.SOCK_DGRAM if self.transport == "udp" else socket.SOCK_STREAM
        for port in range(self.local_port, self.local_port + self.worker_count):
            with socket.socket(family, kind) as probe:
                if kind is socket.SOCK_STREAM:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((self.local_address, port))
                except (OSError, OverflowError) as error:
                    if getattr(error, "errno", None) == errno.EADDRNOTAVAIL:
                        raise LineError(
                            f"local_address {self.local_address} is no address of this machine. "
                            "Set one of those that `ip address` lists"
                        ) from None
                    raise LineError(
                        f"SIP port {port}/{self.transport} on {self.local_address} cannot be used: "
                        f"{getattr(error, 'strerror', None) or error}. "
                        "Stop the program that holds it, or set another local_port or local_address"
                    ) from None
