"""The far end puts us on hold and takes us back, by re-INVITE and by UPDATE; against sipp."""

import asyncio
from pathlib import Path

import pytest

from telephony.line import Ended, EndKind, Held, Unheld
from tests.system.sip_trunk import answered_leg, ending, started_trunk, until_ended
from tests.system.sipp import called_party
from tests.system.two_way_audio import SETTLED, converse, tone_share


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
@pytest.mark.parametrize("scenario", ["hold_reinvite", "hold_update"])
async def test_hold_is_told_and_the_call_talks_again_after_it(
    tmp_path: Path, scenario: str, direction: str
) -> None:
    async with started_trunk() as trunk, called_party(scenario, tmp_path, direction=direction) as peer:
        leg = await answered_leg(trunk, peer.uri)
        async with asyncio.timeout(5):
            held, unheld = await leg.next_event(), await leg.next_event()
        assert isinstance(held, Held)
        assert isinstance(unheld, Unheld)
        assert 0.5 < unheld.at - held.at < 1.5
        (heard,) = await converse([leg], [700.0], ticks=60)
        assert tone_share(heard[SETTLED:], 700.0) > 0.95
        await leg.hang_up()
        assert (await ending(leg)).kind is EndKind.LOCAL_HANGUP
        await peer.finished()
        answers = [message for message in peer.received("SIP/2.0 200") if "a=" in message]
        assert len(answers) == 2
        mirrored = {"sendonly": "a=recvonly", "inactive": "a=inactive"}[direction]
        assert mirrored in answers[0]
        assert "a=sendrecv" in answers[1]


async def test_whoever_hangs_up_while_holding_has_hung_up(tmp_path: Path) -> None:
    async with started_trunk() as trunk, called_party("hold_and_hang_up", tmp_path) as peer:
        leg = await answered_leg(trunk, peer.uri)
        held, ended = await until_ended(leg)
        assert isinstance(held, Held)
        assert isinstance(ended, Ended)
        assert ended.kind is EndKind.REMOTE_HANGUP
        await peer.finished()


async def test_a_held_call_is_not_taken_for_one_without_media(tmp_path: Path) -> None:
    """Whoever holds us may send nothing for longer than RTP may otherwise be missing."""
    async with (
        started_trunk(rtp_timeout_s=1) as trunk,
        called_party("hold_reinvite", tmp_path, direction="inactive", hold_ms=2500, echo=True) as peer,
    ):
        leg = await answered_leg(trunk, peer.uri)
        async with asyncio.timeout(6):
            held, unheld = await leg.next_event(), await leg.next_event()
        assert isinstance(held, Held)
        assert isinstance(unheld, Unheld)
        await leg.hang_up()
        await peer.finished()
