"""The same thing is made once for all who ask at the same time, and each may leave alone."""

import asyncio
from dataclasses import dataclass

import pytest

from models.engine import EngineDown, EngineLate
from models.single_flight import SingleFlight

pytestmark = pytest.mark.virtual_time


@dataclass
class Maker:
    """Takes a second."""

    made: int = 0
    begun: int = 0
    broken: bool = False

    async def __call__(self) -> str:
        self.begun += 1
        await asyncio.sleep(1)
        if self.broken:
            raise EngineDown("broken")
        self.made += 1
        return f"result {self.made}"


async def test_all_who_ask_meanwhile_get_the_same() -> None:
    flights: SingleFlight[str] = SingleFlight()
    make = Maker()
    results = await asyncio.gather(*(flights.share("a", make, deadline_s=5) for _ in range(4)))
    assert set(results) == {"result 1"}
    assert await flights.share("a", make, deadline_s=5) == "result 2", "what is over is not kept"


async def test_other_things_are_made_beside() -> None:
    flights: SingleFlight[str] = SingleFlight()
    make = Maker()
    await asyncio.gather(flights.share("a", make, deadline_s=5), flights.share("b", make, deadline_s=5))
    assert make.begun == 2


async def test_one_who_leaves_does_not_disturb_the_other() -> None:
    flights: SingleFlight[str] = SingleFlight()
    make = Maker()
    first = asyncio.create_task(flights.share("a", make, deadline_s=5))
    second = asyncio.create_task(flights.share("a", make, deadline_s=5))
    await asyncio.sleep(0.5)
    first.cancel()
    assert await second == "result 1"
    assert first.cancelled()
    assert make.begun == 1


async def test_with_the_last_one_the_making_is_given_up() -> None:
    flights: SingleFlight[str] = SingleFlight()
    make = Maker()
    both = [asyncio.create_task(flights.share("a", make, deadline_s=5)) for _ in range(2)]
    await asyncio.sleep(0.5)
    for each in both:
        each.cancel()
    await asyncio.wait(both)
    await asyncio.sleep(2)
    assert make.made == 0
    assert await flights.share("a", make, deadline_s=5) == "result 1", "made anew for the next"


async def test_each_has_its_own_deadline() -> None:
    flights: SingleFlight[str] = SingleFlight()
    make = Maker()
    patient = asyncio.create_task(flights.share("a", make, deadline_s=5))
    with pytest.raises(EngineLate):
        await flights.share("a", make, deadline_s=0.3)
    assert await patient == "result 1"


async def test_all_hear_of_a_fault() -> None:
    flights: SingleFlight[str] = SingleFlight()
    make = Maker(broken=True)
    results = await asyncio.gather(
        *(flights.share("a", make, deadline_s=5) for _ in range(2)), return_exceptions=True
    )
    assert [type(each) for each in results] == [EngineDown, EngineDown]
    assert make.begun == 1


async def test_closing_tells_those_who_wait() -> None:
    flights: SingleFlight[str] = SingleFlight()
    waiting = asyncio.create_task(flights.share("a", Maker(), deadline_s=5))
    await asyncio.sleep(0.5)
    await flights.close()
    with pytest.raises(EngineDown):
        await waiting
