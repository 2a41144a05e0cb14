"""What may go into an INVITE, and what a hostile contact file tries."""

import pytest

from telephony.line import DialRequest, LineError
from telephony.sip.invitation import check_headers, check_request, check_uri


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
        "sip:1001@host;transport=tcp",
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
    check_headers({"X-Campaign": "win-back 42", "P-Asserted-Identity": "<sip:+1415@example.com>"})


@pytest.mark.parametrize(
    "headers",
    [
        {"From": "<sip:boss@bank>"},
        {"Route": "<sip:evil>"},
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
        check_request(DialRequest("sip:1@host", ring_timeout_s=seconds))
