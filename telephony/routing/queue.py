"""Calls that wait for a trunk, first come, first served."""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Collection, Sequence

from telephony.routing.failover import Outcome
from telephony.routing.selection import Candidate, Wait, choose
from telephony.routing.trunk import Channel, Trunk


class Waiter:
    """A call's place in the queue. `found` becomes its channel, or None if there is none to wait for."""

    def __init__(self, names: Collection[str], *, last_resort: bool) -> None:
        self.names = names
        self.last_resort = last_resort
        self.found: asyncio.Future[Channel | None] = asyncio.get_running_loop().create_future()

    def leave(self) -> None:
        """Stop waiting: the channel becomes None, if none was found before."""
        if not self.found.done():
            self.found.set_result(None)


class ChannelQueue:
    """Hands out the channels of `trunks`. Whoever changes what is free calls `serve`."""

    def __init__(self, trunks: Sequence[Trunk], clock: Callable[[], float]) -> None:
        self._trunks = {trunk.name: trunk for trunk in trunks}
        self._clock = clock
        self._waiters: deque[Waiter] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def join(self, names: Collection[str], *, last_resort: bool, first: bool = False) -> Waiter:
        """Wait for one of the trunks named; at the head of the queue if `first`."""
        waiter = Waiter(names, last_resort=last_resort)
        if first:
            self._waiters.appendleft(waiter)
        else:
            self._waiters.append(waiter)
        self.serve()
        return waiter

    async def channel(self, waiter: Waiter, within_s: float) -> Channel | None:
        """The channel that the waiter gets. Its place is free if this raises TimeoutError or is cancelled."""
        try:
            async with asyncio.timeout(within_s):
                return await waiter.found
        except BaseException:
            # It may have been found in the very moment in which nobody waits for it any more.
            if waiter.found.done() and not waiter.found.cancelled() and (found := waiter.found.result()):
                self.give_back(found)
            raise

    def give_back(self, channel: Channel) -> None:
        """The call on the channel is over. Only the first time has an effect."""
        channel.tell(Outcome.UNKNOWN, self._clock())
        self.free(channel)

    def free(self, channel: Channel) -> None:
        """The same, while it is not known yet what the call showed of the trunk."""
        if channel.release():
            self.serve()

    def serve(self) -> None:
        """Give every waiter, in order, the channel that is free for it now."""
        if not self._waiters:
            return
        now = self._clock()
        candidates = {name: trunk.candidate(now) for name, trunk in self._trunks.items() if trunk.started}
        still: deque[Waiter] = deque()
        look_again_s = math.inf
        for waiter in self._waiters:
            if waiter.found.done():
                continue
            chosen = choose(
                [each for name, each in candidates.items() if name in waiter.names],
                last_resort=waiter.last_resort,
            )
            if isinstance(chosen, Candidate):
                trunk = self._trunks[chosen.name]
                waiter.found.set_result(trunk.take(now))
                candidates[chosen.name] = trunk.candidate(now)
            elif isinstance(chosen, Wait):
                still.append(waiter)
                look_again_s = min(look_again_s, chosen.seconds)
            else:
                waiter.found.set_result(None)
        self._waiters = still
        self._set_timer(look_again_s)

    def close(self) -> None:
        """Send every waiter away."""
        for waiter in self._waiters:
            waiter.leave()
        self._waiters.clear()
        self._set_timer(math.inf)

    def _set_timer(self, seconds: float) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if seconds < math.inf:
            self._timer = asyncio.get_running_loop().call_later(seconds, self.serve)
