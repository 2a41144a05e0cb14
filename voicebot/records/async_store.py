"""The records for coroutines: one thread does the work, in order, and the event loop never waits."""

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

from voicebot.records.store import Records

P = ParamSpec("P")
T = TypeVar("T")


class AsyncRecords:
    """`await records.run(Records.close_call, call_id, result)` runs the method on the writer thread.

    Work that was handed over is always done and its result given, so that a row once written is
    known to its writer: a cancellation that comes meanwhile is felt at the caller's next await.
    Close with `async with` or `close()`."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="records")

    async def __aenter__(self) -> "AsyncRecords":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the thread, after what was handed over is done."""
        self._thread.shutdown(wait=True)

    async def run(self, method: Callable[Concatenate[Records, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one method of `Records` and give its result."""
        work = functools.partial(method, self.records, *args, **kwargs)
        job = asyncio.get_running_loop().run_in_executor(self._thread, work)
        cancellations = 0
        while not job.done():
            try:
                await asyncio.wait([job])
            except asyncio.CancelledError:
                cancellations += 1
        task = asyncio.current_task()
        assert task is not None
        for _ in range(cancellations):
            task.uncancel()
            task.cancel()
        return job.result()
