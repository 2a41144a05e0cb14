"""What every engine is: loaded once, run on a batch, closed; chosen by name, called by nobody directly."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

Request_contra = TypeVar("Request_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)


class EngineError(Exception):
    """An engine could not answer; the caller takes its named fallback."""


class EngineDown(EngineError):
    """The engine's process died or would not start."""


class EngineOverloaded(EngineError):
    """The queue in front of the engine is full."""


class EngineLate(EngineError):
    """The answer did not come before the deadline."""


_GRACE_S = 0.5
"""An engine that has not even said that it is late by then has hung."""


@asynccontextmanager
async def given_up_after(deadline_s: float) -> AsyncIterator[None]:
    """Around a request: engines keep their deadlines, and nobody waits for ever for one that does not.

    Raises EngineLate half a second after the deadline."""
    try:
        async with asyncio.timeout(deadline_s + _GRACE_S):
            yield
    except TimeoutError:
        raise EngineLate(f"no answer {_GRACE_S:g} s after the deadline") from None


class Engine(Protocol[Request_contra, Result_co]):
    """A model behind its adapter. All methods run in the engine's own process or thread."""

    def load(self) -> None:
        """Read the weights. Raises OSError or ValueError naming the file and the mend."""

    def warm_up(self) -> None:
        """Run once on made-up input so that the first caller does not pay for it."""

    def run(self, batch: Sequence[Request_contra]) -> Sequence[Result_co]:
        """One result for each request, in order."""

    def close(self) -> None:
        """Free what was loaded."""
