"""The life of a bridged call under every order of happenings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.line import Answered, DigitPressed, Ended, EndKind, LegEvent, MediaStatistics, Ringing
from telephony.websocket.causes import from_freeswitch, from_q850, from_status
from telephony.websocket.progress import BridgedCall, Events, Farewell

NOTHING = MediaStatistics()


def over(call: BridgedCall, kind: EndKind) -> Events:
    return call.over(0.0, kind, None, "", NOTHING)


def happen(call: BridgedCall, what: str) -> Events:
    match what:
        case "ringing":
            return call.ringing(0.0, early_media=False)
        case "early media":
            return call.ringing(0.0, early_media=True)
        case "media":
            return call.media_started(0.0)
        case "digit":
            return call.digit(0.0, "5")
        case "connected":
            call.connected = True
        case "hang up":
            call.say_farewell(Farewell.HANG_UP)
        case "ring out":
            call.say_farewell(Farewell.RING_TIMEOUT)
        case kind:
            return over(call, EndKind(kind))
    return ()


HAPPENINGS = ["ringing", "early media", "media", "digit", "connected", "hang up", "ring out"]


@given(st.lists(st.sampled_from([*HAPPENINGS, "busy", "remote_hangup", "media_lost"]), max_size=12))
def test_events_come_in_order_and_the_end_once(happenings: list[str]) -> None:
    call = BridgedCall()
    events: list[LegEvent] = [event for what in happenings for event in happen(call, what)]
    kinds = [type(event) for event in events]
    assert kinds.count(Ended) <= 1
    assert kinds.count(Answered) <= 1
    if Ended in kinds:
        assert kinds[-1] is Ended
    if Answered in kinds:
        assert Ringing not in kinds[kinds.index(Answered) :]
    if DigitPressed in kinds:
        assert Answered in kinds[: kinds.index(DigitPressed)]
    for event in events:
        if isinstance(event, Ended) and Answered in kinds:
            assert event.kind in (EndKind.REMOTE_HANGUP, EndKind.LOCAL_HANGUP, EndKind.MEDIA_LOST)


@pytest.mark.parametrize(
    ("before", "last", "kind"),
    [
        ("ringing", "busy", EndKind.BUSY),
        ("ringing,hang up", "canceled", EndKind.CANCELLED),
        ("ringing,hang up", "busy", EndKind.BUSY),
        ("ringing,ring out", "completed", EndKind.NO_ANSWER),
        ("ring out", "no-answer", EndKind.UNREACHABLE),
        ("connected", "completed", EndKind.MEDIA_LOST),
        ("media,hang up", "completed", EndKind.LOCAL_HANGUP),
        ("media", "completed", EndKind.REMOTE_HANGUP),
        ("media", "failed", EndKind.REMOTE_HANGUP),
    ],
)
def test_the_end_is_what_happened(before: str, last: str, kind: EndKind) -> None:
    call = BridgedCall()
    for what in before.split(","):
        happen(call, what)
    report = from_status("X", last, "")
    assert report
    (ended,) = over(call, report.kind)
    assert isinstance(ended, Ended)
    assert ended.kind is kind


def test_causes_of_providers() -> None:
    failed = from_status("X", "failed", "404")
    assert failed
    assert (failed.kind, failed.status) == (EndKind.NOT_EXIST, 404)
    assert from_status("X", "queued", "") is None
    assert from_q850(17, "User busy").kind is EndKind.BUSY
    assert from_q850(16, "").kind is EndKind.REMOTE_HANGUP
    assert from_q850(999, "").kind is EndKind.SIP_ERROR
    assert from_freeswitch("UNALLOCATED_NUMBER").kind is EndKind.NOT_EXIST
    assert from_freeswitch("ORIGINATOR_CANCEL").kind is EndKind.CANCELLED
    assert from_freeswitch("WHATEVER").kind is EndKind.SIP_ERROR
