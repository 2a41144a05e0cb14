"""Channels and rates of several trunks: who waits, who is served, and what is free afterwards."""

import asyncio
from collections import deque

import numpy as np
import pytest

from telephony.line import Answered, DialRequest, Ended, EndKind, LineBusy, LineError
from telephony.routing.group import Member, TrunkGroup
from telephony.routing.queue import ChannelQueue
from telephony.routing.trunk import Trunk
from tests.telephony.routing.scripted_line import (
    BUSY,
    CALL,
    REFUSED_503,
    Script,
    ScriptedLine,
    answered,
    ending,
    group_of,
    now,
    until_ended,
)

pytestmark = pytest.mark.virtual_time


async def test_the_load_is_shared_by_channels_and_overflows_by_priority() -> None:
    small, large, backup = ScriptedLine(), ScriptedLine(), ScriptedLine()
    members = (
        Member("small", small, 1, channels=2, calls_per_second=100),
        Member("large", large, 1, channels=4, calls_per_second=100),
        Member("backup", backup, 2, channels=4, calls_per_second=100),
    )
    async with group_of(*members) as group:
        for _ in range(3):
            await group.dial(CALL)
        assert [each.calls for each in group.status()] == [1, 2, 0]
        for _ in range(4):
            await group.dial(CALL)
        assert [each.calls for each in group.status()] == [2, 4, 1]


async def test_calls_wait_first_come_first_served() -> None:
    line = ScriptedLine(usual=answered(for_s=7))
    async with group_of(Member("alpha", line, channels=1)) as group:
        order: list[int] = []

        async def call(number: int) -> None:
            leg = await group.dial(DialRequest(f"+1415555010{number}"))
            order.append(number)
            await until_ended(leg)

        async with asyncio.TaskGroup() as calls:
            for number in range(3):
                calls.create_task(call(number))
                await asyncio.sleep(0.1)
        assert order == [0, 1, 2]
        assert line.busiest == 1
        assert np.diff(line.dialled_at) == pytest.approx([10, 10])


async def test_the_rate_of_new_calls_is_kept() -> None:
    line = ScriptedLine()
    async with group_of(Member("alpha", line, channels=100, calls_per_second=2)) as group:
        await asyncio.gather(*(group.dial(CALL) for _ in range(8)))
        started = np.array(line.dialled_at) - line.dialled_at[0]
        assert started == pytest.approx([0, 0, 0.5, 1, 1.5, 2, 2.5, 3])


async def test_who_waits_too_long_hears_that_all_are_busy() -> None:
    line = ScriptedLine(usual=answered(for_s=100))
    async with group_of(Member("alpha", line, channels=1), longest_wait_s=30) as group:
        await group.dial(CALL)
        began = now()
        with pytest.raises(LineBusy, match=r"alpha within 30 s\. Raise channels"):
            await group.dial(CALL)
        assert now() - began == pytest.approx(30)


async def test_a_line_whose_worker_is_away_is_waited_for() -> None:
    away: list[Script | LineError] = [LineBusy("its worker is being replaced")] * 3
    line = ScriptedLine(scripts=deque(away))
    async with group_of(Member("alpha", line, calls_per_second=100)) as group:
        began = now()
        leg = await group.dial(CALL)
        assert now() - began == pytest.approx(1.5, abs=0.1)
        assert group.status()[0].faults == 0
        await leg.hang_up()


async def test_a_line_whose_worker_stays_away_is_given_up_in_time() -> None:
    line = ScriptedLine(usual=LineBusy("its worker is being replaced"))
    async with group_of(Member("alpha", line, calls_per_second=100), longest_wait_s=5) as group:
        began = now()
        with pytest.raises(LineBusy, match="being replaced"):
            await group.dial(CALL)
        assert 4 < now() - began <= 5


async def test_cancelled_waiting_frees_the_place() -> None:
    line = ScriptedLine(usual=answered(for_s=7))
    async with group_of(Member("alpha", line, channels=1)) as group:
        await group.dial(CALL)
        waiting = [asyncio.create_task(group.dial(CALL)) for _ in range(2)]
        await asyncio.sleep(5)
        waiting[0].cancel()
        leg = await waiting[1]
        assert waiting[0].cancelled()
        assert now() == pytest.approx(10, abs=0.1)
        assert group.status()[0].calls == 1
        await leg.hang_up()


async def test_cancelled_dialling_frees_the_channel() -> None:
    line = ScriptedLine(dial_s=5)
    async with group_of(Member("alpha", line)) as group:
        dialling = asyncio.create_task(group.dial(CALL))
        await asyncio.sleep(1)
        assert group.status()[0].calls == 1
        dialling.cancel()
        await asyncio.gather(dialling, return_exceptions=True)
        assert group.status()[0].calls == 0


async def test_a_call_that_looks_for_another_trunk_is_served_before_those_who_wait() -> None:
    refused_late = [(2.0, Ended(0, EndKind.SIP_ERROR, 503, "503"))]
    first, second = ScriptedLine(usual=refused_late), ScriptedLine(usual=answered(for_s=2))
    members = (Member("alpha", first, 1, channels=1), Member("beta", second, 2, channels=1))
    async with group_of(*members) as group:
        on_alpha = await group.dial(CALL)
        on_beta = await group.dial(CALL)
        first.usual = answered(for_s=50)
        waiting = [asyncio.create_task(group.dial(DialRequest(f"+141555502{n}0"))) for n in range(3)]
        await until_ended(on_beta)
        assert (await ending(on_alpha)).trunk == "beta"
        await asyncio.sleep(0.1)
        assert [leg.request.to for leg in second.legs] == [CALL.to, CALL.to, "+14155550210"]
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_many_calls_keep_to_every_channel_and_free_all() -> None:
    lines = [ScriptedLine(usual=answered(for_s=3)) for _ in range(3)]
    for number in range(40):
        lines[number % 3].scripts.extend([REFUSED_503, answered(for_s=2), BUSY])
    members = [
        Member(name, line, 1 + (name == "c"), channels=4, calls_per_second=5)
        for name, line in zip("abc", lines, strict=True)
    ]
    ends: list[Ended] = []

    async def call(group: TrunkGroup) -> None:
        ends.append(await ending(await group.dial(CALL)))

    async with group_of(*members, longest_wait_s=600) as group:
        async with asyncio.TaskGroup() as calls:
            for _ in range(200):
                calls.create_task(call(group))
        assert len(ends) == 200
        assert max(line.busiest for line in lines) <= 4
        assert [each.calls for each in group.status()] == [0, 0, 0]


async def test_closing_hangs_up_every_call_and_sends_the_waiting_away() -> None:
    line = ScriptedLine(usual=answered(for_s=1000))
    async with group_of(Member("alpha", line, channels=2)) as group:
        legs = [await group.dial(CALL) for _ in range(2)]
        waiting = asyncio.create_task(group.dial(CALL))
        await asyncio.sleep(5)
        await group.close()
        assert {(await ending(leg)).kind for leg in legs} == {EndKind.LOCAL_HANGUP}
        with pytest.raises(LineError, match="closed"):
            await waiting
        with pytest.raises(LineError, match="not started"):
            await group.dial(CALL)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_a_leg_that_never_ends_is_given_up_when_the_group_closes() -> None:
    class Stubborn(ScriptedLine):
        async def close(self) -> None:
            self.closed += 1

    async with group_of(Member("alpha", Stubborn(usual=[(1.0, Answered(1))]))) as group:
        leg = await group.dial(CALL)
        await asyncio.sleep(2)
        await group.close()
        assert (await until_ended(leg))[-1] == Ended(
            7.01, EndKind.LOCAL_HANGUP, None, "trunk closed", trunk="alpha"
        )


async def test_a_channel_found_in_the_moment_of_the_cancelling_is_given_back() -> None:
    trunk = Trunk(Member("alpha", ScriptedLine(), channels=1))
    trunk.started = True
    queue = ChannelQueue([trunk], now)
    first = await queue.channel(queue.join({"alpha"}, last_resort=False), 30)
    assert first
    waiting = asyncio.create_task(queue.channel(queue.join({"alpha"}, last_resort=False), 30))
    await asyncio.sleep(1)
    queue.give_back(first)
    assert trunk.calls == 1
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert trunk.calls == 0


async def test_a_try_that_rings_lets_the_waiting_in() -> None:
    line = ScriptedLine(usual=REFUSED_503)
    spare = ScriptedLine(usual=answered(for_s=500))
    members = (Member("alpha", line, 1), Member("beta", spare, 2, channels=1))
    async with group_of(*members, longest_wait_s=100) as group:
        for number in range(5):
            spare.scripts.append(answered(for_s=0.1))
            assert (await ending(await group.dial(CALL))).trunk == "beta", number
        await group.dial(CALL)
        line.usual = answered(for_s=500)
        waiting = [asyncio.create_task(group.dial(CALL)) for _ in range(2)]
        await asyncio.gather(*waiting)
        tried_at = line.dialled_at[-2:]
        assert tried_at[0] == pytest.approx(line.dialled_at[4] + 30.1)
        assert tried_at[1] == pytest.approx(tried_at[0] + 1)
