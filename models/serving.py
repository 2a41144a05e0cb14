"""An engine in processes of its own with one batcher in front: what calls talk to is built on it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Generic, TypeVar

from models.batching import Batcher, BatcherMetrics, Priority
from models.engine import Engine, EngineError
from models.engine_process import EngineProcess

Request = TypeVar("Request")
Result = TypeVar("Result")


class ProcessPool(Generic[Request, Result]):
    """Gives each batch a process that is idle and healthy: one that is being started anew gets none while
    another is healthy, which would fail at once what the other could soon answer."""

    def __init__(self) -> None:
        self.processes: list[EngineProcess[Request, Result]] = []
        self._idle: list[EngineProcess[Request, Result]] = []
        self._changed = asyncio.Event()

    def add(self, process: EngineProcess[Request, Result]) -> None:
        self.processes.append(process)
        self._idle.append(process)
        self.wake()

    def wake(self) -> None:
        """Have those who wait look again: a process became idle, died or came back."""
        self._changed.set()
        self._changed.clear()

    async def free(self) -> None:
        """Until `run` finds a process that can answer, or none is left that could."""
        while not any(process.healthy for process in self._idle) and any(
            process.healthy for process in self.processes
        ):
            await self._changed.wait()

    async def run(self, batch: Sequence[Request]) -> list[Result | EngineError]:
        """After `free`, at most one batch for each process. Raises EngineDown."""
        process = next((each for each in self._idle if each.healthy), self._idle[0])
        self._idle.remove(process)
        try:
            return await process.run(batch)
        finally:
            self._idle.append(process)
            self.wake()


class EngineService(Generic[Request, Result]):
    """Answers single requests of many calls. Made by `serve`."""

    def __init__(
        self, processes: Sequence[EngineProcess[Request, Result]], batcher: Batcher[Request, Result]
    ) -> None:
        self._processes = processes
        self._batcher = batcher

    async def submit(self, request: Request, *, deadline_s: float, priority: int = Priority.FINAL) -> Result:
        """Raises EngineDown, EngineOverloaded, EngineLate, or EngineError when the engine failed on it."""
        return await self._batcher.submit(request, deadline_s=deadline_s, priority=priority)

    def hurry(self, request: Request, priority: int = Priority.FINAL) -> None:
        """Make requests equal to this one at least so urgent, as far as they are still waiting."""
        self._batcher.hurry(request, priority)

    @property
    def healthy(self) -> bool:
        """True while at least one process can answer."""
        return any(process.healthy for process in self._processes)

    @property
    def pid(self) -> int | None:
        """Of the first process."""
        return self._processes[0].pid

    @property
    def expected_wait_s(self) -> float:
        """How long a new request would wait before its turn comes, by what earlier ones took."""
        return self._batcher.expected_wait_s

    @property
    def metrics(self) -> BatcherMetrics:
        return self._batcher.metrics


@asynccontextmanager
async def serve(
    factory: Callable[[], Engine[Request, Result]],
    *,
    name: str,
    max_batch: int = 8,
    max_queue: int = 64,
    processes: int = 1,
    nice: int = 0,
    key: Callable[[Request], Hashable] | None = None,
) -> AsyncIterator[EngineService[Request, Result]]:
    """Start the engine, serve it, end it. Raises EngineDown with the engine's message if it does not load.

    Each of the processes has an engine of its own and runs a batch of its own; they share the queue.
    """
    pool: ProcessPool[Request, Result] = ProcessPool()
    async with AsyncExitStack() as stack:
        for _ in range(processes):
            process = EngineProcess(factory, name=name, nice=nice, on_change=pool.wake)
            stack.push_async_callback(process.close)
            await process.start()
            pool.add(process)
        batcher = await stack.enter_async_context(
            Batcher(
                pool.run,
                max_batch=max_batch,
                max_queue=max_queue,
                at_once=processes,
                key=key,
                free=pool.free,
            )
        )
        yield EngineService(pool.processes, batcher)
