"""Whether a trunk answers when asked (OPTIONS for SIP): pure state, and the loop that keeps asking."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

_MISSES = 2
"""Misses in a row that mean down: one lost answer means nothing."""
_SECOND_LOOK_S = 5.0
"""After the first miss the next question comes this soon, or after the interval if that is shorter."""

_log = logging.getLogger(__name__)


class HealthState(StrEnum):
    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """The peer answered after `ms`; for SIP with its status, methods (Allow) and software (Server)."""

    ms: float
    status: int | None = None
    reason: str = ""
    allow: tuple[str, ...] = ()
    server: str = ""


@dataclass(frozen=True, slots=True)
class ProbeFault:
    """The peer did not answer, or said that it takes no calls."""

    text: str
    status: int | None = None


Probe = Callable[[], Awaitable[RoundTrip | ProbeFault]]


class TrunkHealth:
    """Two misses in a row are down, one answer is up. An interval of 0 never asks and knows nothing."""

    def __init__(self, interval_s: float) -> None:
        self.interval_s = interval_s
        self.state = HealthState.UNKNOWN
        self.last: RoundTrip | None = None
        """The latest answer."""
        self.fault = ""
        """Why the latest question was in vain; empty after an answer."""
        self._misses = 0
        self._due_at: float | None = None

    def due_in_s(self, now: float) -> float:
        """Seconds until the peer should be asked; the first time at once."""
        return 0.0 if self._due_at is None else max(0.0, self._due_at - now)

    def take(self, now: float, result: RoundTrip | ProbeFault) -> None:
        """What came of a question."""
        if isinstance(result, RoundTrip):
            self._misses = 0
            self.last, self.fault = result, ""
            self.state = HealthState.UP
        else:
            self._misses += 1
            self.fault = result.text
            if self._misses >= _MISSES:
                self.state = HealthState.DOWN
        interval_s = min(_SECOND_LOOK_S, self.interval_s) if self._misses == 1 else self.interval_s
        self._due_at = now + interval_s


@dataclass(frozen=True, slots=True)
class Watch:
    """One trunk to ask again and again; `on_result` hears each result after `health` has taken it."""

    name: str
    health: TrunkHealth
    probe: Probe
    on_result: Callable[[RoundTrip | ProbeFault], None]


async def watch_all(watches: Sequence[Watch]) -> None:
    """Ask every trunk at its interval, until cancelled. One slow trunk delays no other."""
    async with asyncio.TaskGroup() as tasks:
        for watch in watches:
            if watch.health.interval_s > 0:
                tasks.create_task(_keep_asking(watch))


async def _keep_asking(watch: Watch) -> None:
    clock = asyncio.get_running_loop().time
    while True:
        await asyncio.sleep(watch.health.due_in_s(clock()))
        before = watch.health.state
        watch.health.take(clock(), result := await _ask(watch))
        if watch.health.state is not before:
            _log.info("trunk %s is %s %s", watch.name, watch.health.state, watch.health.fault)
        watch.on_result(result)


async def _ask(watch: Watch) -> RoundTrip | ProbeFault:
    try:
        return await watch.probe()
    except Exception as error:  # a probe that breaks must not end the calls of its group
        _log.exception("asking trunk %s broke", watch.name)
        return ProbeFault(f"{type(error).__name__}: {error}")
