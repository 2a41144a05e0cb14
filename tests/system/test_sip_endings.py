"""How calls that are up end, and what a lossy peer does to that; against sipp."""

import time
from pathlib import Path

import pytest

from telephony.line import Answered, DialRequest, Ended, EndKind, LineError, Ringing
from tests.system.sip_trunk import answered_leg, ending, started_trunk, until_ended
from tests.system.sipp import called_party
from tests.system.two_way_audio import SETTLED, converse, tone_share

NO_RETRANSMISSION = ("-nr",)
"""sipp hides lost messages by itself unless told not to."""


@pytest.mark.parametrize("cause", [None, 16])
async def test_the_far_end_hangs_up(tmp_path: Path, cause: int | None) -> None:
    reason = f'Reason: Q.850;cause={cause};text="Normal clearing"\n' if cause else ""
    async with started_trunk() as trunk, called_party("hang_up", tmp_path, reason=reason) as peer:
        leg = await trunk.dial(DialRequest(peer.uri))
        events = await until_ended(leg)
        assert [type(event) for event in events] == [Ringing, Answered, Ended]
        assert isinstance(events[-1], Ended)
        assert (events[-1].kind, events[-1].q850) == (EndKind.REMOTE_HANGUP, cause)
        await peer.finished()


async def test_closing_the_trunk_hangs_up_live_and_ringing_calls(tmp_path: Path) -> None:
    (tmp_path / "ring").mkdir()
    async with (
        started_trunk() as trunk,
        called_party("instant_answer", tmp_path, calls=3) as answering,
        called_party("ring", tmp_path / "ring", before_ms=0) as ringing,
    ):
        live = [await answered_leg(trunk, answering.uri) for _ in range(3)]
        pending = await trunk.dial(DialRequest(ringing.uri))
        assert isinstance(await pending.next_event(), Ringing)
        await trunk.close()
        assert [(await ending(leg)).kind for leg in live] == [EndKind.LOCAL_HANGUP] * 3
        assert (await ending(pending)).kind is EndKind.CANCELLED
        await answering.finished()
        await ringing.finished()
        with pytest.raises(LineError, match="not started"):
            await trunk.dial(DialRequest(answering.uri))


async def test_a_call_whose_ack_is_lost_is_acknowledged_again_and_works(tmp_path: Path) -> None:
    async with (
        started_trunk() as trunk,
        called_party("lost_ack", tmp_path, options=NO_RETRANSMISSION) as peer,
    ):
        leg = await answered_leg(trunk, peer.uri)
        (heard,) = await converse([leg], [900.0], ticks=90)  # past both retransmissions
        assert tone_share(heard[SETTLED:], 900.0) > 0.95
        await leg.hang_up()
        assert (await ending(leg)).kind is EndKind.LOCAL_HANGUP
        await peer.finished()
        assert len(peer.received("ACK")) == 3


async def test_a_lost_bye_is_sent_again(tmp_path: Path) -> None:
    async with (
        started_trunk() as trunk,
        called_party("lost_bye", tmp_path, options=NO_RETRANSMISSION) as peer,
    ):
        leg = await answered_leg(trunk, peer.uri)
        await leg.hang_up()
        assert (await ending(leg)).kind is EndKind.LOCAL_HANGUP
        await peer.finished()
        assert len(peer.received("BYE")) == 3


async def test_a_peer_that_never_answers_our_bye_does_not_keep_the_leg(tmp_path: Path) -> None:
    async with (
        started_trunk(channels=1) as trunk,
        called_party("unanswered_bye", tmp_path, options=NO_RETRANSMISSION) as peer,
    ):
        leg = await answered_leg(trunk, peer.uri)
        began = time.monotonic()
        await leg.hang_up()
        assert (await ending(leg)).kind is EndKind.LOCAL_HANGUP
        assert time.monotonic() - began < 3
        await peer.finished()
        async with called_party("instant_answer", tmp_path) as next_peer:  # the channel is free again
            leg = await answered_leg(trunk, next_peer.uri)
            await leg.hang_up()
            await next_peer.finished()


async def test_a_peer_that_wanted_its_session_refreshed_cuts_us_off_and_the_record_says_why(
    tmp_path: Path,
) -> None:
    async with (
        started_trunk() as trunk,
        called_party(
            "session_timer", tmp_path, cut_off_ms=1500, reason='Reason: SIP;cause=408;text="Expired"\n'
        ) as peer,
    ):
        leg = await answered_leg(trunk, peer.uri)
        ended = await ending(leg)
        assert ended.kind is EndKind.REMOTE_HANGUP
        assert "90" in ended.note
        await peer.finished()
