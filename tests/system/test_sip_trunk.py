"""The SIP trunk against sipp: signalling. A scenario that sipp could not finish fails the test."""

import asyncio
import socket
from collections import Counter
from pathlib import Path

import pytest

from telephony.line import Answered, DialRequest, Ended, EndKind, LineError, Ringing
from telephony.sip.trunk import SipTrunk, SipTrunkConfig
from tests.system.sip_trunk import (
    answered_leg,
    ending,
    is_silent_after_the_end,
    started_trunk,
    until_ended,
)
from tests.system.sipp import CAPTURES, called_party, find_sipp, free_udp_ports


async def test_a_call_rings_is_answered_and_is_hung_up(tmp_path: Path) -> None:
    async with started_trunk() as trunk, called_party("answer", tmp_path, ring_ms=200) as peer:
        leg = await trunk.dial(DialRequest(peer.uri, {"X-Campaign": "42"}))
        ringing, answered = await leg.next_event(), await leg.next_event()
        assert isinstance(ringing, Ringing)
        assert isinstance(answered, Answered)
        assert 0.15 < answered.at - ringing.at < 2
        assert leg.leg_id
        await asyncio.sleep(0.3)
        await leg.hang_up()
        ended = await ending(leg)
        assert ended.kind is EndKind.LOCAL_HANGUP
        assert ended.statistics.packets_sent > 5
        assert ended.statistics.packets_received > 5
        assert ended.statistics.mos is not None
        assert ended.statistics.mos > 4
        await leg.hang_up()
        assert await is_silent_after_the_end(leg)
        await peer.finished()


async def test_early_media_is_reported(tmp_path: Path) -> None:
    async with started_trunk() as trunk, called_party("early_media", tmp_path, captures=CAPTURES) as peer:
        leg = await trunk.dial(DialRequest(peer.uri))
        ringing = await leg.next_event()
        assert isinstance(ringing, Ringing)
        assert ringing.early_media
        assert isinstance(await leg.next_event(), Answered)
        await leg.hang_up()
        await peer.finished()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("486 Busy Here", EndKind.BUSY),
        ("404 Not Found", EndKind.NOT_EXIST),
        ("503 Service Unavailable", EndKind.SIP_ERROR),
        ("603 Decline", EndKind.REJECTED),
        ("480 Temporarily Unavailable", EndKind.UNREACHABLE),
    ],
)
async def test_a_refusal_becomes_its_disposition(tmp_path: Path, status: str, kind: EndKind) -> None:
    async with (
        started_trunk() as trunk,
        called_party("refuse", tmp_path, status=status, reason="") as peer,
    ):
        ended = await ending(await trunk.dial(DialRequest(peer.uri)))
        assert (ended.kind, ended.status) == (kind, int(status[:3]))
        await peer.finished()


async def test_the_networks_own_cause_refines_a_vague_refusal(tmp_path: Path) -> None:
    reason = 'Reason: Q.850;cause=17;text="User busy"\n'
    async with (
        started_trunk() as trunk,
        called_party("refuse", tmp_path, status="480 Temporarily Unavailable", reason=reason) as peer,
    ):
        ended = await ending(await trunk.dial(DialRequest(peer.uri)))
        assert (ended.kind, ended.status) == (EndKind.BUSY, 480)


async def test_a_telephone_that_rings_out_is_cancelled(tmp_path: Path) -> None:
    async with started_trunk() as trunk, called_party("ring", tmp_path, before_ms=0) as peer:
        leg = await trunk.dial(DialRequest(peer.uri, ring_timeout_s=0.6))
        ringing, ended = await until_ended(leg)
        assert isinstance(ringing, Ringing)
        assert isinstance(ended, Ended)
        assert ended.kind is EndKind.NO_ANSWER
        assert 0.4 < ended.at - ringing.at < 2
        assert await is_silent_after_the_end(leg)
        await peer.finished()


@pytest.mark.parametrize("before_ms", [0, 300], ids=["ringing", "before any reply"])
async def test_hanging_up_before_the_answer_cancels(tmp_path: Path, before_ms: int) -> None:
    async with started_trunk() as trunk, called_party("ring", tmp_path, before_ms=before_ms) as peer:
        leg = await trunk.dial(DialRequest(peer.uri))
        if not before_ms:
            await leg.next_event()
        await leg.hang_up()
        assert (await ending(leg)).kind is EndKind.CANCELLED
        await peer.finished()


async def test_the_far_end_hangs_up(tmp_path: Path) -> None:
    async with started_trunk() as trunk, called_party("hang_up", tmp_path) as peer:
        leg = await trunk.dial(DialRequest(peer.uri))
        events = await until_ended(leg)
        assert [type(event) for event in events] == [Ringing, Answered, Ended]
        assert isinstance(events[-1], Ended)
        assert events[-1].kind is EndKind.REMOTE_HANGUP
        await peer.finished()


async def test_an_address_where_nobody_listens_is_unreachable() -> None:
    async with started_trunk() as trunk:
        leg = await trunk.dial(DialRequest(f"sip:1@127.0.0.1:{free_udp_ports()}", ring_timeout_s=0.5))
        assert (await ending(leg)).kind is EndKind.UNREACHABLE


async def test_instant_answers_are_never_lost(tmp_path: Path) -> None:
    """The stack can report an answer before `dial` has returned: 60 calls meet that race."""
    calls = 60
    async with started_trunk() as trunk, called_party("instant_answer", tmp_path, calls=calls) as peer:
        legs = await asyncio.gather(*(trunk.dial(DialRequest(peer.uri)) for _ in range(calls)))
        async with asyncio.timeout(10):
            firsts = [await leg.next_event() for leg in legs]
        assert Counter(type(event) for event in firsts) == {Answered: calls}
        assert len({leg.leg_id for leg in legs}) == calls
        await asyncio.gather(*(leg.hang_up() for leg in legs))
        ends = [await ending(leg) for leg in legs]
        assert Counter(ended.kind for ended in ends) == {EndKind.LOCAL_HANGUP: calls}
        await peer.finished()


async def test_instant_refusals_are_never_lost(tmp_path: Path) -> None:
    calls = 60
    async with (
        started_trunk() as trunk,
        called_party("refuse", tmp_path, calls=calls, status="503 Service Unavailable", reason="") as peer,
    ):
        legs = await asyncio.gather(*(trunk.dial(DialRequest(peer.uri)) for _ in range(calls)))
        ends = [await ending(leg) for leg in legs]
        assert Counter(ended.kind for ended in ends) == {EndKind.SIP_ERROR: calls}
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


async def test_a_cancelled_dial_leaves_no_ringing_telephone(tmp_path: Path) -> None:
    async with started_trunk() as trunk, called_party("ring", tmp_path, before_ms=0) as peer:
        dialling = asyncio.create_task(trunk.dial(DialRequest(peer.uri)))
        await asyncio.sleep(0)  # the INVITE is on its way, the leg not yet there
        dialling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dialling
        await peer.finished()


async def test_incoming_calls_are_refused(tmp_path: Path) -> None:
    port, errors = free_udp_ports(), tmp_path / "caller.errors"
    trunk = SipTrunk(SipTrunkConfig(local_port=port))
    await trunk.start()
    try:
        caller = await asyncio.create_subprocess_exec(
            *(find_sipp(), "-sn", "uac", f"127.0.0.1:{port}", "-s", "voicebot", "-i", "127.0.0.1", "-m", "1"),
            *("-p", str(free_udp_ports()), "-nostdin", "-trace_err", "-error_file", errors),
            cwd=tmp_path,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(10):
            assert await caller.wait() != 0
        assert "486 Busy Here" in errors.read_text(errors="replace")
    finally:
        await trunk.close()


async def test_a_trunk_starts_again_after_closing(tmp_path: Path) -> None:
    trunk = SipTrunk(SipTrunkConfig(local_port=free_udp_ports()))
    for _ in range(3):
        await trunk.start()
        await trunk.close()
    await trunk.start()
    async with called_party("refuse", tmp_path, status="486 Busy Here", reason="") as peer:
        assert (await ending(await trunk.dial(DialRequest(peer.uri)))).kind is EndKind.BUSY
    await trunk.close()
    await trunk.close()


async def test_a_port_in_use_is_one_clear_fault() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        trunk = SipTrunk(SipTrunkConfig(local_port=port))
        with pytest.raises(LineError, match=f"{port}.*local_port"):
            await trunk.start()
    await trunk.start()
    await trunk.close()


async def test_two_trunks_run_side_by_side(tmp_path: Path) -> None:
    async with (
        started_trunk(user="one") as one,
        started_trunk(user="two") as two,
        called_party("instant_answer", tmp_path, calls=2) as peer,
    ):
        legs = [await answered_leg(trunk, peer.uri) for trunk in (one, two)]
        for leg in legs:
            await leg.hang_up()
            assert (await ending(leg)).kind is EndKind.LOCAL_HANGUP
        await peer.finished()


async def test_a_hostile_address_never_reaches_the_wire() -> None:
    async with started_trunk() as trunk:
        with pytest.raises(LineError, match="SIP address"):
            await trunk.dial(DialRequest("sip:1@127.0.0.1\r\nX-Evil: 1"))
        with pytest.raises(LineError, match="not allowed"):
            await trunk.dial(DialRequest("sip:1@127.0.0.1", {"Route": "<sip:evil>"}))
