"""Whole calls over each simulated provider: dial, talk, dial tones, interrupt, hang up, faults."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from telephony.line import Answered, DialRequest, DigitPressed, Ended, EndKind, LineError, Ringing
from telephony.websocket.bridge import MediaBridge
from telephony.websocket.leg import WebSocketLeg
from tests.system.far_end import TONE_HZ, FarEnd, strongest_hz, tone
from tests.system.simulated_providers import Provider, SimulatedJambonz, SimulatedTwilio
from tests.system.simulated_switches import SimulatedAsterisk, SimulatedFreeSwitch

PROVIDERS = [SimulatedTwilio, SimulatedAsterisk, SimulatedFreeSwitch, SimulatedJambonz]
every_provider = pytest.mark.parametrize("kind", PROVIDERS, ids=lambda kind: kind.__name__[9:])
TO = DialRequest("sip:+15550123@carrier.example")


@asynccontextmanager
async def started(provider: Provider, **settings: Any) -> AsyncIterator[MediaBridge]:
    async with provider.running():
        bridge = provider.bridge(**settings)
        await bridge.start()
        try:
            yield bridge
        finally:
            await bridge.close()


async def ending(leg: WebSocketLeg) -> Ended:
    async with asyncio.timeout(6):
        while not isinstance(event := await leg.next_event(), Ended):
            pass
    return event


async def answered(
    bridge: MediaBridge, provider: Provider, request: DialRequest = TO
) -> tuple[WebSocketLeg, FarEnd]:
    leg = await bridge.dial(request)
    async with asyncio.timeout(5):
        assert isinstance(await leg.next_event(), Ringing)
        assert isinstance(await leg.next_event(), Answered)
    return leg, await provider.connected()


async def speak(leg: WebSocketLeg, hz: int, frames: int) -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    for number in range(frames):
        leg.write_frame(tone(hz, 1, number))
        await asyncio.sleep(start + (number + 1) * 0.02 - loop.time())


@every_provider
async def test_a_whole_call(kind: type[Provider]) -> None:
    provider = kind("answer")
    async with started(provider) as bridge:
        leg, far_end = await answered(bridge, provider)
        assert provider.number == "+15550123"
        assert leg.leg_id

        into, heard = np.zeros(160, np.int16), []
        speaking = asyncio.create_task(speak(leg, 1_000, 40))
        for _ in range(40):
            await asyncio.sleep(0.02)
            if leg.read_frame(into):
                heard.append(into.copy())
        await speaking
        assert strongest_hz(np.concatenate(heard)) == pytest.approx(TONE_HZ, abs=15)
        await asyncio.sleep(0.15)
        assert strongest_hz(far_end.heard[1_600:]) == pytest.approx(1_000, abs=15)
        assert leg.queued_samples() == 0

        await far_end.press("7")
        digit = await leg.next_event()
        assert isinstance(digit, DigitPressed)
        assert digit.digit == "7"

        await leg.hang_up()
        ended = await ending(leg)
        assert ended.kind is EndKind.LOCAL_HANGUP
        assert ended.statistics.packets_sent == 40
        assert ended.statistics.packets_received > 30
        async with asyncio.timeout(2):
            await provider.hung_up.wait()
            await far_end.closed.wait()
        await leg.hang_up()


@every_provider
async def test_interrupted_speech_stops_and_its_length_is_known(kind: type[Provider]) -> None:
    provider = kind("answer")
    async with started(provider) as bridge:
        leg, far_end = await answered(bridge, provider)
        for number in range(75):
            leg.write_frame(tone(800, 1, number))
        await asyncio.sleep(0.42)
        queued = leg.queued_samples()
        leg.flush()
        assert leg.queued_samples() == 0
        async with asyncio.timeout(1):
            await far_end.cleared.wait()
        played = len(far_end.heard)
        assert 75 * 160 - queued == pytest.approx(played, abs=480)
        assert played == pytest.approx(0.42 * 8_000, abs=800)
        await asyncio.sleep(0.1)
        assert far_end.played_after_clear == 0

        await speak(leg, 1_200, 10)
        await asyncio.sleep(0.1)
        assert len(far_end.heard) == played + 1_600
        await leg.hang_up()


@every_provider
async def test_digits_reach_the_far_end(kind: type[Provider]) -> None:
    provider = kind("answer")
    async with started(provider) as bridge:
        leg, far_end = await answered(bridge, provider)
        await leg.send_digits("5#")
        await asyncio.sleep(0.1)
        if kind in (SimulatedAsterisk, SimulatedFreeSwitch):
            assert provider.digits == "5#"
        else:
            spectrum = np.abs(np.fft.rfft(far_end.heard[:800]))
            strongest = sorted(np.argsort(spectrum)[-2:] * 10)
            assert strongest == pytest.approx([770, 1_336], abs=12)
        with pytest.raises(ValueError, match="not DTMF"):
            await leg.send_digits("x")
        await leg.hang_up()


@every_provider
async def test_the_far_end_hangs_up(kind: type[Provider]) -> None:
    provider = kind("answer")
    async with started(provider) as bridge:
        leg, far_end = await answered(bridge, provider)
        await provider.person_hangs_up()
        assert (await ending(leg)).kind is EndKind.REMOTE_HANGUP
        async with asyncio.timeout(2):
            await far_end.closed.wait()


@every_provider
async def test_a_busy_telephone(kind: type[Provider]) -> None:
    provider = kind("busy")
    async with started(provider) as bridge:
        leg = await bridge.dial(TO)
        assert (await ending(leg)).kind is EndKind.BUSY


@every_provider
async def test_a_telephone_that_rings_out_is_cancelled(kind: type[Provider]) -> None:
    provider = kind("ring")
    async with started(provider) as bridge:
        leg = await bridge.dial(DialRequest(TO.to, ring_timeout_s=0.3))
        assert (await ending(leg)).kind is EndKind.NO_ANSWER
        assert provider.hung_up.is_set()


@every_provider
async def test_hanging_up_while_it_rings_cancels(kind: type[Provider]) -> None:
    provider = kind("ring")
    async with started(provider) as bridge:
        leg = await bridge.dial(TO)
        assert isinstance(await leg.next_event(), Ringing)
        await leg.hang_up()
        assert (await ending(leg)).kind is EndKind.CANCELLED
        assert provider.hung_up.is_set()


@every_provider
async def test_a_peer_that_vanishes_is_lost_media_and_the_call_is_ended(kind: type[Provider]) -> None:
    provider = kind("answer")
    async with started(provider) as bridge:
        leg, far_end = await answered(bridge, provider)
        far_end.vanish()
        assert (await ending(leg)).kind is EndKind.MEDIA_LOST
        async with asyncio.timeout(2):
            await provider.hung_up.wait()


@every_provider
async def test_a_message_that_is_too_long_ends_the_call(kind: type[Provider]) -> None:
    provider = kind("answer")
    async with started(provider, longest_message=2_048) as bridge:
        leg, far_end = await answered(bridge, provider)
        assert far_end.connection
        await far_end.connection.send("x" * 2_049)
        ended = await ending(leg)
        assert (ended.kind, ended.text) == (EndKind.MEDIA_LOST, "a message was too long")


async def test_strangers_are_refused_before_the_upgrade() -> None:
    provider = SimulatedTwilio("answer")
    async with started(provider) as bridge:
        _, far_end = await answered(bridge, provider)
        port = provider.bridge_port
        guesses = ("/media/" + "A" * 32, "/media", "/", "/media?token=" + "b" * 20)
        addresses = [f"ws://127.0.0.1:{port}{guess}" for guess in guesses]
        # The token of a call that is connected already, and one without the provider's signature.
        for address in (*addresses, far_end.url):
            with pytest.raises(InvalidStatus, match="403"):
                await connect(address)


async def test_a_peer_that_breaks_the_protocol_is_put_off() -> None:
    provider = SimulatedJambonz("answer")
    async with started(provider) as bridge:
        leg, far_end = await answered(bridge, provider)
        assert far_end.connection
        await far_end.connection.send("no JSON")
        ended = await ending(leg)
        assert ended.kind is EndKind.MEDIA_LOST
        assert "no JSON" not in ended.text
        async with asyncio.timeout(2):
            await far_end.closed.wait()
        assert far_end.connection.close_code == 1008


async def test_a_flood_and_a_silence_end_the_call() -> None:
    for setting, sends in (({"most_messages_per_s": 60}, 400), ({"idle_timeout_s": 0.2}, 0)):
        provider = SimulatedFreeSwitch("answer")
        async with started(provider, **setting) as bridge:
            leg, far_end = await answered(bridge, provider)
            assert far_end.connection
            for _ in range(sends):
                await far_end.connection.send(bytes(320))
            far_end.mute = not sends
            assert (await ending(leg)).kind is EndKind.MEDIA_LOST


async def test_an_answered_call_without_media_is_lost() -> None:
    provider = SimulatedTwilio("ring")
    async with started(provider, media_timeout_s=0.2) as bridge:
        leg = await bridge.dial(TO)
        assert isinstance(await leg.next_event(), Ringing)
        await provider.tell("in-progress")
        assert (await ending(leg)).kind is EndKind.MEDIA_LOST
        async with asyncio.timeout(2):
            await provider.hung_up.wait()


async def test_a_number_that_the_provider_refuses_is_a_disposition() -> None:
    provider = SimulatedTwilio("answer")
    async with started(provider) as bridge:
        leg = await bridge.dial(DialRequest("+10"))
        assert (await ending(leg)).kind is EndKind.NOT_EXIST


async def test_closing_the_bridge_hangs_up() -> None:
    provider = SimulatedAsterisk("answer")
    async with started(provider) as bridge:
        leg, _ = await answered(bridge, provider)
        await bridge.close()
        assert (await ending(leg)).kind is EndKind.LOCAL_HANGUP
        assert provider.hung_up.is_set()
        assert len(provider.deleted) >= 1
        with pytest.raises(LineError, match="not started"):
            await bridge.dial(TO)


async def test_providers_that_cannot_be_reached_are_one_clear_fault() -> None:
    for kind in (SimulatedAsterisk, SimulatedFreeSwitch):
        bridge = kind("answer").bridge()
        with pytest.raises(LineError, match="cannot be reached"):
            await bridge.start()
    for provider in (SimulatedTwilio("answer"), SimulatedJambonz("answer")):
        bridge = provider.bridge()
        await bridge.start()
        with pytest.raises(LineError, match="cannot be reached"):
            await bridge.dial(TO)
        await bridge.close()


async def test_a_port_in_use_and_an_unusable_number_are_clear_faults() -> None:
    provider = SimulatedTwilio("answer")
    async with started(provider) as bridge:
        with pytest.raises(LineError, match=f"{provider.bridge_port}.*local_port"):
            await provider.bridge().start()
        with pytest.raises(LineError, match="no telephone number"):
            await bridge.dial(DialRequest("sip:1@h\r\nX: y"))
