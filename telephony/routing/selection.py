"""Which trunk takes the next call. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """What matters of a trunk that may carry the call."""

    name: str
    priority: int
    """1 is tried first."""
    calls: int
    channels: int
    rate_wait_s: float = 0.0
    """Until its rate of new calls allows one more."""
    down: bool = False
    """It does not answer OPTIONS."""
    circuit_open: bool = False
    """It failed too many calls, or is tried with one just now."""
    half_open_in_s: float = math.inf
    """Until one call may try it again; infinite if no time is known."""

    @property
    def usable(self) -> bool:
        return not self.down and not self.circuit_open

    @property
    def free(self) -> bool:
        return self.calls < self.channels


@dataclass(frozen=True, slots=True)
class Wait:
    """None can take it now. Look again after `seconds` at the latest, or when a call ends."""

    seconds: float


def choose(candidates: Sequence[Candidate], *, last_resort: bool) -> Candidate | Wait | None:
    """The trunk to take now, or a wait, or None if there is nothing to wait for.

    The first priority with a free channel, and in it the least loaded share. If its rate is used up the
    call waits: a short wait is no reason to take a trunk of a later priority. If no trunk is usable,
    `last_resort` tries the best of those that are not.
    """
    usable = [each for each in candidates if each.usable]
    pool = usable or (candidates if last_resort else ())
    if not pool:
        return None
    free = [each for each in pool if each.free]
    if not free:
        return Wait(min((each.half_open_in_s for each in candidates), default=math.inf))
    best = min(_rank(each) for each in free)
    first = [each for each in free if _rank(each) == best]
    ready = [each for each in first if each.rate_wait_s <= 0]
    if not ready:
        return Wait(min(each.rate_wait_s for each in first))
    return min(ready, key=lambda each: (each.calls / each.channels, -each.channels, each.name))


def _rank(candidate: Candidate) -> tuple[int, int]:
    # Among the unusable, one that answers OPTIONS is the better last resort.
    return (2 * candidate.down + candidate.circuit_open, candidate.priority)
