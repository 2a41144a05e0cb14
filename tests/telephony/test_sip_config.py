"""A trunk's configuration: faults named with their mend, and what the stack is told."""

import socket
from pathlib import Path
from typing import Any

import pytest

from telephony.line import LineError
from telephony.sip.config import SipTrunkConfig
from telephony.sip.stack_config import account, stack


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ({"local_address": "eth0"}, "local_address"),
        ({"codecs": ()}, "codecs"),
        ({"codecs": ("pcmu", "gsm")}, "codecs"),
        ({"user": "a@b"}, "user"),
        ({"user": ""}, "user"),
        ({"login": "a b"}, "login"),
        ({"domain": "x;y"}, "domain"),
        ({"proxy": "sip:x"}, "proxy"),
        ({"redirects": ("*",)}, "redirects"),
        ({"caller_ids": ("<+1>",)}, "caller_ids"),
        ({"number_format": "{0}"}, "number_format"),
        ({"number_format": "{number}@evil"}, "number_format"),
        ({"tls_ca": Path("/nowhere.pem")}, "tls_ca"),
        ({"channels": 0}, "channels"),
        ({"rtp_ports": (20000, 20010)}, "rtp_ports"),
        ({"local_port": 65535, "channels": 100}, "local_port"),
        ({"calls_per_worker": 500}, "calls_per_worker"),
        ({"register_s": -1}, "register_s"),
        ({"jitter_buffer_ms": (60, 20)}, "jitter_buffer_ms"),
        ({"jitter_buffer_ms": (0, 20)}, "jitter_buffer_ms"),
        ({"rtp_ports": (0, 10)}, "rtp_ports"),
        ({"rtp_timeout_s": -1}, "rtp_timeout_s"),
    ],
)
def test_faults_are_named(fault: dict[str, Any], named: str) -> None:
    with pytest.raises(LineError, match=named):
        SipTrunkConfig(**fault)


def test_a_password_that_could_inject_is_refused() -> None:
    with pytest.raises(LineError, match="account"):
        account(SipTrunkConfig(password='a"b'))


def test_the_password_is_not_shown() -> None:
    config = SipTrunkConfig(password="s3cret")
    assert "s3cret" not in repr(config)
    assert "s3cret" not in repr(account(config))


def test_the_stack_is_told_everything() -> None:
    config = SipTrunkConfig("127.0.0.1", jitter_buffer_ms=(20, 80), rtp_ports=(20000, 20999))
    text = stack(config, 5071).render()
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
    assert "sip_listen [::1]:5071" in stack(SipTrunkConfig("::1"), 5071).render()
    assert "net_interface" not in stack(SipTrunkConfig("0.0.0.0"), 5071).render()


def test_a_port_in_use_is_named_with_the_mend() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        with pytest.raises(LineError, match=rf"{port}/udp.*Stop the program.*local_port"):
            SipTrunkConfig("127.0.0.1", port).check_port()


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(LineError, match=r"192\.0\.2\.1 is no address of this machine.*ip address"):
        SipTrunkConfig("192.0.2.1", 5071).check_port()


def test_channels_are_spread_over_worker_processes() -> None:
    assert SipTrunkConfig(channels=60).worker_count == 1
    assert SipTrunkConfig(channels=61).worker_count == 2
    assert SipTrunkConfig(channels=200, calls_per_worker=50).worker_count == 4


def test_the_account_says_what_encryption_and_login_are_wanted() -> None:
    config = SipTrunkConfig(
        user="one", login="two", password="x", encryption="srtp_required", proxy="192.0.2.1"
    )
    line = account(config, "+14155550100").aor()
    assert line.startswith("<sip:+14155550100@127.0.0.1;transport=udp>;")
    for part in (
        "auth_user=two",
        "mediaenc=srtp-mand",
        "video_codecs=none",
        "sip:192.0.2.1;transport=udp;lr",
    ):
        assert part in line


def test_certificates_are_checked_unless_told_otherwise(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.touch()
    checked = stack(SipTrunkConfig(transport="tls", tls_ca=ca), 5071).render()
    assert "sip_verify_server yes" in checked.splitlines()
    assert f"sip_cafile {ca}" in checked.splitlines()
    unchecked = stack(SipTrunkConfig(transport="tls", tls_verify=False), 5071).render()
    assert "sip_verify_server no" in unchecked.splitlines()
    assert "sip_cafile" not in unchecked
