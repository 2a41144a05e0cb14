"""Which ACK is sent again, and to whom."""

from hypothesis import given
from hypothesis import strategies as st

from telephony.sip.lost_ack import AckMemory

OUT, IN = "TX UDP 127.0.0.1:5070 -> 192.0.2.9:5060", "RX UDP 192.0.2.9:5060 -> 127.0.0.1:5070"
ACK = "ACK sip:1@192.0.2.9 SIP/2.0\r\nCall-ID: one\r\nCSeq: 7 ACK\r\nContent-Length: 0"


def answer(call: str = "one", number: int = 7, status: str = "200 OK", method: str = "INVITE") -> str:
    return f"SIP/2.0 {status}\r\nCall-ID: {call}\r\nCSeq: {number} {method}\r\n\r\nv=0"


def test_an_answer_that_comes_again_is_acknowledged_again() -> None:
    memory = AckMemory()
    assert memory.take(IN, answer()) is None, "the stack acknowledges the first itself"
    assert memory.take(OUT, ACK) is None
    assert memory.take(IN, answer()) == (f"{ACK}\r\n\r\n".encode(), ("192.0.2.9", 5060))


def test_nothing_else_is_acknowledged() -> None:
    memory = AckMemory()
    memory.take(OUT, ACK)
    for other in (
        answer(call="two"),
        answer(number=8),
        answer(status="486 Busy Here"),
        answer(method="BYE"),
        "BYE sip:1@127.0.0.1 SIP/2.0\r\nCall-ID: one\r\nCSeq: 7 BYE",
        "",
    ):
        assert memory.take(IN, other) is None
    assert memory.take(IN.replace("UDP", "TCP"), answer()) is None
    assert memory.take(OUT, answer()) is None


def test_ipv6_and_only_the_newest_calls() -> None:
    memory = AckMemory()
    memory.take("TX UDP [::1]:5070 -> [2001:db8::1]:5060", ACK)
    again = memory.take("RX UDP [2001:db8::1]:5060 -> [::1]:5070", answer())
    assert again is not None
    assert again[1] == ("2001:db8::1", 5060)
    for number in range(2000):
        memory.take(OUT, ACK.replace("one", f"other-{number}"))
    assert memory.take(IN, answer()) is None


@given(st.text(), st.text())
def test_any_text_is_taken(where: str, message: str) -> None:
    memory = AckMemory()
    memory.take(OUT, ACK)
    memory.take(where, message)
    memory.take(IN, message)
