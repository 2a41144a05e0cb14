"""A trunk's settings in the words of the baresip stack."""

import ipaddress

from baresip import Account, Config

from telephony.line import LineError
from telephony.sip.config import CODECS, SipTrunkConfig

_MEDIA_ENCRYPTION = {"srtp": "srtp", "srtp_required": "srtp-mand", "dtls_srtp": "dtls_srtp"}
_SYSTEM_CA = "/etc/ssl/certs/ca-certificates.crt"
EXPOSED = ("Reason", "Retry-After")


def account(config: SipTrunkConfig, caller_id: str = "") -> Account:
    """Who we are towards the peer. Registering is asked for by a command, never by the stack itself."""
    # Without "none" the stack offers video to nobody by a re-INVITE right after the answer.
    extra = ["video_codecs=none"]
    if config.encryption != "none":
        extra.append(f"mediaenc={_MEDIA_ENCRYPTION[config.encryption]}")
    registrar = f"sip:{config.proxy};transport={config.transport};lr" if config.proxy else None
    try:
        return Account(
            caller_id or config.user,
            config.domain,
            config.password,
            registrar=registrar,
            reg_interval=config.register_s,
            transport=config.transport,
            audio_codecs=tuple(CODECS[codec] for codec in config.codecs),
            auth_user=config.login or (config.user if caller_id else None),
            extra_params=tuple(extra),
        )
    except ValueError as error:
        raise LineError(f"the SIP account is not usable: {error}. Mend user, domain or password") from None


def stack(config: SipTrunkConfig, port: int) -> Config:
    """The stack's own configuration for one worker process, which listens on `port`."""
    address = ipaddress.ip_address(config.local_address)
    host = f"[{address}]" if address.version == 6 else str(address)
    lines = [
        # The stack listens for TLS one port above the one that it is told.
        f"sip_listen {host}:{port - (config.transport == 'tls')}",
        f"sip_transports {config.transport}",
        f"sip_verify_server {'yes' if config.tls_verify else 'no'}",
        # Addresses come from the system, /etc/hosts included; SRV and NAPTR are still asked of DNS.
        "dns_getaddrinfo yes",
        f"rtp_ports {config.rtp_ports[0]}-{config.rtp_ports[1]}",
        "audio_jitter_buffer_type adaptive",
        f"audio_jitter_buffer_ms {config.jitter_buffer_ms[0]}-{config.jitter_buffer_ms[1]}",
        # What we write is 8 kHz mono whatever the codec. What we read is at the codec's own rate: the stack
        # taps it before its resampler.
        "ausrc_srate 8000",
        "ausrc_channels 1",
        "opus_stereo no",
        "opus_sprop_stereo no",
        "opus_inbandfec yes",
    ]
    if config.transport == "tls" and config.tls_verify:
        lines.append(f"sip_cafile {config.tls_ca or _SYSTEM_CA}")
    return Config(
        net_interface=None if address.is_unspecified else str(address),
        max_concurrent_calls=None,
        rtp_timeout=config.rtp_timeout_s,
        native_log_level="error",
        sip_trace=True,
        expose_headers=EXPOSED,
        extra_config_text="\n".join(lines) + "\n",
    )
