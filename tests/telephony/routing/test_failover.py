"""Which ends of a try are the callee's answer, and which send the call over another trunk."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.line import Ended, EndKind
from telephony.routing.failover import CALLEE, NO_MEDIA, OURS, TRUNK, Outcome, Verdict, judge
from telephony.sip.causes import end_kind, sip_status

TABLE = [
    # nobody replied, the transport or TLS failed, the stack died
    ("Connection timed out [110]", None, TRUNK),
    ("Connection refused [111]", None, TRUNK),
    ("TLS handshake failed", None, TRUNK),
    ("408 Request Timeout", None, TRUNK),
    # refused by the trunk
    ("401 Unauthorized", None, TRUNK),
    ("402 Payment Required", None, TRUNK),
    ("403 Forbidden", None, TRUNK),
    ("407 Proxy Authentication Required", None, TRUNK),
    ("482 Loop Detected", None, TRUNK),
    ("488 Not Acceptable Here", None, TRUNK),
    ("500 Server Internal Error", None, TRUNK),
    ("502 Bad Gateway", None, TRUNK),
    ("503 Service Unavailable", None, TRUNK),
    ("504 Server Time-out", None, TRUNK),
    ("480 Temporarily Unavailable", 34, TRUNK),
    ("503 Service Unavailable", 42, TRUNK),
    # the callee's answer
    ("404 Not Found", None, CALLEE),
    ("410 Gone", None, CALLEE),
    ("480 Temporarily Unavailable", None, CALLEE),
    ("484 Address Incomplete", None, CALLEE),
    ("486 Busy Here", None, CALLEE),
    ("600 Busy Everywhere", None, CALLEE),
    ("603 Decline", None, CALLEE),
    ("604 Does Not Exist Anywhere", None, CALLEE),
    ("606 Not Acceptable", None, CALLEE),
    ("302 Moved Temporarily", None, CALLEE),
    ("500 Server Error, Q.850;cause=17", 17, CALLEE),
    ("503 Service Unavailable, Q.850;cause=20", 20, CALLEE),
    ("608 Rejected", None, CALLEE),
    ("438 Invalid Identity Header", None, CALLEE),
    # we gave up
    ("487 Request Terminated", None, OURS),
]


@pytest.mark.parametrize(("text", "cause", "verdict"), TABLE)
def test_ends_before_any_ringing(text: str, cause: int | None, verdict: Verdict) -> None:
    ended = Ended(0, end_kind(text, rang=False), sip_status(text), text, q850=cause)
    assert judge(ended, rang=False) == verdict


@pytest.mark.parametrize("kind", [EndKind.REMOTE_HANGUP, EndKind.LOCAL_HANGUP, EndKind.TRANSFERRED])
def test_ends_after_an_answer(kind: EndKind) -> None:
    assert judge(Ended(0, kind), rang=True) == CALLEE


def test_a_ring_timeout_that_the_peer_confirmed_is_not_its_fault() -> None:
    assert judge(Ended(0, EndKind.UNREACHABLE, 487, "487 Request Terminated"), rang=False) == OURS
    assert judge(Ended(0, EndKind.UNREACHABLE, None, "ring timeout"), rang=False) == TRUNK


def test_an_answer_without_audio_is_the_trunks_fault_and_is_not_dialled_twice() -> None:
    assert judge(Ended(0, EndKind.MEDIA_LOST, None, "the media never started"), rang=False) == NO_MEDIA


@given(
    st.sampled_from(EndKind),
    st.none() | st.integers(100, 699),
    st.none() | st.integers(0, 127),
)
def test_what_rang_is_never_dialled_again(kind: EndKind, status: int | None, cause: int | None) -> None:
    ended = Ended(0, kind, status, q850=cause)
    assert judge(ended, rang=True) == CALLEE
    if (verdict := judge(ended, rang=False)).try_next:
        assert verdict.trunk is Outcome.FAULT
