"""Worker processes of a SIP trunk: calls are spread, and a worker that dies takes nothing else with it."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from telephony.line import DialRequest, Ended, EndKind, LineBusy, LineError, Ringing
from telephony.routing.failover import judge
from telephony.sip.media_rings import MediaMemory
from telephony.sip.trunk import SipTrunk, SipTrunkConfig
from telephony.sip.worker import Worker
from telephony.sip.worker_messages import Setup
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


async def test_a_worker_whose_stack_is_dead_makes_room_for_another() -> None:
    class DeadStack:
        calls: tuple[object, ...] = ()
        closed = False

        async def watch(self) -> None:
            """It is dead already."""

        async def close(self) -> None:
            self.closed = True

    memory = MediaMemory(1)
    reader = asyncio.StreamReader()  # the parent says nothing and does not go
    setup = Setup(SipTrunkConfig(), 5070, 1)
    worker = Worker(setup, memory, cast(asyncio.StreamWriter, None))
    worker._stack = stack = cast(Any, DeadStack())
    async with asyncio.timeout(5):
        await worker.serve(reader)
    assert stack.closed
    memory.close()


async def test_a_tls_trunk_listens_on_the_port_that_it_was_given() -> None:
    trunk = SipTrunk(
        SipTrunkConfig(local_port=(port := free_udp_ports(2)), transport="tls", tls_verify=False)
    )
    await trunk.start()
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        with pytest.raises(LineError, match=str(port)):
            SipTrunkConfig(local_port=port, transport="tls").check_port()
    finally:
        await trunk.close()


async def test_calls_that_were_ringing_when_their_worker_died_are_cancelled_and_no_fault_of_the_trunk(
    tmp_path: Path,
) -> None:
    async with started_trunk(channels=1) as trunk, called_party("ring", tmp_path, before_ms=0) as peer:
        leg = await trunk.dial(DialRequest(peer.uri))
        assert isinstance(await leg.next_event(), Ringing)
        pid = trunk.workers[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        ended = await ending(leg)
        assert ended.kind is EndKind.CANCELLED
        assert "worker died" in ended.note
        assert judge(ended, rang=False) == judge(Ended(0.0, EndKind.CANCELLED), rang=False)
        await leg.hang_up()


async def test_a_leg_may_be_flushed_and_hung_up_while_its_trunk_closes(tmp_path: Path) -> None:
    async with started_trunk(channels=1) as trunk, called_party("answer", tmp_path, ring_ms=0) as peer:
        leg = await answered_leg(trunk, peer.uri)
        closing = asyncio.create_task(trunk.close())
        for _ in range(20):
            leg.flush()
            await leg.hang_up()
            await asyncio.sleep(0.01)
        await closing
        assert (await ending(leg)).kind is EndKind.LOCAL_HANGUP
