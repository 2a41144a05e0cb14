"""A line whose calls follow a timeline, for tests under virtual time."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from telephony.line import (
    Answered,
    DialRequest,
    Ended,
    EndKind,
    Frame,
    Leg,
    LegEvent,
    LineError,
    Ringing,
)
from telephony.routing.group import Member, TrunkGroup

CALL = DialRequest("+14155550100")

Script = Sequence[tuple[float, LegEvent]]
"""What happens, and how many seconds after the dialling."""

REFUSED_503: Script = [(0.1, Ended(0, EndKind.SIP_ERROR, 503, "503 Service Unavailable"))]
BUSY: Script = [(0.5, Ended(0, EndKind.BUSY, 486, "486 Busy Here"))]


def answered(for_s: float = 10.0) -> Script:
    return [
        (1.0, Ringing(1)),
        (3.0, Answered(3, "PCMU/8000")),
        (3.0 + for_s, Ended(0, EndKind.REMOTE_HANGUP, None, "hung up by the far end")),
    ]


class ScriptedLeg:
    """Implements `telephony.line.Leg`."""

    def __init__(self, request: DialRequest, script: Script, number: int, over: Callable[[], None]) -> None:
        self.request = request
        self.leg_id = f"call-{number}"
        self.written: list[Frame] = []
        self.digits = ""
        self.transferred = ""
        self.flushes = 0
        self.ended = self.answered = False
        self._over = over
        self._events: asyncio.Queue[LegEvent] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        self._timers = [loop.call_later(at, self.happen, event) for at, event in script]

    def happen(self, event: LegEvent) -> None:
        if self.ended:
            return
        if isinstance(event, Answered):
            self.answered = True
        if isinstance(event, Ended):
            self.ended = True
            for timer in self._timers:
                timer.cancel()
            self._over()
        self._events.put_nowait(event)

    async def next_event(self) -> LegEvent:
        return await self._events.get()

    def read_frame(self, into: Frame) -> bool:
        into.fill(int(self.leg_id.removeprefix("call-")))
        return True

    def write_frame(self, frame: Frame) -> None:
        self.written.append(frame)

    def flush(self) -> None:
        self.flushes += 1

    def queued_samples(self) -> int:
        return len(self.written) * 160

    async def send_digits(self, digits: str) -> None:
        self.digits += digits

    async def transfer(self, to: str) -> None:
        self.transferred = to

    async def hang_up(self) -> None:
        kind = EndKind.LOCAL_HANGUP if self.answered else EndKind.CANCELLED
        asyncio.get_running_loop().call_later(0.05, self.happen, Ended(0, kind, None, "hung up by us"))


@dataclass
class ScriptedLine:
    """Implements `telephony.line.Line`. Each dialled call takes the next script, or the usual one."""

    usual: Script | LineError = field(default_factory=answered)
    scripts: deque[Script | LineError] = field(default_factory=deque)
    start_faults: deque[LineError] = field(default_factory=deque)
    start_s: float = 0.01
    dial_s: float = 0.0
    legs: list[ScriptedLeg] = field(default_factory=list)
    dialled_at: list[float] = field(default_factory=list)
    busiest: int = 0
    """Most calls at once."""
    up: int = 0
    closed: int = 0

    async def start(self) -> None:
        await asyncio.sleep(self.start_s)
        if self.start_faults:
            raise self.start_faults.popleft()

    async def dial(self, request: DialRequest) -> ScriptedLeg:
        self.dialled_at.append(asyncio.get_running_loop().time())
        script = self.scripts.popleft() if self.scripts else self.usual
        await asyncio.sleep(self.dial_s)
        if isinstance(script, LineError):
            raise script
        self.up += 1
        self.busiest = max(self.busiest, self.up)
        leg = ScriptedLeg(request, script, len(self.legs) + 1, self._over)
        self.legs.append(leg)
        return leg

    async def close(self) -> None:
        self.closed += 1
        for leg in self.legs:
            if not leg.ended:
                await leg.hang_up()
        await asyncio.sleep(0.1)

    def _over(self) -> None:
        self.up -= 1


def a_frame(value: int = 0) -> Frame:
    return np.full(160, value, dtype=np.int16)


def now() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def group_of(*members: Member, **settings: Any) -> AsyncIterator[TrunkGroup]:
    group = TrunkGroup(members, **settings)
    await group.start()
    try:
        yield group
    finally:
        await group.close()
        # Whatever happened, every channel is free again.
        assert [each.calls for each in group.status()] == [0] * len(members)


async def until_ended(leg: Leg) -> list[LegEvent]:
    events: list[LegEvent] = []
    while not events or not isinstance(events[-1], Ended):
        events.append(await leg.next_event())
    return events


async def ending(leg: Leg) -> Ended:
    ended = (await until_ended(leg))[-1]
    assert isinstance(ended, Ended)
    return ended
