import asyncio
import threading
import time
from datetime import timedelta

import pytest

from tests.virtual_time import VIRTUAL_EPOCH, VirtualDeadlockError, VirtualTimeLoop, virtual_now


@pytest.mark.virtual_time
async def test_a_day_passes_at_once() -> None:
    began = time.monotonic()
    await asyncio.sleep(86_400 * 3)
    assert asyncio.get_running_loop().time() == 86_400 * 3
    assert virtual_now() == VIRTUAL_EPOCH + timedelta(days=3)
    assert time.monotonic() - began < 1


@pytest.mark.virtual_time
async def test_timers_run_in_time_order_and_equal_ones_in_the_order_set() -> None:
    seen: list[str] = []
    loop = asyncio.get_running_loop()
    for name in "abcdefgh":
        loop.call_at(5.0, seen.append, name)
    loop.call_at(0.1 + 0.2, seen.append, "first")
    await asyncio.sleep(6)
    assert seen == ["first", *"abcdefgh"]


@pytest.mark.virtual_time
async def test_timeouts_fire_on_the_virtual_clock() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3600):
            await asyncio.Event().wait()
    assert asyncio.get_running_loop().time() == 3600


@pytest.mark.virtual_time
async def test_the_clock_waits_for_threads() -> None:
    release = threading.Event()
    job = asyncio.get_running_loop().run_in_executor(None, release.wait)
    sleeper = asyncio.create_task(asyncio.sleep(1000))
    threading.Timer(0.05, release.set).start()
    await job
    assert asyncio.get_running_loop().time() == 0
    await sleeper


def test_waiting_for_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.virtual_time.STUCK_AFTER_S", 0.05)

    async def stuck() -> None:
        await asyncio.Event().wait()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner, pytest.raises(VirtualDeadlockError):
        runner.run(stuck())
