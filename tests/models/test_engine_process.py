"""Engine processes with a small engine: answers, isolation, crashes, hangs, endings."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from models.engine import EngineDown, EngineError
from models.engine_process import EngineProcess
from models.serving import serve


class Pupil:
    """An engine that does what it is told."""

    def __init__(self, fault: str = "") -> None:
        self.fault = fault

    def load(self) -> None:
        if self.fault == "exit":
            os._exit(7)
        if self.fault:
            raise OSError(self.fault)

    def warm_up(self) -> None:
        pass

    def run(self, batch: Sequence[str]) -> list[str]:
        return [self._do(order) for order in batch]

    def _do(self, order: str) -> str:
        match order:
            case "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "hang":
                time.sleep(60)
            case "fail":
                raise ValueError("I will not")
            case "who":
                time.sleep(0.3)
                return str(os.getpid())
            case "nice":
                return str(os.nice(0))
            case "threads":
                return os.environ["OMP_NUM_THREADS"]
            case "main":
                return str(getattr(sys.modules["__main__"], "__file__", ""))
        return order.upper()

    def close(self) -> None:
        pass


class Mirror:
    """Gives audio back."""

    def load(self) -> None:
        pass

    def warm_up(self) -> None:
        pass

    def run(self, batch: Sequence[NDArray[np.int16]]) -> list[NDArray[np.int16]]:
        return [samples[::-1] for samples in batch]

    def close(self) -> None:
        pass


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  (another process has no event of ours)
            await asyncio.sleep(0.02)


async def test_answers_in_order_in_a_niced_process_with_one_thread_and_without_our_main() -> None:
    before = os.nice(0)
    async with serve(Pupil, name="pupil", nice=3) as service:
        words = [service.submit(word, deadline_s=10) for word in ("a", "b", "c")]
        assert await asyncio.gather(*words) == ["A", "B", "C"]
        assert await service.submit("nice", deadline_s=10) == str(min(before + 3, 19))
        assert await service.submit("threads", deadline_s=10) == "1"
        assert (await service.submit("main", deadline_s=10)).endswith("engine_worker.py")
        assert service.healthy


async def test_minutes_of_audio_pass_while_the_loop_keeps_running() -> None:
    audio = np.random.default_rng(0).integers(-32768, 32767, 8000 * 600, dtype=np.int16)
    async with serve(Mirror, name="mirror") as service:
        np.testing.assert_array_equal(await service.submit(audio, deadline_s=10), audio[::-1])


async def test_two_processes_work_at_the_same_time_and_one_goes_on_when_the_other_dies() -> None:
    async with serve(Pupil, name="pupil", max_batch=1, processes=2) as service:
        both = await asyncio.gather(*(service.submit("who", deadline_s=10) for _ in range(4)))
        assert len(set(both)) == 2
        assert service.metrics.batch_sizes == {1: 4}
        with pytest.raises(EngineDown):
            await service.submit("crash", deadline_s=10)
        assert service.healthy
        # At once: they wait for the healthy one, none is given to the one that is being started anew.
        survivors = await asyncio.gather(*(service.submit("who", deadline_s=10) for _ in range(3)))
        assert survivors[0] in both


async def test_only_the_bad_request_of_a_batch_fails() -> None:
    process = EngineProcess(Pupil, name="pupil")
    await process.start()
    try:
        good, bad, also_good = await process.run(["a", "fail", "b"])
    finally:
        await process.close()
    assert (good, also_good) == ("A", "B")
    assert isinstance(bad, EngineError)
    assert str(bad) == "ValueError: I will not"


@pytest.mark.parametrize(
    ("fault", "message"),
    [("model.bin: no such file", "OSError: model.bin: no such file"), ("exit", "exit status 7")],
)
async def test_an_engine_that_does_not_load_says_why(fault: str, message: str) -> None:
    process = EngineProcess(partial(Pupil, fault), name="pupil")
    with pytest.raises(EngineDown, match=message):
        await process.start()
    assert not process.healthy


async def test_a_crash_fails_what_runs_and_the_engine_comes_back() -> None:
    process = EngineProcess(Pupil, name="pupil")
    await process.start()
    try:
        first = process.pid
        with pytest.raises(EngineDown, match="pupil died"):
            await process.run(["crash"])
        with pytest.raises(EngineDown, match="not running"):
            await process.run(["a"])
        await until(lambda: process.healthy)
        assert await process.run(["a"]) == ["A"]
        assert process.pid != first
        assert process.restarts == 1
    finally:
        await process.close()


async def test_an_idle_engine_that_is_killed_comes_back() -> None:
    process = EngineProcess(Pupil, name="pupil")
    await process.start()
    try:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        await until(lambda: not process.healthy)
        await until(lambda: process.healthy)
        assert await process.run(["a"]) == ["A"]
    finally:
        await process.close()


async def test_a_hanging_engine_is_killed_and_started_anew() -> None:
    process = EngineProcess(Pupil, name="pupil", longest_run_s=0.3)
    await process.start()
    try:
        with pytest.raises(EngineDown, match="hung"):
            await process.run(["hang"])
        await until(lambda: process.restarts == 1)
        assert await process.run(["a"]) == ["A"]
    finally:
        await process.close()


async def test_a_cancelled_caller_does_not_get_in_the_way_of_the_next() -> None:
    process = EngineProcess(Pupil, name="pupil")
    await process.start()
    try:
        gone = asyncio.create_task(process.run(["a"]))
        await asyncio.sleep(0)
        gone.cancel()
        assert await process.run(["b"]) == ["B"]
    finally:
        await process.close()


async def test_closing_ends_the_process_even_when_it_is_stuck() -> None:
    process = EngineProcess(Pupil, name="pupil")
    await process.start()
    pid = process.pid
    assert pid is not None
    stuck = asyncio.create_task(process.run(["hang"]))
    await asyncio.sleep(0.1)
    await process.close()
    with pytest.raises(EngineDown):
        await stuck
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


ORPHAN_MAKER = """
import asyncio, os, signal
from models.engine_process import EngineProcess
from tests.models.test_engine_process import Pupil

async def main():
    process = EngineProcess(Pupil, name="pupil")
    await process.start()
    asyncio.create_task(process.run(["hang"]))
    await asyncio.sleep(0.1)
    print(process.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_an_engine_dies_with_its_parent_even_while_it_works() -> None:
    parent = subprocess.run(
        [sys.executable, "-c", ORPHAN_MAKER],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        timeout=30,
    )
    pid = int(parent.stdout)
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{pid}")
