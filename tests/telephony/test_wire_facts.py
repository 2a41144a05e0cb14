"""What is read from the trace of SIP messages, also from hostile ones."""

import logging

from hypothesis import given
from hypothesis import strategies as st

from telephony.sip.wire_facts import WireFacts, WireReader, learn

SDP = (
    "v=0\r\nm=audio 17000 RTP/AVP 96 101\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n"
)


def answer(status: str, *headers: str, body: str = "", method: str = "INVITE") -> str:
    return "\r\n".join([f"SIP/2.0 {status}", "Call-ID: abc", f"CSeq: 7 {method}", *headers, "", body])


def test_trying_is_a_reply_and_nothing_more() -> None:
    assert learn(WireFacts(), answer("100 Trying")) == WireFacts(replied=True)


def test_the_answers_codec() -> None:
    assert learn(WireFacts(), answer("200 OK", body=SDP)).codec == "opus/48000/2"
    early = answer("183 Session Progress", body="m=audio 1 RTP/AVP 8\r\n")
    assert learn(WireFacts(), early).codec == "PCMA/8000"
    assert learn(WireFacts(), answer("200 OK", body="m=audio 1 RTP/AVP 97\r\n")).codec == ""


def test_a_refresh_is_noted_only_where_it_is_ours_to_do() -> None:
    assert learn(WireFacts(), answer("200 OK", "Session-Expires: 90;refresher=uac")).refresh_s == 90
    assert learn(WireFacts(), answer("200 OK", "x: 90 ; refresher = UAC")).refresh_s == 90
    assert learn(WireFacts(), answer("200 OK", "Session-Expires: 90;refresher=uas")).refresh_s is None
    assert learn(WireFacts(), answer("200 OK", "Session-Expires: 90")).refresh_s is None


def test_the_cause_of_a_refusal_and_of_a_bye() -> None:
    refusal = answer("480 Unavailable", 'Reason: Q.850;cause=20;text="absent"')
    assert learn(WireFacts(), refusal).q850 == 20
    bye = "BYE sip:a@b SIP/2.0\r\nCSeq: 2 BYE\r\nReason: Q.850;cause=16\r\n\r\n"
    assert learn(WireFacts(replied=True), bye).q850 == 16


def test_what_becomes_of_a_transfer() -> None:
    assert learn(WireFacts(), answer("202 Accepted", method="REFER")).refer_accepted
    assert not learn(WireFacts(), answer("603 Decline", method="REFER")).refer_accepted
    assert learn(WireFacts(), "NOTIFY sip:a@b SIP/2.0\r\nCSeq: 2 NOTIFY\r\n\r\n").refer_reported


def test_answers_to_other_requests_teach_nothing() -> None:
    ok = answer("200 OK", "Session-Expires: 90;refresher=uac", body=SDP, method="BYE")
    assert learn(WireFacts(), ok) == WireFacts()


@given(st.text(), st.text())
def test_no_message_breaks_the_reader(head: str, body: str) -> None:
    learn(WireFacts(), f"{head}\r\n\r\n{body}")
    learn(WireFacts(), answer("200 OK", head, body=body))


def trace(direction: str, message: str) -> logging.LogRecord:
    text = f"{direction} UDP 127.0.0.1:5060 -> 127.0.0.1:5061\n{message}"
    return logging.LogRecord("baresip.native.sip", logging.DEBUG, "", 0, text, None, None)


def test_the_reader_keeps_calls_apart_and_forgets() -> None:
    replied: list[str] = []
    reader = WireReader(replied.append)
    reader.emit(trace("RX", answer("100 Trying")))
    reader.emit(trace("RX", answer("200 OK", body=SDP)))
    reader.emit(trace("TX", answer("200 OK", body=SDP).replace("abc", "own")))
    assert replied == ["abc"]
    assert reader.of("abc").codec == "opus/48000/2"
    assert reader.of("own") == WireFacts()
    reader.forget("abc")
    assert reader.of("abc") == WireFacts()


def test_a_flood_of_calls_does_not_grow_the_reader() -> None:
    reader = WireReader(lambda _: None)
    for number in range(3000):
        reader.emit(trace("RX", answer("100 Trying").replace("abc", f"call-{number}")))
    assert reader.of("call-2999").replied
    assert not reader.of("call-0").replied
