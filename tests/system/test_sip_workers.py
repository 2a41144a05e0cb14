"""Worker processes of a SIP trunk: calls are spread, and a worker that dies takes nothing else with it."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from telephony.line import DialRequest, EndKind, LineBusy
from tests.system.processes import until_gone
from tests.system.sip_trunk import answered_leg, ending, started_trunk
from tests.system.sipp import called_party, free_udp_ports

SERVICE = """
import asyncio, sys
from telephony.sip.trunk import SipTrunk, SipTrunkConfig
from tests.system.sip_trunk import answered_leg

async def main():
    trunk = SipTrunk(SipTrunkConfig(local_port=int(sys.argv[2]), channels=1))
    await trunk.start()
    await answered_leg(trunk, sys.argv[1])
    print(trunk.workers[0].pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_calls_are_spread_over_the_workers(tmp_path: Path) -> None:
    async with (
        started_trunk(channels=5, calls_per_worker=2) as trunk,
        called_party("instant_answer", tmp_path, calls=5) as peer,
    ):
        assert [worker.slots for worker in trunk.workers] == [2, 2, 1]
        legs = [await answered_leg(trunk, peer.uri) for _ in range(5)]
        assert [worker.calls for worker in trunk.workers] == [2, 2, 1]
        with pytest.raises(LineBusy, match="5 channels"):
            await trunk.dial(DialRequest(peer.uri))
        for leg in legs:
            await leg.hang_up()
            assert (await ending(leg)).kind is EndKind.LOCAL_HANGUP
        assert [worker.free for worker in trunk.workers] == [2, 2, 1]
        await peer.finished()


async def test_a_dead_workers_calls_end_and_its_channels_come_back(tmp_path: Path) -> None:
    async with (
        started_trunk(channels=2, calls_per_worker=1) as trunk,
        called_party("instant_answer", tmp_path, calls=3) as peer,
    ):
        legs = [await answered_leg(trunk, peer.uri) for _ in range(2)]
        victim = trunk.workers[0]
        pid = victim.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        ended = await ending(legs[0])
        assert ended.kind is EndKind.MEDIA_LOST
        assert "worker died" in ended.text
        async with asyncio.timeout(10):
            while not victim.free:  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.05)
        assert victim.restarts == 1
        replacement = await answered_leg(trunk, peer.uri)
        for leg in (replacement, legs[1]):
            await leg.hang_up()
            assert (await ending(leg)).kind is EndKind.LOCAL_HANGUP


async def test_a_worker_that_hangs_is_killed_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telephony.sip.worker_process.LONGEST_PAUSE_S", 0.5)
    async with started_trunk(channels=1) as trunk, called_party("instant_answer", tmp_path) as peer:
        leg = await answered_leg(trunk, peer.uri)
        (worker,) = trunk.workers
        pid = worker.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        assert (await ending(leg)).kind is EndKind.MEDIA_LOST
        await until_gone([pid], 5)


async def test_a_service_that_is_killed_leaves_no_call_and_no_process(tmp_path: Path) -> None:
    async with called_party("answer", tmp_path, ring_ms=0) as peer:
        service = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", SERVICE, peer.uri, str(free_udp_ports())), stdout=asyncio.subprocess.PIPE
        )
        assert service.stdout is not None
        worker = int(await asyncio.wait_for(service.stdout.readline(), 15))
        service.kill()
        await service.wait()
        await peer.finished()  # the worker said goodbye
        await until_gone([worker], 10)
