"""An engine in processes of its own with one batcher in front: what calls talk to is built on it."""

from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Generic, TypeVar

from models.batching import Batcher, BatcherMetrics, Priority
from models.engine import Engine, EngineError
from models.engine_process import EngineProcess

Request = TypeVar("Request")
Result = TypeVar("Result")


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
    started: list[EngineProcess[Request, Result]] = []
    async with AsyncExitStack() as stack:
        for _ in range(processes):
            process: EngineProcess[Request, Result] = EngineProcess(factory, name=name, nice=nice)
            stack.push_async_callback(process.close)
            await process.start()
            started.append(process)
        batcher = await stack.enter_async_context(
            Batcher(
                partial(_run_on_idle, list(started)),
                max_batch=max_batch,
                max_queue=max_queue,
                at_once=processes,
                key=key,
            )
        )
        yield EngineService(started, batcher)


async def _run_on_idle(
    idle: list[EngineProcess[Request, Result]], batch: Sequence[Request]
) -> list[Result | EngineError]:
    """Not on one that is being restarted while another could do it. There are as many as batches at once."""
    process = next((each for each in idle if each.healthy), idle[0])
    idle.remove(process)
    try:
        return await process.run(batch)
    finally:
        idle.append(process)
