"""What the tests of the SIP trunk share: a trunk on a free port, and the life of a leg as a list."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from telephony.line import Answered, DialRequest, Ended, Leg, LegEvent, Line
from telephony.sip.trunk import SipTrunk, SipTrunkConfig
from tests.system.sipp import free_udp_ports

PATIENCE_S = 10.0


@asynccontextmanager
async def started_trunk(**settings: Any) -> AsyncIterator[SipTrunk]:
    trunk = SipTrunk(SipTrunkConfig(local_port=free_udp_ports(), **settings))
    await trunk.start()
    try:
        yield trunk
    finally:
        await trunk.close()


async def leg_and_answer(trunk: Line, uri: str) -> tuple[Leg, Answered]:
    """Dial and wait for the answer."""
    leg = await trunk.dial(DialRequest(uri, ring_timeout_s=PATIENCE_S))
    async with asyncio.timeout(PATIENCE_S):
        while not isinstance(event := await leg.next_event(), Answered):
            assert not isinstance(event, Ended), event
    return leg, event


async def answered_leg(trunk: Line, uri: str) -> Leg:
    """Dial and wait for the answer."""
    leg, _ = await leg_and_answer(trunk, uri)
    return leg


async def until_ended(leg: Leg) -> list[LegEvent]:
    """All events that are left. The last is `Ended`."""
    events: list[LegEvent] = []
    async with asyncio.timeout(PATIENCE_S):
        while not events or not isinstance(events[-1], Ended):
            events.append(await leg.next_event())
    return events


async def ending(leg: Leg) -> Ended:
    ended = (await until_ended(leg))[-1]
    assert isinstance(ended, Ended)
    return ended


async def is_silent_after_the_end(leg: Leg) -> bool:
    """No event follows `Ended`."""
    try:
        await asyncio.wait_for(leg.next_event(), 0.2)
    except TimeoutError:
        return True
    return False
