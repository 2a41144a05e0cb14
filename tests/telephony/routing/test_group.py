"""Several trunks as one line, on a timeline: which one carries a call, and what when it cannot."""

import asyncio
from collections import deque

import numpy as np
import pytest

from telephony.line import Answered, DialRequest, Ended, EndKind, LegEvent, LineError, Ringing
from telephony.routing.circuit_breaker import CircuitState
from telephony.routing.group import Member, TrunkGroup
from telephony.routing.health import HealthState, ProbeFault, RoundTrip
from tests.telephony.routing.scripted_line import (
    BUSY,
    CALL,
    REFUSED_503,
    ScriptedLine,
    a_frame,
    answered,
    ending,
    group_of,
    now,
    until_ended,
)

pytestmark = pytest.mark.virtual_time


async def test_a_refused_call_goes_out_over_the_next_trunk_under_the_same_leg() -> None:
    first, second = ScriptedLine(usual=REFUSED_503), ScriptedLine()
    async with group_of(Member("alpha", first, 1), Member("beta", second, 2)) as group:
        leg = await group.dial(CALL)
        frame = a_frame()
        events = await until_ended(leg)
        assert [type(each) for each in events] == [Ringing, Answered, Ended]
        ended = events[-1]
        assert isinstance(ended, Ended)
        assert (ended.kind, ended.trunk) == (EndKind.REMOTE_HANGUP, "beta")
        assert ended.note == "tried in vain: alpha (503 Service Unavailable)"
        assert second.legs[0].request.ring_timeout_s == pytest.approx(29.9)
        assert leg.read_frame(frame)
        assert [each.faults for each in group.status()] == [1, 0]


async def test_audio_and_commands_reach_the_leg_that_carries_the_call() -> None:
    first, second = ScriptedLine(usual=REFUSED_503), ScriptedLine()
    async with group_of(Member("alpha", first, 1), Member("beta", second, 2)) as group:
        leg = await group.dial(CALL)
        while not isinstance(await leg.next_event(), Answered):
            pass
        frame = a_frame()
        assert leg.read_frame(frame)
        assert np.all(frame == 1)
        leg.write_frame(a_frame(7))
        leg.flush()
        await leg.send_digits("12#")
        await leg.transfer("+14155550199")
        inner = second.legs[0]
        assert (leg.leg_id, leg.queued_samples(), inner.flushes) == ("call-1", 160, 1)
        assert (inner.digits, inner.transferred) == ("12#", "+14155550199")
        assert first.legs[0].written == []
        await leg.hang_up()
        assert (await ending(leg)).kind is EndKind.LOCAL_HANGUP


async def test_the_callees_answer_is_final() -> None:
    first, second = ScriptedLine(usual=BUSY), ScriptedLine()
    async with group_of(Member("alpha", first, 1), Member("beta", second, 2)) as group:
        ended = await ending(await group.dial(CALL))
        assert (ended.kind, ended.status, ended.trunk, ended.note) == (EndKind.BUSY, 486, "alpha", "")
        assert second.legs == []


async def test_a_telephone_that_rang_is_not_rung_again() -> None:
    fault = Ended(0, EndKind.SIP_ERROR, 503, "503 Service Unavailable")
    first, second = ScriptedLine(usual=[(1, Ringing(0)), (2, fault)]), ScriptedLine()
    async with group_of(Member("alpha", first, 1), Member("beta", second, 2)) as group:
        assert (await ending(await group.dial(CALL))).status == 503
        assert second.legs == []


async def test_each_trunk_is_tried_once_and_the_last_end_is_told() -> None:
    lines = [ScriptedLine(usual=REFUSED_503) for _ in range(3)]
    members = [Member(name, line) for name, line in zip("abc", lines, strict=True)]
    async with group_of(*members) as group:
        ended = await ending(await group.dial(CALL))
        assert (ended.status, ended.trunk) == (503, "c")
        assert ended.note == "tried in vain: a (503 Service Unavailable), b (503 Service Unavailable)"
        assert [len(line.legs) for line in lines] == [1, 1, 1]


async def test_no_other_trunk_is_tried_when_the_ring_timeout_is_nearly_used_up() -> None:
    late = [(26.0, Ended(0, EndKind.UNREACHABLE, 408, "408 Request Timeout"))]
    first, second = ScriptedLine(usual=late), ScriptedLine()
    async with group_of(Member("alpha", first, 1), Member("beta", second, 2)) as group:
        ended = await ending(await group.dial(CALL))
        assert (ended.kind, ended.trunk, ended.note) == (EndKind.UNREACHABLE, "alpha", "")
        assert second.legs == []


async def test_a_line_that_cannot_even_try_is_passed_over() -> None:
    first, second = ScriptedLine(usual=LineError("no worker is up")), ScriptedLine()
    async with group_of(Member("alpha", first, 1), Member("beta", second, 2)) as group:
        ended = await ending(await group.dial(CALL))
        assert (ended.trunk, ended.note) == ("beta", "tried in vain: alpha (no worker is up)")
        assert [each.faults for each in group.status()] == [1, 0]


async def test_what_every_trunk_refuses_is_no_fault_of_theirs() -> None:
    lines = [ScriptedLine(usual=LineError("not a SIP address")) for _ in range(2)]
    async with group_of(Member("alpha", lines[0]), Member("beta", lines[1])) as group:
        for _ in range(6):
            with pytest.raises(LineError, match="not a SIP address"):
                await group.dial(CALL)
        assert [each.faults for each in group.status()] == [0, 0]
        assert {each.circuit for each in group.status()} == {CircuitState.CLOSED}


async def test_hanging_up_while_another_trunk_is_looked_for_ends_the_call() -> None:
    first, second = ScriptedLine(usual=REFUSED_503), ScriptedLine(usual=answered(for_s=100))
    members = (Member("alpha", first, 1), Member("beta", second, 2, channels=1))
    async with group_of(*members) as group:
        first.scripts.append(answered(for_s=0))
        await ending(await group.dial(CALL))
        await group.dial(CALL)
        leg = await group.dial(CALL)
        await asyncio.sleep(1)
        asked_at = now()
        await leg.hang_up()
        ended = await ending(leg)
        assert now() - asked_at < 0.1
        assert (ended.kind, ended.text) == (EndKind.CANCELLED, "hung up by us")
        assert ended.note == "tried in vain: alpha (503 Service Unavailable)"
        assert len(second.legs) == 1


async def test_a_call_that_is_hung_up_when_its_trunk_fails_is_not_dialled_again() -> None:
    first, second = ScriptedLine(usual=REFUSED_503), ScriptedLine()
    async with group_of(Member("alpha", first, 1), Member("beta", second, 2)) as group:
        leg = await group.dial(CALL)
        await asyncio.sleep(0.08)
        await leg.hang_up()
        assert (await ending(leg)).status == 503
        assert second.dialled_at == []


async def test_hanging_up_while_the_next_trunk_dials_hangs_that_up() -> None:
    first, second = ScriptedLine(usual=REFUSED_503), ScriptedLine(dial_s=2)
    async with group_of(Member("alpha", first, 1), Member("beta", second, 2)) as group:
        leg = await group.dial(CALL)
        await asyncio.sleep(1)
        await leg.hang_up()
        ended = await ending(leg)
        assert (ended.kind, ended.trunk) == (EndKind.CANCELLED, "beta")
        assert now() < 3


async def test_the_circuit_opens_and_one_call_tries_it_again() -> None:
    first, second = ScriptedLine(usual=REFUSED_503), ScriptedLine(usual=answered(for_s=1))
    async with group_of(Member("alpha", first, 1), Member("beta", second, 2)) as group:
        for _ in range(5):
            await until_ended(await group.dial(CALL))
        assert group.status()[0].circuit is CircuitState.OPEN
        opened_at = first.dialled_at[-1]
        await until_ended(await group.dial(CALL))
        assert len(first.legs) == 5
        await asyncio.sleep(opened_at + 31 - now())
        assert group.status()[0].circuit is CircuitState.HALF_OPEN
        first.usual = answered(for_s=1)
        tries = [await group.dial(CALL), await group.dial(CALL)]
        assert (len(first.legs), len(second.legs)) == (6, 7)
        await asyncio.sleep(1.1)
        assert group.status()[0].circuit is CircuitState.CLOSED
        for leg in tries:
            await until_ended(leg)


async def test_a_try_that_is_hung_up_before_it_shows_anything_leaves_the_circuit_to_the_next() -> None:
    first, second = ScriptedLine(usual=REFUSED_503), ScriptedLine(usual=answered(for_s=1))
    async with group_of(Member("alpha", first, 1), Member("beta", second, 2)) as group:
        for _ in range(5):
            await until_ended(await group.dial(CALL))
        await asyncio.sleep(31)
        first.usual = answered(for_s=1)
        leg = await group.dial(CALL)
        await leg.hang_up()
        assert (await ending(leg)).trunk == "alpha"
        assert group.status()[0].circuit is CircuitState.HALF_OPEN
        assert (await ending(await group.dial(CALL))).trunk == "alpha"


async def test_a_good_options_answer_closes_a_half_open_circuit() -> None:
    async def probe() -> RoundTrip:
        return RoundTrip(3.0, 200)

    first, second = ScriptedLine(usual=REFUSED_503), ScriptedLine(usual=answered(for_s=1))
    asked = Member("alpha", first, 1, probe=probe, options_interval_s=20)
    async with group_of(asked, Member("beta", second, 2)) as group:
        await asyncio.gather(*[until_ended(await group.dial(CALL)) for _ in range(5)])
        assert group.status()[0].circuit is CircuitState.OPEN
        await asyncio.sleep(41 - now())
        status = group.status()[0]
        assert (status.circuit, status.health) == (CircuitState.CLOSED, HealthState.UP)
        assert status.round_trip_ms == 3.0


async def test_a_trunk_that_does_not_answer_options_is_avoided_until_it_does() -> None:
    answers: deque[RoundTrip | ProbeFault] = deque([ProbeFault("no answer"), ProbeFault("no answer")])

    async def probe() -> RoundTrip | ProbeFault:
        return answers.popleft() if answers else RoundTrip(3.0, 200)

    first, second = ScriptedLine(), ScriptedLine()
    asked = Member("alpha", first, 1, probe=probe, options_interval_s=20)
    async with group_of(asked, Member("beta", second, 2)) as group:
        await asyncio.sleep(6)
        assert (group.status()[0].health, group.status()[0].fault) == (HealthState.DOWN, "no answer")
        await group.dial(CALL)
        assert (len(first.legs), len(second.legs)) == (0, 1)
        await asyncio.sleep(20)
        await group.dial(CALL)
        assert (len(first.legs), len(second.legs)) == (1, 1)


async def test_if_all_are_down_the_best_is_tried_all_the_same() -> None:
    async def probe() -> ProbeFault:
        return ProbeFault("no answer")

    first, second = ScriptedLine(), ScriptedLine()
    members = [
        Member(name, line, priority, probe=probe)
        for name, line, priority in (("alpha", first, 2), ("beta", second, 1))
    ]
    async with group_of(*members) as group:
        await asyncio.sleep(10)
        assert {each.health for each in group.status()} == {HealthState.DOWN}
        assert (await ending(await group.dial(CALL))).trunk == "beta"


async def test_a_trunk_that_does_not_start_is_tried_again_later() -> None:
    first = ScriptedLine(start_faults=deque([LineError("SIP port 5070/udp cannot be used")] * 2))
    second = ScriptedLine()
    async with group_of(Member("alpha", first, 1), Member("beta", second, 2)) as group:
        assert (group.status()[0].started, group.status()[0].fault) == (
            False,
            "SIP port 5070/udp cannot be used",
        )
        assert (await ending(await group.dial(CALL))).trunk == "beta"
        await asyncio.sleep(61 - now())
        assert (group.status()[0].started, group.status()[0].fault) == (True, "")
        assert (await ending(await group.dial(CALL))).trunk == "alpha"
    assert (first.closed, second.closed) == (1, 1)


async def test_a_cancelled_start_gives_every_port_back() -> None:
    lines = [ScriptedLine(start_s=1), ScriptedLine(start_s=50)]
    group = TrunkGroup([Member("alpha", lines[0]), Member("beta", lines[1])])
    starting = asyncio.create_task(group.start())
    await asyncio.sleep(10)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    assert [line.closed for line in lines] == [1, 1]


async def test_if_none_starts_all_reasons_are_told() -> None:
    lines = [ScriptedLine(start_faults=deque([LineError(f"port {port} is taken")])) for port in (1, 2)]
    group = TrunkGroup([Member("alpha", lines[0]), Member("beta", lines[1])])
    with pytest.raises(LineError, match="alpha: port 1 is taken; beta: port 2 is taken"):
        await group.start()
    with pytest.raises(LineError, match="not started"):
        await group.dial(CALL)
    await group.start()
    await group.close()


async def test_one_call_that_breaks_ends_no_other() -> None:
    line = ScriptedLine()
    async with group_of(Member("alpha", line)) as group:
        broken, whole = await group.dial(CALL), await group.dial(CALL)

        async def next_event() -> LegEvent:
            raise RuntimeError("a bug")

        line.legs[0].next_event = next_event  # type: ignore[method-assign]
        line.legs[0].happen(Ringing(0))
        assert (await ending(broken)).kind is EndKind.SIP_ERROR
        assert (await ending(whole)).kind is EndKind.REMOTE_HANGUP


async def test_calls_go_out_as_the_nearest_number_and_never_as_a_strangers() -> None:
    west, east = ScriptedLine(), ScriptedLine()
    members = (
        Member("west", west, 1, caller_ids=("+14155550001", "+12135550001")),
        Member("east", east, 2, caller_ids=("+12125550003",)),
    )
    async with group_of(*members) as group:
        await group.dial(DialRequest("+12135559999"))
        await group.dial(DialRequest("+12135559999", caller_id="+12125550003"))
        assert west.legs[0].request.caller_id == "+12135550001"
        assert east.legs[0].request.caller_id == "+12125550003"
        with pytest.raises(LineError, match="Add it to the caller_ids of its trunk"):
            await group.dial(DialRequest("+12135559999", caller_id="+19005550000"))


def test_a_group_wants_names_and_room() -> None:
    line = ScriptedLine()
    with pytest.raises(LineError, match="each its own name"):
        TrunkGroup([Member("alpha", line), Member("alpha", line)])
    with pytest.raises(LineError, match="Give one or more"):
        TrunkGroup([])
    with pytest.raises(LineError, match="Set 1 or more"):
        Member("alpha", line, channels=0)
    with pytest.raises(LineError, match="Set more than 0"):
        Member("alpha", line, calls_per_second=float("nan"))
