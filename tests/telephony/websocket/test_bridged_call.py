"""The life of a bridged call under every order of happenings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.call_steps import Events, Farewell
from telephony.line import (
    Answered,
    DigitPressed,
    Ended,
    EndKind,
    Held,
    LegEvent,
    MediaStatistics,
    Ringing,
    TransferFailed,
    Unheld,
)
from telephony.websocket.causes import from_freeswitch, from_q850, from_status
from telephony.websocket.originator import CallOver
from telephony.websocket.progress import BridgedCall

NOTHING = MediaStatistics()
AFTER_ANSWER = (EndKind.REMOTE_HANGUP, EndKind.LOCAL_HANGUP, EndKind.MEDIA_LOST, EndKind.TRANSFERRED)


def over(call: BridgedCall, kind: EndKind) -> Events:
    return call.over(0.0, CallOver(kind), NOTHING)


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
        case "held" | "back":
            return call.hold(0.0, held=what == "held")
        case "transfer":
            call.begin_transfer()
        case "transfer failed":
            return call.transfer_failed(0.0, 603, "Decline")
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
HAPPENINGS += ["held", "back", "transfer", "transfer failed"]


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
    for later in {DigitPressed, Held, Unheld, TransferFailed} & set(kinds):
        assert Answered in kinds[: kinds.index(later)]
    holds = [kind for kind in kinds if kind in (Held, Unheld)]
    assert all(kind is (Unheld if number % 2 else Held) for number, kind in enumerate(holds))
    assert kinds.count(TransferFailed) <= happenings.count("transfer")
    for event in events:
        if isinstance(event, Ended) and Answered in kinds:
            assert event.kind in AFTER_ANSWER
            assert event.kind is not EndKind.TRANSFERRED or "transfer" in happenings


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
        ("media,transfer", "completed", EndKind.TRANSFERRED),
        ("media,transfer,transfer failed", "completed", EndKind.REMOTE_HANGUP),
        ("media,transfer,hang up", "completed", EndKind.LOCAL_HANGUP),
        ("media,hang up,transfer", "completed", EndKind.LOCAL_HANGUP),
        ("ringing,transfer", "busy", EndKind.BUSY),
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
    assert from_q850(17, "User busy").q850 == 17
    assert from_q850(0, "Unknown").q850 is None
    busy = from_freeswitch("USER_BUSY", "17", "486")
    assert (busy.kind, busy.q850, busy.status) == (EndKind.BUSY, 17, 486)
    hung_up = from_freeswitch("NORMAL_CLEARING", "16", "200")
    assert (hung_up.kind, hung_up.q850, hung_up.status) == (EndKind.REMOTE_HANGUP, 16, None)
    # Causes of FreeSWITCH's own are no Q.850, and what is no number is none.
    assert from_freeswitch("MEDIA_TIMEOUT", "604", "x").q850 is None
    assert from_freeswitch("NEW_CAUSE", "28", "").kind is EndKind.NOT_EXIST


def test_the_end_names_bridge_status_and_cause() -> None:
    (ended,) = BridgedCall(trunk="acme").over(0.0, CallOver(EndKind.BUSY, 486, "Busy", 17), NOTHING)
    assert isinstance(ended, Ended)
    assert (ended.trunk, ended.status, ended.q850, ended.text) == ("acme", 486, 17, "Busy")
