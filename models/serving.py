"""An engine in its own process with a batcher in front: recognisers, speakers and classifiers build on it."""

from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from models.batching import Batcher, BatcherMetrics, Priority
from models.engine import Engine
from models.engine_process import EngineProcess

Request = TypeVar("Request")
Result = TypeVar("Result")


class EngineService(Generic[Request, Result]):
    """Answers single requests of many calls. Made by `serve`."""

    def __init__(self, process: EngineProcess[Request, Result], batcher: Batcher[Request, Result]) -> None:
        self._process = process
        self._batcher = batcher

    async def submit(self, request: Request, *, deadline_s: float, priority: int = Priority.FINAL) -> Result:
        """Raises EngineDown, EngineOverloaded, EngineLate, or EngineError when the engine failed on it."""
        return await self._batcher.submit(request, deadline_s=deadline_s, priority=priority)

    @property
    def healthy(self) -> bool:
        return self._process.healthy

    @property
    def pid(self) -> int | None:
        return self._process.pid

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
    nice: int = 0,
    key: Callable[[Request], Hashable] | None = None,
) -> AsyncIterator[EngineService[Request, Result]]:
    """Start the engine, serve it, end it. Raises EngineDown with the engine's message if it does not load."""
    process: EngineProcess[Request, Result] = EngineProcess(factory, name=name, nice=nice)
    await process.start()
    try:
        async with Batcher(process.run, max_batch=max_batch, max_queue=max_queue, key=key) as batcher:
            yield EngineService(process, batcher)
    finally:
        await process.close()
