"""The processes of a service: one that is being started anew does not take what another could answer."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from models.batching import Batcher, Priority
from models.engine import EngineDown, EngineError
from models.serving import ProcessPool

pytestmark = pytest.mark.virtual_time

RUN_S = 0.1


class Process:
    """Answers after a tenth of a second, or fails at once like one that is being started anew."""

    def __init__(self, *, healthy: bool = True) -> None:
        self.healthy = healthy
        self.runs = 0

    async def run(self, batch: Sequence[str]) -> list[str]:
        if not self.healthy:
            raise EngineDown("is not running")
        self.runs += 1
        await asyncio.sleep(RUN_S)
        if not self.healthy:
            raise EngineDown("died")
        return [request.upper() for request in batch]


@asynccontextmanager
async def served(*processes: Process) -> AsyncIterator[tuple[Batcher[str, str], ProcessPool[str, str]]]:
    pool: ProcessPool[str, str] = ProcessPool()
    for process in processes:
        stand_in: Any = process
        pool.add(stand_in)
    async with Batcher(pool.run, max_batch=1, at_once=len(processes), free=pool.free) as batcher:
        yield batcher, pool


async def outcomes(batcher: Batcher[str, str], requests: int, every_s: float) -> list[str]:
    async def one(number: int) -> str:
        await asyncio.sleep(number * every_s)
        try:
            return await batcher.submit("a", deadline_s=4)
        except EngineError as error:
            return type(error).__name__

    return await asyncio.gather(*(one(number) for number in range(requests)))


async def test_a_dead_process_takes_nothing_while_another_is_healthy() -> None:
    async with served(Process(), Process(healthy=False)) as (batcher, _):
        assert await outcomes(batcher, 20, 0.03) == ["A"] * 20


async def test_when_all_are_dead_it_is_said_at_once() -> None:
    async with served(Process(healthy=False), Process(healthy=False)) as (batcher, _):
        started = asyncio.get_running_loop().time()
        assert await outcomes(batcher, 5, 0) == ["EngineDown"] * 5
        assert asyncio.get_running_loop().time() == started


async def test_when_the_last_one_dies_those_who_wait_hear_of_it() -> None:
    alive, dead = Process(), Process(healthy=False)
    async with served(alive, dead) as (batcher, pool):
        waiting = asyncio.create_task(outcomes(batcher, 5, 0))
        await asyncio.sleep(RUN_S / 2)
        alive.healthy = False
        pool.wake()
        assert await waiting == ["EngineDown"] * 5


async def test_a_process_that_came_back_works_at_once() -> None:
    alive, dead = Process(), Process(healthy=False)
    async with served(alive, dead) as (batcher, pool):
        waiting = asyncio.create_task(outcomes(batcher, 4, 0))
        await asyncio.sleep(RUN_S / 2)
        dead.healthy = True
        pool.wake()
        assert await waiting == ["A"] * 4
        assert alive.runs == dead.runs == 2


async def test_what_waits_for_a_process_keeps_its_place_in_the_queue() -> None:
    """A more urgent request that comes meanwhile goes first."""
    async with served(Process(), Process(healthy=False)) as (batcher, _):
        order: list[str] = []

        async def one(name: str, priority: Priority) -> None:
            await batcher.submit(name, deadline_s=4, priority=priority)
            order.append(name)

        async with asyncio.TaskGroup() as group:
            group.create_task(one("running", Priority.FINAL))
            await asyncio.sleep(RUN_S / 4)
            group.create_task(one("partial", Priority.PARTIAL))
            await asyncio.sleep(RUN_S / 4)
            group.create_task(one("final", Priority.FINAL))
        assert order == ["running", "final", "partial"]
