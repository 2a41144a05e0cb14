"""The OPTIONS request as bytes, and answers from peers that are not to be trusted."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from telephony.line import LineError
from telephony.sip.options import OptionsTarget, retransmission_pauses
from telephony.sip.options_message import (
    MalformedMessage,
    OptionsRequest,
    OptionsResponse,
    body_length,
    parse_response,
)

REQUEST = OptionsRequest(
    domain="trunk.example.com",
    user="voicebot",
    transport="udp",
    local="192.0.2.1:40000",
    branch="z9hG4bKabc",
    call_id="call-1",
    tag="t1",
)


def response(status: str = "200 OK", **changed: str) -> bytes:
    headers = {
        "Via": "SIP/2.0/UDP 192.0.2.1:40000;rport=40000;branch=z9hG4bKabc;received=192.0.2.1",
        "From": "<sip:voicebot@trunk.example.com>;tag=t1",
        "To": "<sip:trunk.example.com>;tag=x",
        "Call-ID": "call-1",
        "CSeq": "1 OPTIONS",
    } | {name.replace("_", "-"): value for name, value in changed.items()}
    lines = [f"SIP/2.0 {status}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode()


def test_the_request_has_what_rfc_3261_wants() -> None:
    text = REQUEST.encode().decode()
    assert text.startswith("OPTIONS sip:trunk.example.com SIP/2.0\r\n")
    assert text.endswith("\r\nContent-Length: 0\r\n\r\n")
    names = re.findall(r"^([A-Za-z-]+): ", text, re.MULTILINE)
    assert {"Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq", "Contact", "Accept"} <= set(names)
    assert "Via: SIP/2.0/UDP 192.0.2.1:40000;branch=z9hG4bKabc;rport\r\n" in text


def test_an_answer_with_methods_and_software() -> None:
    head = response(Allow="INVITE, ACK,BYE , <b>,OPTIONS", Server="SBC 1.0 \x1b[31m" + "x" * 500)
    parsed = parse_response(head, REQUEST)
    assert parsed is not None
    assert (parsed.status, parsed.reason) == (200, "OK")
    assert parsed.allow == ("INVITE", "ACK", "BYE", "OPTIONS")
    assert parsed.server.startswith("SBC 1.0 [31mxxx")
    assert len(parsed.server) == 100


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (response("405 Method Not Allowed"), 405),
        (response("404 "), 404),
        (response().replace(b"Via: ", b"v : ").replace(b"Call-ID", b"i"), 200),
        (response().replace(b";branch", b"\r\n  ;branch"), 200),
        (response("483 X").replace(b"X", b"\xc3\x28"), 483),
    ],
)
def test_other_ways_to_write_an_answer(head: bytes, status: int) -> None:
    parsed = parse_response(head, REQUEST)
    assert parsed is not None
    assert parsed.status == status


@pytest.mark.parametrize(
    "head",
    [
        response(Via="SIP/2.0/UDP 192.0.2.1:40000;branch=z9hG4bKother"),
        response(Via="SIP/2.0/UDP h;branch=z9hG4bKother, SIP/2.0/UDP h;branch=z9hG4bKabc"),
        response(Via="SIP/2.0/UDP 192.0.2.1:40000"),
        response(CSeq="2 OPTIONS"),
        response(CSeq="1 INVITE"),
        response(Call_ID="call-2"),
        response() + b"\r\nCall-ID: call-2",
        b"OPTIONS sip:us SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKabc",
    ],
)
def test_what_answers_something_else_is_no_answer(head: bytes) -> None:
    assert parse_response(head, REQUEST) is None


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/1.1 400 Bad Request",
        b"SIP/2.0 999 Odd",
        b"SIP/2.0 OK",
        response() + b"\r\nno header at all",
        response() + b"\r\nX: 1" * 200,
        response() + b"\r\nX: " + b"y" * 9000,
        response().replace(b"\r\n", b"\n"),
    ],
)
def test_what_is_no_sip_is_refused(head: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_response(head, REQUEST)


@given(st.binary(max_size=400))
@example(b"SIP/2.0 200 OK\r\n\x00: \xff")
def test_any_bytes_give_an_answer_or_one_error(data: bytes) -> None:
    for head in (data, b"SIP/2.0 200 OK\r\n" + data, response() + b"\r\n" + data):
        try:
            parsed = parse_response(head, REQUEST)
            length = body_length(head)
        except MalformedMessage:
            continue
        assert parsed is None or isinstance(parsed, OptionsResponse)
        assert 0 <= length <= 65_535
        if parsed:
            shown = parsed.reason + parsed.server + "".join(parsed.allow)
            assert shown.isprintable()
            assert len(parsed.allow) <= 32


@pytest.mark.parametrize("value", ["-1", "65536", "9999999", "abc", "", "1 2", "٣"])
def test_lengths_that_cannot_be(value: str) -> None:
    with pytest.raises(MalformedMessage):
        body_length(response(Content_Length=value))
    with pytest.raises(MalformedMessage):
        body_length(response(Content_Length="3") + b"\r\nl: 4")


def test_the_length_of_a_body() -> None:
    assert body_length(response()) == 0
    assert body_length(response(l="12")) == 12


def test_retransmission_follows_timer_e() -> None:
    pauses = retransmission_pauses()
    assert [next(pauses) for _ in range(6)] == [0.5, 1, 2, 4, 4, 4]


def test_where_the_request_goes() -> None:
    assert OptionsTarget("trunk.example.com").peer == ("trunk.example.com", 5060)
    assert OptionsTarget("trunk.example.com", transport="tls").peer == ("trunk.example.com", 5061)
    assert OptionsTarget("example.com", "[2001:db8::1]:5070").peer == ("2001:db8::1", 5070)
    assert OptionsTarget("a.example", local_address="0.0.0.0").bind is None
    assert OptionsTarget("a.example", local_address="127.0.0.1").bind == ("127.0.0.1", 0)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"domain": "a b"}, "domain 'a b' is no host"),
        ({"domain": "a\r\nX: y"}, "is no host"),
        ({"domain": "a", "proxy": "b:70000"}, "proxy 'b:70000' is no host"),
        ({"domain": "a", "user": "x>\r\n"}, "user"),
        ({"domain": "a", "transport": "sctp"}, "Set udp, tcp or tls"),
        ({"domain": "a", "timeout_s": 0}, "not in 0-32 s"),
        ({"domain": "a", "local_address": "eth0"}, "is no IP address"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, str], fault: str) -> None:
    with pytest.raises(LineError, match=fault):
        OptionsTarget(**settings)  # type: ignore[arg-type]
