"""A trunk's configuration: faults named with their mend, and what the stack is told."""

import socket
from typing import Any

import pytest

from telephony.line import LineError
from telephony.sip.config import SipTrunkConfig


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ({"local_address": "eth0"}, "local_address"),
        ({"codecs": ()}, "codecs"),
        ({"codecs": ("pcmu", "opus")}, "codecs"),
        ({"jitter_buffer_ms": (60, 20)}, "jitter_buffer_ms"),
        ({"jitter_buffer_ms": (0, 20)}, "jitter_buffer_ms"),
        ({"rtp_ports": (0, 10)}, "rtp_ports"),
        ({"rtp_timeout_s": -1}, "rtp_timeout_s"),
    ],
)
def test_faults_are_named(fault: dict[str, Any], named: str) -> None:
    with pytest.raises(LineError, match=named):
        SipTrunkConfig(**fault)


@pytest.mark.parametrize("fault", [{"user": "a@b"}, {"user": ""}, {"domain": "x;y"}, {"password": 'a"b'}])
def test_an_account_that_could_inject_is_refused(fault: dict[str, str]) -> None:
    with pytest.raises(LineError, match="account"):
        SipTrunkConfig(**fault).account()  # type: ignore[arg-type]


def test_the_password_is_not_shown() -> None:
    config = SipTrunkConfig(password="s3cret")
    assert "s3cret" not in repr(config)
    assert "s3cret" not in repr(config.account())


def test_the_stack_is_told_everything() -> None:
    text = (
        SipTrunkConfig("127.0.0.1", 5071, jitter_buffer_ms=(20, 80), rtp_ports=(20000, 20999))
        .stack()
        .render()
    )
    for line in (
        "net_interface 127.0.0.1",
        "sip_listen 127.0.0.1:5071",
        "sip_transports udp",
        "rtp_ports 20000-20999",
        "audio_jitter_buffer_ms 20-80",
        "call_max_calls 0",
        "rtp_timeout 15",
    ):
        assert line in text.splitlines()
    assert "sip_listen [::1]:5071" in SipTrunkConfig("::1", 5071).stack().render()
    assert "net_interface" not in SipTrunkConfig("0.0.0.0").stack().render()


def test_a_port_in_use_is_named_with_the_mend() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        with pytest.raises(LineError, match=rf"{port}/udp.*Stop the program.*local_port"):
            SipTrunkConfig("127.0.0.1", port).check_port()


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(LineError, match=r"192\.0\.2\.1.*local_address"):
        SipTrunkConfig("192.0.2.1", 5071).check_port()
