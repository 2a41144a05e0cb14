"""Several real SIP trunks as one line: a call that one cannot carry goes out over the next."""

from pathlib import Path
from typing import Any

import pytest

from telephony.line import Answered, DialRequest, EndKind, LegEvent, LineError
from telephony.routing.group import TrunkGroup
from tests.system.sip_trunk import ending, until_ended
from tests.system.sipp import called_party, free_udp_ports
from voicebot.lines import LineChoice, build_line
from voicebot.settings import Settings
from voicebot.trunk_settings import TrunkSettings

NUMBER = DialRequest("+12125550123", {"X-Campaign": "7"}, ring_timeout_s=15)


def trunk(domain: str, **changes: Any) -> TrunkSettings:
    """sipp plays one scenario at a port, so it cannot answer OPTIONS as well."""
    values = {"local_port": free_udp_ports(), "domain": domain, "options_interval_s": 0, **changes}
    return TrunkSettings(**values)


def two_trunks(first: str, second: str, **changes: Any) -> Settings:
    return Settings(trunks={"first": trunk(first, **changes), "second": trunk(second, priority=2, **changes)})


async def test_a_call_that_is_refused_for_the_trunks_sake_goes_out_over_the_next(tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    async with (
        called_party("refuse", tmp_path, status="503 Service Unavailable", reason="") as refusing,
        called_party("answer", tmp_path / "second", ring_ms=100) as answering,
    ):
        line = build_line(two_trunks(refusing.host, answering.host))
        assert isinstance(line, TrunkGroup)
        await line.start()
        try:
            leg = await line.dial(NUMBER)
            while not isinstance(event := await leg.next_event(), Answered):
                assert event
            assert [status.faults for status in line.status()] == [1, 0]
            await leg.hang_up()
            ended = await ending(leg)
            assert (ended.kind, ended.trunk) == (EndKind.LOCAL_HANGUP, "second")
            assert "first" in ended.note
            assert "503" in ended.note
            await refusing.finished()
            await answering.finished()
        finally:
            await line.close()
        (invite,) = answering.received("INVITE")
        assert invite.startswith("INVITE sip:+12125550123@")
        assert "X-Campaign: 7" in invite


async def test_a_callee_who_is_busy_is_not_tried_again(tmp_path: Path) -> None:
    async with called_party("refuse", tmp_path, status="486 Busy Here", reason="") as busy:
        line = build_line(two_trunks(busy.host, f"127.0.0.1:{free_udp_ports()}"))
        await line.start()
        try:
            ended = await ending(await line.dial(NUMBER))
            assert (ended.kind, ended.trunk, ended.note) == (EndKind.BUSY, "first", "")
        finally:
            await line.close()


async def test_a_trunk_that_never_replies_gives_way_within_seconds(tmp_path: Path) -> None:
    async with called_party("instant_answer", tmp_path) as answering:
        line = build_line(two_trunks(f"127.0.0.1:{free_udp_ports()}", answering.host))
        await line.start()
        try:
            leg = await line.dial(NUMBER)
            events: list[LegEvent] = []
            while not events or not isinstance(events[-1], Answered):
                events.append(await leg.next_event())
            assert [type(event) for event in events] == [Answered]
            await leg.hang_up()
            assert (await ending(leg)).trunk == "second"
        finally:
            await line.close()


async def test_the_number_nearest_to_the_called_one_is_shown_and_asserted(tmp_path: Path) -> None:
    ours = ("+442079460000", "+12125550100")
    async with called_party("instant_answer", tmp_path) as answering:
        settings = Settings(
            trunks={"main": trunk(answering.host, caller_ids=ours, assert_identity=True, user="callcentre")}
        )
        line = build_line(settings, LineChoice("main"))
        await line.start()
        try:
            leg = await line.dial(NUMBER)
            while not isinstance(event := await leg.next_event(), Answered):
                assert event
            await leg.hang_up()
            assert isinstance((await until_ended(leg))[-1].at, float)
            with pytest.raises(LineError, match="caller_ids"):
                await line.dial(DialRequest("+12125550123", caller_id="+18005550000"))
        finally:
            await line.close()
        (invite,) = answering.received("INVITE")
        assert "From: <sip:+12125550100@" in invite
        assert "P-Asserted-Identity: <sip:+12125550100@" in invite
