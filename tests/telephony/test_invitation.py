"""What may go into an INVITE, and what a hostile contact file tries."""

from dataclasses import replace

import pytest

from telephony.call_headers import check_headers
from telephony.line import DialRequest, LineError
from telephony.sip.config import SipTrunkConfig
from telephony.sip.invitation import (
    check_request,
    check_uri,
    dial_headers,
    redirect_uri,
    request_uri,
)

TRUNK = SipTrunkConfig(
    domain="trunk.example.com",
    proxy="192.0.2.1:5062",
    redirects=("media.example.com",),
    caller_ids=("+14155550100", "+442079460000"),
)


@pytest.mark.parametrize(
    "uri",
    [
        "sip:+14155550100@trunk.example.com",
        "sip:1001@127.0.0.1:5090",
        "sip:anna.smith@10.0.0.1",
        "sip:1001@[2001:db8::7]:5060",
        "sip:1001@host;transport=udp;user=phone",
        "sip:a%20b@host",
    ],
)
def test_sip_addresses_are_accepted(uri: str) -> None:
    check_uri(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "1001",
        "tel:+14155550100",
        "sips:1001@host",
        "sip:host",
        "sip:@host",
        "sip:1001@",
        "sip:1001@host:0",
        "sip:1001@host:65536",
        "sip:1001@host\r\nX-Evil: 1",
        "sip:1001@host\n",
        "sip:1001@host\x00",
        "sip:10 01@host",
        "sip:1001@host evil",
        "sip:1001@host>;tag=1",
        'sip:"x"<sip:1001@host>',
        "sip:1001@host?Replaces=1",
        "sip:1001@host;maddr=6.6.6.6",
        "sip:1001@host;method=REFER",
        "sip:1001@host;transport=sctp",
        "sip:1001:secret@host",
        "sip:1001@a@b",
        "sip:1001@[::zz]",
        "sip:1001@[1.2.3.4]",
        "sip:%zz@host",
        "sip:" + "1" * 65 + "@host",
        "sip:一@host",
    ],
)
def test_other_addresses_are_refused(uri: str) -> None:
    with pytest.raises(LineError):
        check_uri(uri)


def test_headers_are_accepted() -> None:
    check_headers({"X-Campaign": "win-back 42", "Privacy": "id"})


@pytest.mark.parametrize(
    "headers",
    [
        {"From": "<sip:boss@bank>"},
        {"Route": "<sip:evil>"},
        {"p-asserted-identity": "<sip:+1911@bank.example>"},
        {"X-A: 1\r\nRoute": "x"},
        {"X A": "1"},
        {"X-": "1"},
        {"": "1"},
        {"X-A": "1\r\nRoute: <sip:evil>"},
        {"X-A": "1\n"},
        {"X-A": ""},
        {"X-A": "1" * 257},
        {f"X-{number}": "1" for number in range(17)},
    ],
)
def test_other_headers_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(LineError):
        check_headers(headers)


@pytest.mark.parametrize("seconds", [0, -1, 181, float("nan"), float("inf")])
def test_ring_timeout_has_bounds(seconds: float) -> None:
    with pytest.raises(LineError, match="ring timeout"):
        check_request(DialRequest("sip:1@host", ring_timeout_s=seconds), TRUNK)


@pytest.mark.parametrize(
    ("to", "settings", "uri"),
    [
        ("+14155550199", {}, "sip:+14155550199@trunk.example.com"),
        ("1001", {}, "sip:1001@trunk.example.com"),
        ("*97#", {}, "sip:*97%23@trunk.example.com"),
        ("+14155550199", {"number_format": "00{digits}"}, "sip:0014155550199@trunk.example.com"),
        ("+14155550199", {"transport": "tls"}, "sip:+14155550199@trunk.example.com;transport=tls"),
        ("sip:anna@192.0.2.7", {}, "sip:anna@192.0.2.7"),
        ("sip:anna@192.0.2.7", {"transport": "tcp"}, "sip:anna@192.0.2.7;transport=tcp"),
        ("sip:anna@192.0.2.7;transport=tcp", {"transport": "tcp"}, "sip:anna@192.0.2.7;transport=tcp"),
    ],
)
def test_a_number_becomes_the_trunks_address(to: str, settings: dict[str, str], uri: str) -> None:
    assert request_uri(to, replace(TRUNK, **settings)) == uri  # type: ignore[arg-type]


def test_an_address_may_not_leave_the_trunks_transport() -> None:
    with pytest.raises(LineError, match="another transport"):
        request_uri("sip:anna@192.0.2.7;transport=udp", replace(TRUNK, transport="tls"))


@pytest.mark.parametrize(
    ("contact", "followed"),
    [
        ("sip:1002@trunk.example.com", True),
        ("sip:1002@TRUNK.example.com:5080", True),
        ("sip:1002@192.0.2.1:5062", True),
        ("sip:1002@192.0.2.1:5099", False),
        ("sip:1002@media.example.com;user=phone", True),
        ("sip:900@premium.example.net", False),
        ("sip:+882990@trunk.example.com", False),
        ("sip:+882990@media.example.com", True),
        ("sip:1002@trunk.example.com;maddr=203.0.113.9", False),
        ("sip:1002@trunk.example.com?Route=evil", False),
        ("tel:+1900555", False),
        ("", False),
    ],
)
def test_a_redirect_is_followed_only_where_the_trunk_may_go(contact: str, followed: bool) -> None:
    assert (redirect_uri(contact, TRUNK, "1002") is not None) == followed


def test_only_a_number_of_ours_may_be_shown() -> None:
    check_request(DialRequest("+14155550199", caller_id="+442079460000"), TRUNK)
    with pytest.raises(LineError, match="caller_ids"):
        check_request(DialRequest("+14155550199", caller_id="+18005550000"), TRUNK)


def test_the_identity_is_asserted_where_the_trunk_wants_it() -> None:
    request = DialRequest("+14155550199", {"X-Campaign": "7"})
    assert dial_headers(request, TRUNK) == {"X-Campaign": "7"}
    assert dial_headers(request, replace(TRUNK, assert_identity=True)) == {
        "X-Campaign": "7",
        "P-Asserted-Identity": "<sip:+14155550100@trunk.example.com>",
    }


def test_a_trunk_with_a_password_calls_only_hosts_of_its_own() -> None:
    """Another host could challenge us: the answer helps to guess the password."""
    secret = replace(TRUNK, password="s3cret")
    check_request(DialRequest("+14155550199"), secret)
    check_request(DialRequest("sip:anna@media.example.com"), secret)
    check_request(DialRequest("sip:anna@elsewhere.example"), TRUNK)
    with pytest.raises(LineError, match="password") as refused:
        check_request(DialRequest("sip:anna@elsewhere.example"), secret)
    assert "s3cret" not in str(refused.value)
