"""An event loop whose clock jumps to the next timer, so that hours of logic take milliseconds.

Mark a test, class or module with `pytest.mark.virtual_time`: `asyncio.sleep`, timeouts and
`loop.time()` run on the virtual clock, which starts at 0 and stands still while there is work to
do. Timers for the same moment run in the order in which they were set. Work handed to threads
takes no virtual time: the clock waits for it. Sockets and subprocesses need a real loop.
"""

import asyncio
import contextvars
import heapq
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any

VIRTUAL_EPOCH = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
"""What `virtual_now()` says at loop time 0: a Monday, noon in New York."""

STUCK_AFTER_S = 10.0
"""Real seconds without any event before a test that waits for nothing is ended."""


def virtual_now() -> datetime:
    """The wall-clock time that belongs to the running loop's time."""
    return VIRTUAL_EPOCH + timedelta(seconds=asyncio.get_running_loop().time())


class VirtualDeadlockError(RuntimeError):
    """Every task waits, and no timer, thread or event will ever wake one."""


class _OrderedTimer(asyncio.TimerHandle):
    __slots__ = ("_order",)

    def __init__(self, order: int, *args: Any) -> None:
        super().__init__(*args)
        self._order = order

    def __lt__(self, other: asyncio.TimerHandle) -> bool:
        assert isinstance(other, _OrderedTimer)
        return (self.when(), self._order) < (other.when(), other._order)


class _JumpingSelector(selectors.DefaultSelector):
    """Tells the loop, instead of waiting, that the time it wanted to wait has passed."""

    loop: "VirtualTimeLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if events or timeout == 0:
            return events
        if self.loop.jobs_in_threads:
            events = super().select(STUCK_AFTER_S)
        elif timeout is not None and timeout > 0:
            self.loop.advance(timeout)
            return []
        else:
            events = super().select(STUCK_AFTER_S)
        if not events:
            raise VirtualDeadlockError(f"nothing happened for {STUCK_AFTER_S:g} s and no timer is set")
        return events


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """See the module."""

    def __init__(self) -> None:
        self._now = 0.0
        self._timers_set = 0
        self.jobs_in_threads = 0
        selector = _JumpingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock forward; timers that fall due run on the loop's next turn."""
        # Never stop a rounding error short of the timer that asked for the jump.
        next_timer = self._scheduled[0].when() if self._scheduled else 0.0  # type: ignore[attr-defined]
        target = self._now + seconds
        self._now = next_timer if abs(next_timer - target) < 1e-6 else target

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        self._check_closed()  # type: ignore[attr-defined]
        self._timers_set += 1
        timer = _OrderedTimer(self._timers_set, when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = super().run_in_executor(executor, func, *args)
        self.jobs_in_threads += 1
        future.add_done_callback(self._job_done)
        return future

    def _job_done(self, _: asyncio.Future[Any]) -> None:
        self.jobs_in_threads -= 1
