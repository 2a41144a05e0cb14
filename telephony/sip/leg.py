"""One call as the service sees it; the worker process that carries it is at the other end of a socket."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from telephony.call_steps import DIGITS
from telephony.concealed_audio import ConcealedAudio
from telephony.heard import HeardQueue
from telephony.line import Answered, Ended, EndKind, Frame, LegEvent, LineError
from telephony.sip.media_rings import ServiceRings
from telephony.sip.worker_messages import Flush, HangUp, SendDigits, ToWorker, Transfer


class Orders(Protocol):
    """What a leg can ask of its worker."""

    def send(self, message: ToWorker) -> None:
        """Without waiting."""

    async def ask(self, order: Callable[[int], ToWorker]) -> None:
        """Send `order(ticket)` and wait until it is done. Raises LineError with the worker's fault."""


class SipLeg:
    """A call that the trunk dialled. Implements `telephony.line.Leg`."""

    def __init__(self, number: int, rings: ServiceRings, orders: Orders) -> None:
        """`number` is the worker's name of the call."""
        self.number = number
        self._leg_id = ""
        self._orders = orders
        self._rings: ServiceRings | None = rings
        self._events: asyncio.Queue[LegEvent] = asyncio.Queue()
        self._heard = HeardQueue()
        self._audible = ConcealedAudio(self._heard.pop)
        self._answered = False
        self._ended = False
        self._hanging_up = False

    @property
    def leg_id(self) -> str:
        """The SIP Call-ID."""
        return self._leg_id

    @property
    def ended(self) -> bool:
        """Whether `Ended` was told."""
        return self._ended

    async def next_event(self) -> LegEvent:
        """Wait for the next event; `Ended` is the last."""
        return await self._events.get()

    def read_frame(self, into: Frame) -> bool:
        """Fill `into` with the next 160 samples heard; False when none were there and they are filled in."""
        if self._rings and (pcm := self._rings.read()):
            self._heard.push(pcm)
        return self._audible.pop(into)

    def write_frame(self, frame: Frame) -> None:
        """Queue 160 samples for sending. Ignored before the answer and after the end."""
        if self._answered and self._rings:
            self._rings.write(frame)

    def flush(self) -> None:
        """Drop what was written and is not yet on the wire. At most one frame still goes out."""
        if self._rings:
            self._rings.flush()
            self._orders.send(Flush(self.number))

    def queued_samples(self) -> int:
        """Samples written and not yet on the wire."""
        return self._rings.queued() if self._rings else 0

    async def send_digits(self, digits: str) -> None:
        """Send DTMF (RFC 4733), 280 ms per digit, and return when it is sent. Ignored unless the call is up.

        Raises ValueError for a character that is no digit, LineError if the stack refuses.
        """
        if wrong := set(digits.upper()) - DIGITS:
            raise ValueError(f"not DTMF digits: {sorted(wrong)}")
        if digits and self._answered and not self._ended:
            await self._orders.ask(lambda ticket: SendDigits(self.number, digits, ticket))

    async def transfer(self, to: str) -> None:
        """Send REFER. `Ended` with TRANSFERRED follows, or `TransferFailed`. Raises LineError."""
        if not self._answered or self._ended:
            raise LineError("the call is not up: nobody can be transferred")
        await self._orders.ask(lambda ticket: Transfer(self.number, to, ticket))

    async def hang_up(self) -> None:
        """CANCEL or BYE, as the state asks. Safe to call on an ended leg. `Ended` follows."""
        if not self._ended:
            self._hanging_up = True
            self._orders.send(HangUp(self.number))

    def on_dialled(self, leg_id: str) -> None:
        """The INVITE is sent."""
        self._leg_id = leg_id

    def on_lost(self, text: str) -> None:
        """The worker will report no more: end the leg with what is known."""
        if self._answered:
            kind = EndKind.LOCAL_HANGUP if self._hanging_up else EndKind.MEDIA_LOST
        else:
            # Neither the carrier's fault nor the callee's; their telephone may still ring.
            kind = EndKind.CANCELLED
        self.on_event(Ended(time.monotonic(), kind, text=text, note="" if self._hanging_up else text))

    def on_event(self, event: LegEvent) -> None:
        """Take what the worker reports. After `Ended` the rings belong to another call."""
        if self._ended:
            return
        self._answered = self._answered or isinstance(event, Answered)
        if isinstance(event, Ended):
            self._ended = True
            self._rings = None
            concealed = self._audible.concealed_frames
            event = replace(event, statistics=replace(event.statistics, concealed_frames=concealed))
        self._events.put_nowait(event)
