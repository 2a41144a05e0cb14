"""Those who ask for the same thing while it is being made share one making."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from models.engine import EngineDown, EngineLate

Result = TypeVar("Result")


@dataclass(slots=True, eq=False)
class _Flight(Generic[Result]):
    making: asyncio.Task[Result]
    waiters: int = 0


class SingleFlight(Generic[Result]):
    """A waiter that gives up does not disturb the others; with the last one the making is given up too."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[Result]] = {}

    async def share(
        self, key: Hashable, make: Callable[[], Awaitable[Result]], *, deadline_s: float
    ) -> Result:
        """What `make` gives, called only if nobody else is waiting for `key`.

        Raises EngineLate, EngineDown after `close`, or what `make` raised."""
        flight = self._flights.get(key)
        if flight is None:
            flight = _Flight(asyncio.create_task(_made(make), name="shared"))
            # Nobody may be left to hear of a fault.
            flight.making.add_done_callback(lambda making: making.cancelled() or making.exception())
            self._flights[key] = flight
        flight.waiters += 1
        try:
            async with asyncio.timeout(deadline_s):
                return await asyncio.shield(flight.making)
        except TimeoutError:
            raise EngineLate(f"no answer within {deadline_s * 1000:.0f} ms") from None
        except asyncio.CancelledError:
            this = asyncio.current_task()
            if flight.making.cancelled() and this is not None and not this.cancelling():
                raise EngineDown("the speaker was closed") from None
            raise
        finally:
            flight.waiters -= 1
            if not flight.waiters:
                if self._flights.get(key) is flight:
                    del self._flights[key]
                flight.making.cancel()

    async def close(self) -> None:
        """Give up everything that is being made."""
        makings = [flight.making for flight in self._flights.values()]
        for making in makings:
            making.cancel()
        for making in makings:
            with suppress(asyncio.CancelledError, Exception):
                await making


async def _made(make: Callable[[], Awaitable[Result]]) -> Result:
    return await make()
