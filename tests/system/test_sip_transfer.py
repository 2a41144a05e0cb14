"""Blind transfer by REFER, and how differently switches take it; against sipp."""

import asyncio
import re
import time
from pathlib import Path

import pytest

from telephony.line import Ended, EndKind, LineError, TransferFailed
from tests.system.sip_trunk import answered_leg, ending, started_trunk, until_ended
from tests.system.sipp import called_party
from tests.system.two_way_audio import SETTLED, converse, tone_share

COLLEAGUE = "sip:colleague@127.0.0.1"


async def test_a_transfer_that_the_far_end_reports_done_ends_the_call(tmp_path: Path) -> None:
    async with started_trunk() as trunk, called_party("transfer", tmp_path, outcome="200 OK") as peer:
        leg = await answered_leg(trunk, peer.uri)
        await leg.transfer(COLLEAGUE)
        (ended,) = await until_ended(leg)
        assert isinstance(ended, Ended)
        assert ended.kind is EndKind.TRANSFERRED
        assert not ended.note
        await peer.finished()
        assert re.search(rf"^Refer-To: <?{re.escape(COLLEAGUE)}>?$", peer.received("REFER")[0], re.MULTILINE)


@pytest.mark.parametrize(
    ("scenario", "status"),
    [
        ("transfer", "486 Busy Here"),
        ("transfer", "503 Service Unavailable"),
        ("transfer_refused", "603 Decline"),
        ("transfer_refused", "405 Method Not Allowed"),
    ],
)
async def test_after_a_transfer_that_failed_or_was_refused_the_call_goes_on(
    tmp_path: Path, scenario: str, status: str
) -> None:
    async with (
        started_trunk() as trunk,
        called_party(scenario, tmp_path, outcome=status, status=status) as peer,
    ):
        leg = await answered_leg(trunk, peer.uri)
        await leg.transfer(COLLEAGUE)
        async with asyncio.timeout(5):
            failed = await leg.next_event()
        assert isinstance(failed, TransferFailed)
        assert failed.status == int(status[:3])
        (heard,) = await converse([leg], [700.0], ticks=50)
        assert tone_share(heard[SETTLED:], 700.0) > 0.95
        await leg.hang_up()
        assert (await ending(leg)).kind is EndKind.LOCAL_HANGUP
        await peer.finished()


async def test_a_peer_that_accepts_and_says_no_more_is_believed_after_a_while(tmp_path: Path) -> None:
    async with (
        started_trunk(transfer_timeout_s=1.0) as trunk,
        called_party("transfer_untold", tmp_path) as peer,
    ):
        leg = await answered_leg(trunk, peer.uri)
        began = time.monotonic()
        await leg.transfer(COLLEAGUE)
        (ended,) = await until_ended(leg)
        assert isinstance(ended, Ended)
        assert ended.kind is EndKind.TRANSFERRED
        assert ended.note
        assert 0.8 < time.monotonic() - began < 3
        await peer.finished()


async def test_a_peer_that_has_begun_to_report_is_waited_for(tmp_path: Path) -> None:
    """It says 100 at once, and how it went after longer than silence is believed."""
    async with (
        started_trunk(transfer_timeout_s=0.15) as trunk,
        called_party("transfer", tmp_path, outcome="486 Busy Here") as peer,
    ):
        leg = await answered_leg(trunk, peer.uri)
        await leg.transfer("sip:agent@127.0.0.1")
        async with asyncio.timeout(5):
            failed = await leg.next_event()
        assert isinstance(failed, TransferFailed)
        assert failed.status == 486
        await leg.hang_up()
        assert (await ending(leg)).kind is EndKind.LOCAL_HANGUP


async def test_a_peer_that_accepts_and_hangs_up_has_taken_the_call_over(tmp_path: Path) -> None:
    async with started_trunk() as trunk, called_party("transfer_and_hang_up", tmp_path) as peer:
        leg = await answered_leg(trunk, peer.uri)
        await leg.transfer(COLLEAGUE)
        (ended,) = await until_ended(leg)
        assert isinstance(ended, Ended)
        assert ended.kind is EndKind.TRANSFERRED
        await peer.finished()


async def test_a_hostile_target_never_reaches_the_wire(tmp_path: Path) -> None:
    async with started_trunk() as trunk, called_party("instant_answer", tmp_path) as peer:
        leg = await answered_leg(trunk, peer.uri)
        for target in ("sip:a@127.0.0.1\r\nX-Evil: 1", "sip:a@127.0.0.1?Replaces=x", "http://127.0.0.1/"):
            with pytest.raises(LineError, match="SIP address"):
                await leg.transfer(target)
        await leg.hang_up()
        await peer.finished()
