"""A call on a group of trunks: one leg to whoever dialled it, whichever trunk carries it just now."""

import asyncio

from telephony.line import Frame, Leg, LegEvent
from telephony.routing.queue import Waiter


class RoutedLeg:
    """Implements `telephony.line.Leg` on the leg of the trunk that carries the call."""

    def __init__(self, inner: Leg) -> None:
        self.given_up = False
        """Whether we were asked to end the call: then no other trunk is tried."""
        self.answered = False
        self.waiter: Waiter | None = None
        """Its place in the queue while it has no trunk."""
        self._events: asyncio.Queue[LegEvent] = asyncio.Queue()
        self.follow(inner)

    def follow(self, inner: Leg) -> None:
        """From now on the call is on this leg."""
        self._inner = inner
        # Called for every call 50 times a second, so that no attribute is looked up twice.
        self._read_frame, self._write_frame = inner.read_frame, inner.write_frame
        self._flush, self._queued_samples = inner.flush, inner.queued_samples

    def tell(self, event: LegEvent) -> None:
        """Pass an event on."""
        self._events.put_nowait(event)

    @property
    def leg_id(self) -> str:
        """The name that the transport which carries the call has for it."""
        return self._inner.leg_id

    async def next_event(self) -> LegEvent:
        """Wait for the next event; `Ended` is the last."""
        return await self._events.get()

    def read_frame(self, into: Frame) -> bool:
        """Fill `into` with the next 160 samples heard; zeros and False when none are there."""
        return self._read_frame(into)

    def write_frame(self, frame: Frame) -> None:
        """Queue 160 samples for sending."""
        self._write_frame(frame)

    def flush(self) -> None:
        """Drop what was written and is not yet on the wire."""
        self._flush()

    def queued_samples(self) -> int:
        """Samples written and not yet on the wire."""
        return self._queued_samples()

    async def send_digits(self, digits: str) -> None:
        """Send DTMF."""
        await self._inner.send_digits(digits)

    async def transfer(self, to: str) -> None:
        """Hand the callee over to `to`. Raises LineError as the trunk's leg does."""
        await self._inner.transfer(to)

    async def hang_up(self) -> None:
        """End the call, also while another trunk is looked for. `Ended` follows."""
        self.given_up = True
        if self.waiter:
            self.waiter.leave()
        await self._inner.hang_up()
