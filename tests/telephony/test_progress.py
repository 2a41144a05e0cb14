"""The life of a call under every order of happenings."""

from hypothesis import given
from hypothesis import strategies as st

from telephony.call_steps import Farewell
from telephony.line import Answered, DigitPressed, Ended, EndKind, LegEvent, MediaStatistics, Ringing
from telephony.sip.progress import CallProgress

STATISTICS = MediaStatistics(packets_sent=7)

HAPPENINGS = {
    "180": lambda call, at: call.ringing(at, early_media=False),
    "183": lambda call, at: call.ringing(at, early_media=True),
    "200": lambda call, at: call.media_started(at),
    "digit": lambda call, at: call.digit(at, "5"),
    "no digit": lambda call, at: call.digit(at, "?"),
    "486": lambda call, at: call.closed(at, "486 Busy Here", STATISTICS),
    "487": lambda call, at: call.closed(at, "487 Request Terminated", STATISTICS),
    "BYE": lambda call, at: call.closed(at, "Connection reset by peer [104]", STATISTICS),
    "no RTP": lambda call, at: call.closed(at, "rtp stream error", STATISTICS),
    "closed by us": lambda call, at: call.closed(at, "Rejected by user", STATISTICS),
    "stack died": lambda call, at: call.lost(at, "SIP stack died"),
}
FAREWELLS = {
    "hang up": Farewell.HANG_UP,
    "ring timeout": Farewell.RING_TIMEOUT,
    "no media": Farewell.NO_MEDIA,
}
BEFORE_ANSWER = set(list(EndKind)[: list(EndKind).index(EndKind.CANCELLED) + 1])


def live(happenings: list[str]) -> list[LegEvent]:
    call = CallProgress()
    events: list[LegEvent] = []
    for at, name in enumerate(happenings):
        if name in FAREWELLS:
            call.say_farewell(FAREWELLS[name])
        else:
            events += HAPPENINGS[name](call, float(at))
    return events


def end_of(*happenings: str) -> Ended:
    ended = live(list(happenings))[-1]
    assert isinstance(ended, Ended)
    return ended


@given(st.lists(st.sampled_from([*HAPPENINGS, *FAREWELLS])))
def test_any_order_gives_a_well_formed_call(happenings: list[str]) -> None:
    events = live(happenings)
    kinds = [type(event) for event in events]
    assert kinds.count(Answered) <= 1
    assert kinds.count(Ended) <= 1
    assert kinds.count(Ringing) <= 2
    assert [event.at for event in events] == sorted(event.at for event in events)
    for event in events[:-1]:
        assert not isinstance(event, Ended)
    if Answered in kinds:
        assert Ringing not in kinds[kinds.index(Answered) :]
    if Ended in kinds:
        ended = events[-1]
        assert isinstance(ended, Ended)
        assert (ended.kind in BEFORE_ANSWER) == (Answered not in kinds)
        assert ended.text


def test_the_usual_calls() -> None:
    assert end_of("180", "200", "BYE").kind is EndKind.REMOTE_HANGUP
    assert end_of("180", "200", "hang up", "closed by us").kind is EndKind.LOCAL_HANGUP
    assert end_of("180", "200", "no RTP").kind is EndKind.MEDIA_LOST
    assert end_of("486").kind is EndKind.BUSY
    assert end_of("180", "hang up", "closed by us").kind is EndKind.CANCELLED
    assert end_of("180", "ring timeout", "closed by us").kind is EndKind.NO_ANSWER


def test_a_ring_timeout_without_ringing_never_reached_a_telephone() -> None:
    assert end_of("ring timeout", "closed by us").kind is EndKind.UNREACHABLE


def test_a_call_in_which_no_audio_ever_came_is_lost() -> None:
    for end in ("closed by us", "stack died"):
        ended = end_of("200", "no media", end)
        assert ended.kind is EndKind.MEDIA_LOST
    assert end_of("200", "no media", "closed by us").text == "no audio came after the answer"
    assert not CallProgress().say_farewell(Farewell.NO_MEDIA)


def test_a_refusal_that_crosses_our_cancel_is_the_truth() -> None:
    assert end_of("180", "ring timeout", "486").kind is EndKind.BUSY
    assert end_of("180", "ring timeout", "487").kind is EndKind.NO_ANSWER
    assert end_of("180", "hang up", "487").kind is EndKind.CANCELLED


def test_an_answer_that_crosses_our_cancel_was_an_answer() -> None:
    events = live(["180", "ring timeout", "200", "closed by us"])
    assert [type(event) for event in events] == [Ringing, Answered, Ended]
    assert end_of("180", "ring timeout", "200", "closed by us").kind is EndKind.LOCAL_HANGUP


def test_a_dead_stack_ends_calls_by_their_state() -> None:
    assert end_of("180", "stack died").kind is EndKind.SIP_ERROR
    assert end_of("200", "stack died").kind is EndKind.MEDIA_LOST
    assert end_of("200", "hang up", "stack died").kind is EndKind.LOCAL_HANGUP


def test_we_send_one_cancel_or_bye_at_most() -> None:
    call = CallProgress()
    assert call.say_farewell(Farewell.RING_TIMEOUT)
    assert not call.say_farewell(Farewell.HANG_UP)
    answered = CallProgress()
    answered.media_started(0.0)
    assert not answered.say_farewell(Farewell.RING_TIMEOUT)
    assert answered.say_farewell(Farewell.HANG_UP)


def test_only_digits_are_digits() -> None:
    call = CallProgress()
    assert call.digit(0.0, "5") == (), "nobody has answered"
    call.media_started(0.5)
    heard = [event for digit in "05#*aD?\r" for event in call.digit(1.0, digit)]
    assert [event.digit for event in heard if isinstance(event, DigitPressed)] == list("05#*AD")


def test_the_end_keeps_status_statistics_and_a_short_text() -> None:
    (ended,) = CallProgress().closed(3.0, "486 " + "x" * 1000, STATISTICS)
    assert isinstance(ended, Ended)
    assert (ended.at, ended.status, ended.statistics) == (3.0, 486, STATISTICS)
    assert len(ended.text) == 200


def test_what_a_peer_says_cannot_steer_a_terminal() -> None:
    (ended,) = CallProgress().closed(3.0, "486 \x1b[31mBusy\r", STATISTICS)
    assert isinstance(ended, Ended)
    assert ended.text == "486  [31mBusy "


def test_a_redirection_that_crosses_our_cancel_is_our_own_end() -> None:
    call = CallProgress()
    call.say_farewell(Farewell.HANG_UP)
    (ended,) = call.closed(3.0, "302 Moved Temporarily", STATISTICS)
    assert isinstance(ended, Ended)
    assert ended.kind is EndKind.CANCELLED
