"""The SIP trunk as such: what it takes to start, what it refuses, and that it leaves nothing behind."""

import asyncio
import socket
from pathlib import Path

import pytest

from telephony.line import DialRequest, EndKind, LineError
from telephony.sip.trunk import SipTrunk, SipTrunkConfig
from tests.system.sip_trunk import answered_leg, ending, started_trunk
from tests.system.sipp import called_party, find_sipp, free_udp_ports


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
    async with called_party("refuse", tmp_path, status="486 Busy Here") as peer:
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
