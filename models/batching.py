"""One queue in front of each engine: the requests of all calls meet in one engine call.

"Drain without waiting": the worker takes the oldest request and, with it, all others that wait already,
up to `max_batch`. So an idle engine answers at once and a busy one works in larger batches. More urgent
requests go first, whenever they came.

Voice detection has no batcher: its batch is all calls of one tick of the media clock.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count
from types import TracebackType
from typing import Generic, Self, TypeVar

from models.engine import EngineDown, EngineError, EngineLate, EngineOverloaded

Request = TypeVar("Request")
Result = TypeVar("Result")

Run = Callable[[Sequence[Request]], Awaitable[Sequence[Result | EngineError]]]
"""Runs one batch: for each request, in order, its result or the error that it alone met."""


class Priority(IntEnum):
    """How urgent a request is; lower goes first, equal ones in order of arrival."""

    FINAL = 0
    """Somebody waits for the answer."""
    SPECULATIVE = 1
    """Somebody may soon wait for it."""
    PARTIAL = 2
    """Nobody waits for it."""


@dataclass(slots=True)
class Durations:
    """How long something took, summed up."""

    count: int = 0
    total_ms: float = 0.0
    max_ms: float = 0.0

    def add(self, seconds: float) -> None:
        self.count += 1
        self.total_ms += seconds * 1000
        self.max_ms = max(self.max_ms, seconds * 1000)

    @property
    def mean_ms(self) -> float:
        return self.total_ms / self.count if self.count else 0.0


@dataclass(slots=True)
class BatcherMetrics:
    """Every submitted request ends as exactly one of completed, dropped_late, late, cancelled, displaced,
    failed."""

    submitted: int = 0
    completed: int = 0
    dropped_late: int = 0
    """Deadline passed in the queue: the engine never saw the request."""
    late: int = 0
    """Deadline passed while the engine worked on the request."""
    cancelled: int = 0
    displaced: int = 0
    """Refused after all: the queue was full and something more urgent came."""
    failed: int = 0
    overloaded: int = 0
    """Refused because the queue was full; not counted as submitted."""
    queue_wait: Durations = field(default_factory=Durations)
    run: Durations = field(default_factory=Durations)
    batch_sizes: Counter[int] = field(default_factory=Counter)


@dataclass(slots=True, eq=False)
class _Item(Generic[Request, Result]):
    number: int
    priority: int
    request: Request
    submitted_at: float
    deadline: float
    answer: asyncio.Future[Result]

    def place(self) -> tuple[int, int]:
        """The least is first in the queue."""
        return self.priority, self.number


class _Displaced(EngineOverloaded):
    pass


class Batcher(Generic[Request, Result]):
    """Use as `async with Batcher(run) as batcher: await batcher.submit(request, deadline_s=1)`.

    Time is the event loop's. `key` says which requests may share a batch (all, when it is None).
    `at_once` batches may run at the same time, for an engine that has several processes; `free` waits until
    one more can be run, so that until then its requests keep their places in the queue.
    """

    def __init__(
        self,
        run: Run[Request, Result],
        *,
        max_batch: int = 8,
        max_queue: int = 64,
        at_once: int = 1,
        key: Callable[[Request], Hashable] | None = None,
        free: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        if min(max_batch, max_queue, at_once) < 1:
            raise ValueError("max_batch, max_queue and at_once must be at least 1")
        self._run = run
        self._max_batch = max_batch
        self._max_queue = max_queue
        self._at_once = at_once
        self._key = key
        self._free = free
        self._numbers = count()
        # By number; a caller that gives up takes its own item out, which frees its place at once.
        self._waiting: dict[int, _Item[Request, Result]] = {}
        self._arrived = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []
        self._running = 0
        self.metrics = BatcherMetrics()

    async def __aenter__(self) -> Self:
        self._workers = [
            asyncio.create_task(self._work(), name=f"batcher {number}") for number in range(self._at_once)
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.cancel()
        await asyncio.wait(self._workers)

    @property
    def expected_wait_s(self) -> float:
        """How long a new request would wait before its batch begins, by what earlier batches took."""
        batches = math.ceil(len(self._waiting) / self._max_batch) + self._running
        # Nobody waits while fewer batches are there than may run at once.
        rounds = math.ceil((batches - self._at_once + 1) / self._at_once)
        return max(0, rounds) * self.metrics.run.mean_ms / 1000

    async def submit(self, request: Request, *, deadline_s: float, priority: int = Priority.FINAL) -> Result:
        """Raises EngineOverloaded, EngineLate, EngineDown, or the EngineError that the request met.

        A full queue refuses what comes, unless a less urgent request can be refused instead.
        """
        if not self._workers or any(worker.done() for worker in self._workers):
            raise EngineDown("the batcher is not running")
        if len(self._waiting) >= self._max_queue and not self._displace(priority):
            self.metrics.overloaded += 1
            raise EngineOverloaded(f"{self._max_queue} requests are waiting already")
        loop = asyncio.get_running_loop()
        now = loop.time()
        item: _Item[Request, Result] = _Item(
            next(self._numbers), priority, request, now, now + deadline_s, loop.create_future()
        )
        self.metrics.submitted += 1
        self._waiting[item.number] = item
        self._arrived.set()
        try:
            async with asyncio.timeout_at(item.deadline):
                result = await item.answer
        except TimeoutError:
            raise self._too_late(item) from None
        except asyncio.CancelledError:
            self.metrics.cancelled += 1
            raise
        except _Displaced:
            self.metrics.displaced += 1
            raise
        except EngineError:
            self.metrics.failed += 1
            raise
        finally:
            self._waiting.pop(item.number, None)
        self.metrics.completed += 1
        return result

    def hurry(self, request: Request, priority: int = Priority.FINAL) -> None:
        """Make requests equal to this one at least so urgent, as far as they are still waiting."""
        for item in self._waiting.values():
            if item.request == request:
                item.priority = min(item.priority, priority)

    def _displace(self, priority: int) -> bool:
        """Refuse the last request of the queue if it is less urgent than this."""
        last = max(self._waiting.values(), key=_Item.place)
        if last.priority <= priority:
            return False
        del self._waiting[last.number]
        if not last.answer.done():
            last.answer.set_exception(_Displaced("a more urgent request took the last place in the queue"))
        return True

    def _too_late(self, item: _Item[Request, Result]) -> EngineLate:
        if item.number in self._waiting:
            self.metrics.dropped_late += 1
        else:
            self.metrics.late += 1
        return EngineLate(f"no answer within {(item.deadline - item.submitted_at) * 1000:.0f} ms")

    async def _work(self) -> None:
        batch: list[_Item[Request, Result]] = []
        try:
            while True:
                await self._arrived.wait()
                if self._free is not None:
                    await self._free()
                batch = self._take()
                if batch:
                    await self._answer(batch)
        finally:
            for item in (*batch, *self._waiting.values()):
                if not item.answer.done():
                    item.answer.set_exception(EngineDown("the batcher was closed"))

    def _take(self) -> list[_Item[Request, Result]]:
        """The first request that is still wanted, and those that may share a batch with it."""
        now = asyncio.get_running_loop().time()
        batch: list[_Item[Request, Result]] = []
        for item in sorted(self._waiting.values(), key=_Item.place):
            if item.deadline <= now or item.answer.done():
                continue  # Its caller is about to wake up and take it out.
            if batch and self._key is not None and self._key(item.request) != self._key(batch[0].request):
                continue
            batch.append(item)
            if len(batch) == self._max_batch:
                break
        for item in batch:
            del self._waiting[item.number]
        if not batch or not self._waiting:
            self._arrived.clear()
        return batch

    async def _answer(self, batch: list[_Item[Request, Result]]) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        results: Sequence[Result | EngineError]
        for item in batch:
            self.metrics.queue_wait.add(started - item.submitted_at)
        self.metrics.batch_sizes[len(batch)] += 1
        self._running += 1
        try:
            results = await self._run([item.request for item in batch])
            if len(results) != len(batch):
                raise EngineError(f"the engine gave {len(results)} results for {len(batch)} requests")
        except EngineError as error:
            results = [error] * len(batch)
        except Exception as error:
            results = [EngineError(f"{type(error).__name__}: {error}")] * len(batch)
        finally:
            self._running -= 1
        self.metrics.run.add(loop.time() - started)
        for item, result in zip(batch, results, strict=True):
            if item.answer.done():
                continue  # The caller gave up meanwhile.
            if isinstance(result, EngineError):
                item.answer.set_exception(result)
            else:
                item.answer.set_result(result)
