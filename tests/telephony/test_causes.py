"""SIP refusals as dispositions."""

import pytest

from telephony.line import EndKind
from telephony.sip.causes import end_kind, sip_status


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("486 Busy Here", EndKind.BUSY),
        ("600 Busy Everywhere", EndKind.BUSY),
        ("404 Not Found", EndKind.NOT_EXIST),
        ("410 Gone", EndKind.NOT_EXIST),
        ("484 Address Incomplete", EndKind.NOT_EXIST),
        ("604 Does Not Exist Anywhere", EndKind.NOT_EXIST),
        ("603 Decline", EndKind.REJECTED),
        ("607 Unwanted", EndKind.REJECTED),
        ("608 Rejected", EndKind.SPAM_LABELLED),
        ("403 Forbidden", EndKind.NETWORK_BLOCKED),
        ("438 Invalid Identity Header", EndKind.NETWORK_BLOCKED),
        ("487 Request Terminated", EndKind.CANCELLED),
        ("401 Unauthorized", EndKind.SIP_ERROR),
        ("488 Not Acceptable Here", EndKind.SIP_ERROR),
        ("302 Moved Temporarily", EndKind.SIP_ERROR),
        ("500 Server Internal Error", EndKind.SIP_ERROR),
        ("503 Service Unavailable", EndKind.SIP_ERROR),
        ("504 Server Time-out", EndKind.SIP_ERROR),
        ("Connection timed out [110]", EndKind.UNREACHABLE),
        ("Connection refused [111]", EndKind.UNREACHABLE),
        ("Protocol error [71]", EndKind.SIP_ERROR),
        ("", EndKind.SIP_ERROR),
    ],
)
def test_status_decides(text: str, kind: EndKind) -> None:
    assert end_kind(text, rang=False) is kind


@pytest.mark.parametrize("text", ["408 Request Timeout", "480 Temporarily Unavailable"])
def test_ringing_splits_not_answered_from_not_reached(text: str) -> None:
    assert end_kind(text, rang=True) is EndKind.NO_ANSWER
    assert end_kind(text, rang=False) is EndKind.UNREACHABLE


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('480 Temporarily Unavailable,Q.850;cause=19;text="No answer"', EndKind.NO_ANSWER),
        ("480 Temporarily Unavailable,Q.850 ;cause=20", EndKind.UNREACHABLE),
        ("503 Service Unavailable,Q.850;cause=17", EndKind.BUSY),
        ("403 Forbidden,Q.850;cause=21", EndKind.REJECTED),
        ("502 Bad Gateway,Q.850;cause=27", EndKind.OUT_OF_SERVICE),
        ("500 Server Internal Error,Q.850;cause=1", EndKind.NOT_EXIST),
        ("480 Subscriber switched off", EndKind.POWERED_OFF),
        ("480 用户已关机", EndKind.POWERED_OFF),
        ("480 Number out of service", EndKind.OUT_OF_SERVICE),
        ("500 空号", EndKind.NOT_EXIST),
        ("480 user is busy", EndKind.BUSY),
        # A Q.850 cause that says nothing about the person leaves the status its word.
        ("503 Service Unavailable,Q.850;cause=34", EndKind.SIP_ERROR),
        # What the status says definitely, a cause does not overrule.
        ("486 Busy Here,Q.850;cause=1", EndKind.BUSY),
    ],
)
def test_cause_and_words_refine_a_vague_status(text: str, kind: EndKind) -> None:
    assert end_kind(text, rang=False) is kind


@pytest.mark.parametrize(
    ("text", "status"), [("486 Busy Here", 486), ("486", 486), ("4860", None), ("rtp stream error", None)]
)
def test_status_is_read_from_the_start_of_the_text(text: str, status: int | None) -> None:
    assert sip_status(text) == status
