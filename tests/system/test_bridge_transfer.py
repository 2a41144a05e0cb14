"""What bridges do besides talking: transfer, hold, causes, caller-IDs, and how much they may carry."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from starlette.responses import Response

from telephony.line import (
    DigitPressed,
    EndKind,
    Held,
    LineBusy,
    LineError,
    TransferFailed,
    Unheld,
)
from tests.system.simulated_providers import CALLER, SECRET, Provider, SimulatedJambonz, SimulatedTwilio
from tests.system.simulated_switches import SimulatedAsterisk, SimulatedFreeSwitch
from tests.system.test_bridges import TO, answered, ending, every_provider, speak, started

AGENT = "+15550777"
OTHER = "+15550888"


def to_the_dialplan(fate: str, takes_transfer: bool = True) -> Provider:
    return SimulatedAsterisk(fate, takes_transfer, transfer_context="agents")


TRANSFERS = [
    pytest.param(SimulatedTwilio, f"{AGENT} as {OTHER}", id="Twilio"),
    pytest.param(SimulatedJambonz, f"{AGENT} as {OTHER}", id="jambonz"),
    pytest.param(SimulatedFreeSwitch, f"{AGENT} as {OTHER}", id="FreeSWITCH"),
    pytest.param(SimulatedAsterisk, f"PJSIP/{AGENT}", id="Asterisk REFER"),
    pytest.param(to_the_dialplan, f"{AGENT} in agents", id="Asterisk dialplan"),
]


@pytest.mark.parametrize(("make", "transferred_to"), TRANSFERS)
async def test_a_transferred_call_is_left_to_the_provider(
    make: Callable[..., Provider], transferred_to: str
) -> None:
    provider = make("answer")
    async with started(provider) as bridge:
        leg, far_end = await answered(bridge, provider, replace(TO, caller_id=OTHER))
        assert provider.caller == OTHER
        await leg.transfer(AGENT)
        ended = await ending(leg)
        assert ended.kind is EndKind.TRANSFERRED
        async with asyncio.timeout(2):
            await far_end.closed.wait()
            # jambonz hears our answer to its question a moment after we have given it.
            while not provider.transferred_to:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert provider.transferred_to == transferred_to
    assert not provider.hung_up.is_set(), "the callee talks with somebody else"


@pytest.mark.parametrize(("make", "transferred_to"), TRANSFERS)
async def test_a_refused_transfer_leaves_the_call_as_it_was(
    make: Callable[..., Provider], transferred_to: str
) -> None:
    provider = make("answer", False)
    async with started(provider) as bridge:
        leg, far_end = await answered(bridge, provider, replace(TO, caller_id=OTHER))
        await leg.transfer(AGENT)
        async with asyncio.timeout(2):
            assert isinstance(await leg.next_event(), TransferFailed)
        await speak(leg, 1_000, 10)
        await asyncio.sleep(0.1)
        assert len(far_end.heard) >= 1_600
        await leg.hang_up()
        assert (await ending(leg)).kind is EndKind.LOCAL_HANGUP
        assert provider.hung_up.is_set()


async def test_a_transfer_that_cannot_be_asked_for_is_a_clear_fault() -> None:
    provider = SimulatedTwilio("answer")
    async with started(provider) as bridge:
        leg, _ = await answered(bridge, provider)
        with pytest.raises(LineError, match="no telephone number"):
            await leg.transfer("sip:x@h,park:")
        await leg.hang_up()
        with pytest.raises(LineError, match="call that is up"):
            await leg.transfer(AGENT)


async def test_a_transfer_that_nobody_reports_on_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telephony.websocket.leg.TRANSFER_TIMEOUT_S", 0.1)
    monkeypatch.setattr(SimulatedJambonz, "new_hook", lambda *_: Response(status_code=202))
    provider = SimulatedJambonz("answer")
    async with started(provider) as bridge:
        leg, _ = await answered(bridge, provider)
        await leg.transfer(AGENT)
        async with asyncio.timeout(2):
            assert isinstance(await leg.next_event(), TransferFailed)
        await leg.hang_up()


@every_provider
async def test_a_call_is_placed_as_the_configured_number_or_another(kind: type[Provider]) -> None:
    for caller_id, expected in (("", CALLER), (OTHER, OTHER)):
        provider = kind("busy")
        async with started(provider) as bridge:
            await ending(await bridge.dial(replace(TO, caller_id=caller_id)))
        assert provider.caller == expected
    provider = kind("busy")
    async with started(provider) as bridge:
        with pytest.raises(LineError, match="no telephone number"):
            await bridge.dial(replace(TO, caller_id="1,park:"))


async def test_switches_report_hold() -> None:
    asterisk = SimulatedAsterisk("answer")
    async with started(asterisk) as bridge:
        leg, _ = await answered(bridge, asterisk)
        for event, expected in (("ChannelHold", Held), ("ChannelUnhold", Unheld)):
            await asterisk.event(event, asterisk.call)
            assert isinstance(await leg.next_event(), expected)
    freeswitch = SimulatedFreeSwitch("answer")
    async with started(freeswitch) as bridge:
        leg, _ = await answered(bridge, freeswitch)
        for event, expected in (("CHANNEL_HOLD", Held), ("CHANNEL_UNHOLD", Unheld)):
            freeswitch.event(event)
            assert isinstance(await leg.next_event(), expected)


@pytest.mark.parametrize(
    ("kind", "status", "q850"),
    [
        (SimulatedTwilio, 486, None),
        (SimulatedJambonz, 486, None),
        (SimulatedAsterisk, None, 17),
        (SimulatedFreeSwitch, 486, 17),
    ],
)
async def test_the_end_carries_the_causes_that_the_provider_knows(
    kind: type[Provider], status: int | None, q850: int | None
) -> None:
    provider = kind("busy")
    async with started(provider) as bridge:
        ended = await ending(await bridge.dial(TO))
        assert (ended.kind, ended.status, ended.q850) == (EndKind.BUSY, status, q850)
        assert ended.trunk == "simulated"


async def test_an_older_asterisk_is_spoken_to_in_words() -> None:
    provider = SimulatedAsterisk("answer", control="plain")
    async with started(provider) as bridge:
        leg, far_end = await answered(bridge, provider)
        await speak(leg, 1_000, 20)
        await asyncio.sleep(0.1)
        assert len(far_end.heard) == 3_200
        await far_end.press("#")
        digit = await leg.next_event()
        assert isinstance(digit, DigitPressed)
        assert digit.digit == "#"
        leg.flush()
        async with asyncio.timeout(1):
            await far_end.cleared.wait()


async def test_freeswitch_is_told_how_to_log_in() -> None:
    provider = SimulatedFreeSwitch("answer")
    provider.media_password = SECRET
    async with started(provider) as bridge:
        leg, far_end = await answered(bridge, provider)
        assert far_end.headers["Authorization"].startswith("Basic ")
        await leg.hang_up()


async def test_no_more_calls_than_channels_and_no_faster_than_the_rate() -> None:
    provider = SimulatedAsterisk("ring")
    async with started(provider, channels=1, calls_per_second=100) as bridge:
        leg = await bridge.dial(TO)
        with pytest.raises(LineBusy, match="1 channels"):
            await bridge.dial(TO)
        await leg.hang_up()
        async with asyncio.timeout(2):
            await (await bridge.dial(TO)).hang_up()
    provider = SimulatedAsterisk("ring")
    async with started(provider, calls_per_second=1) as bridge:
        await bridge.dial(TO)
        with pytest.raises(LineBusy, match="1 calls per second"):
            await bridge.dial(TO)
