"""How a SIP trunk is set up, and the same in the words of the baresip stack."""

import ipaddress
import socket
from dataclasses import dataclass, field

from baresip import Account, Config

from telephony.line import LineError

_CODECS = ("pcmu", "pcma")


@dataclass(frozen=True, slots=True)
class SipTrunkConfig:
    """Where the trunk binds, as whom it calls, and how it treats audio.

    `user` and `domain` form the caller's address (From); `password` answers digest challenges.
    Raises LineError naming the field and the mend.
    """

    local_address: str = "127.0.0.1"
    local_port: int = 5070
    user: str = "voicebot"
    domain: str = "127.0.0.1"
    password: str = field(default="", repr=False)
    codecs: tuple[str, ...] = _CODECS
    """In order of preference."""
    jitter_buffer_ms: tuple[int, int] = (20, 60)
    """Least and most delay of the jitter buffer, which adapts between them."""
    rtp_timeout_s: int = 15
    """A call that receives nothing for this long is over; 0 turns that off."""
    rtp_ports: tuple[int, int] = (16384, 32767)

    def __post_init__(self) -> None:
        try:
            ipaddress.ip_address(self.local_address)
        except ValueError:
            raise LineError(
                f"local_address {self.local_address!r} is no IP address. Set an address of this machine"
            ) from None
        if not self.codecs or any(codec not in _CODECS for codec in self.codecs):
            raise LineError(f"codecs {self.codecs} are not what the trunk knows. Set pcmu, pcma or both")
        least, most = self.jitter_buffer_ms
        if not 0 < least <= most <= 500:
            raise LineError(
                f"jitter_buffer_ms {self.jitter_buffer_ms} is no range. Set 0 < least <= most <= 500"
            )
        low, high = self.rtp_ports
        if not 1024 <= low < high <= 65535:
            raise LineError(f"rtp_ports {self.rtp_ports} is no range. Set one between 1024 and 65535")
        if self.rtp_timeout_s < 0:
            raise LineError(f"rtp_timeout_s {self.rtp_timeout_s} is negative. Set seconds, or 0 for never")

    def account(self) -> Account:
        """The stack's account: it dials without registering."""
        try:
            return Account(
                self.user, self.domain, self.password, reg_interval=0, audio_codecs=tuple(self.codecs)
            )
        except ValueError as error:
            raise LineError(
                f"the SIP account is not usable: {error}. Mend user, domain or password"
            ) from None

    def stack(self) -> Config:
        """The stack's own configuration."""
        address = ipaddress.ip_address(self.local_address)
        host = f"[{address}]" if address.version == 6 else str(address)
        return Config(
            net_interface=None if address.is_unspecified else str(address),
            max_concurrent_calls=None,
            rtp_timeout=self.rtp_timeout_s,
            native_log_level="error",
            extra_config_text=(
                f"sip_listen {host}:{self.local_port}\n"
                "sip_transports udp\n"
                f"rtp_ports {self.rtp_ports[0]}-{self.rtp_ports[1]}\n"
                "audio_jitter_buffer_type adaptive\n"
                f"audio_jitter_buffer_ms {self.jitter_buffer_ms[0]}-{self.jitter_buffer_ms[1]}\n"
            ),
        )

    def check_port(self) -> None:
        """Raise LineError unless the SIP port can be bound. The stack itself does not name the port."""
        family = socket.AF_INET6 if ":" in self.local_address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((self.local_address, self.local_port))
            except (OSError, OverflowError) as error:
                raise LineError(
                    f"SIP port {self.local_port}/udp on {self.local_address} cannot be used: "
                    f"{getattr(error, 'strerror', None) or error}. "
                    "Stop the program that holds it, or set another local_port or local_address"
                ) from None
