"""Whether a trunk answers: the state, and the asking on the clock."""

import asyncio
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.routing.health import HealthState, ProbeFault, RoundTrip, TrunkHealth, Watch, watch_all

MISS = ProbeFault("no answer within 5 s")
HIT = RoundTrip(12.5, 200)


@given(st.lists(st.booleans(), max_size=30))
def test_two_misses_are_down_and_one_answer_is_up(answers: list[bool]) -> None:
    health = TrunkHealth(30)
    for number, answered in enumerate(answers):
        before = health.state
        health.take(float(number), HIT if answered else MISS)
        if answered:
            assert health.state is HealthState.UP
            assert health.fault == ""
        elif answers[max(0, number - 1) : number + 1] == [False, False]:
            assert health.state is HealthState.DOWN
        else:
            assert health.state is before


def test_the_second_look_comes_soon() -> None:
    health = TrunkHealth(30)
    assert health.due_in_s(0) == 0
    health.take(0, HIT)
    assert health.due_in_s(10) == 20
    health.take(30, MISS)
    assert health.due_in_s(30) == 5
    health.take(35, MISS)
    assert health.due_in_s(35) == 30
    quick = TrunkHealth(2)
    quick.take(0, MISS)
    assert quick.due_in_s(0) == 2


@pytest.mark.virtual_time
async def test_each_trunk_is_asked_at_its_interval_and_a_slow_one_delays_no_other() -> None:
    loop = asyncio.get_running_loop()
    asked: dict[str, list[float]] = {"quick": [], "slow": [], "broken": [], "never": []}
    heard: list[tuple[str, object]] = []
    scripts: dict[str, deque[RoundTrip | ProbeFault]] = {"quick": deque([HIT, MISS, MISS, HIT, HIT])}

    def watch(name: str, interval_s: float) -> Watch:
        async def probe() -> RoundTrip | ProbeFault:
            asked[name].append(loop.time())
            if name == "slow":
                await asyncio.sleep(100)
            if name == "broken":
                raise RuntimeError("no such thing")
            return scripts[name].popleft() if scripts.get(name) else HIT

        return Watch(name, TrunkHealth(interval_s), probe, lambda result: heard.append((name, result)))

    watches = [watch("quick", 10), watch("slow", 10), watch("broken", 60), watch("never", 0)]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(44):
            await watch_all(watches)
    assert asked == {"quick": [0, 10, 15, 25, 35], "slow": [0], "broken": [0, 5], "never": []}
    assert watches[2].health.state is HealthState.DOWN
    assert "RuntimeError: no such thing" in watches[2].health.fault
    assert [result for name, result in heard if name == "quick"] == [HIT, MISS, MISS, HIT, HIT]
