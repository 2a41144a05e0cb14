"""Who gets in over each provider's proof, and that a token is good for one connection of one call."""

import base64

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from telephony.line import EndKind, Ringing
from telephony.websocket.twilio_signature import sign
from tests.system.simulated_providers import SECRET, SimulatedJambonz, SimulatedTwilio
from tests.system.simulated_switches import SimulatedAsterisk, SimulatedFreeSwitch
from tests.system.test_bridges import TO, answered, ending, started


async def assert_refused(url: str, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        await connect(url, additional_headers=headers)


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


async def test_twilio_media_without_its_signature_are_refused() -> None:
    provider = SimulatedTwilio("ring")
    async with started(provider) as bridge:
        leg = await bridge.dial(TO)
        assert isinstance(await leg.next_event(), Ringing)
        url = provider.media_url
        for signature in ("", sign("another secret", url), sign(SECRET, url + "x"), "Ü"):
            await assert_refused(url, {"X-Twilio-Signature": signature.encode().decode("latin-1")})
        await assert_refused(url, {})
        async with connect(url, additional_headers={"X-Twilio-Signature": sign(SECRET, url)}):
            pass


async def test_a_forged_status_of_twilio_changes_nothing() -> None:
    provider = SimulatedTwilio("ring")
    async with started(provider) as bridge:
        leg = await bridge.dial(TO)
        assert isinstance(await leg.next_event(), Ringing)
        url = f"{provider.callback}?CallSid={provider.sid}&CallStatus=completed"
        async with httpx2.AsyncClient() as http:
            for signature in ("", sign("another secret", url), sign(SECRET, provider.callback)):
                reply = await http.get(url, headers={"X-Twilio-Signature": signature})
                assert reply.status_code == 403
        assert not leg.ended
        await leg.hang_up()


async def test_jambonz_media_need_the_password() -> None:
    provider = SimulatedJambonz("ring")
    async with started(provider) as bridge:
        leg = await bridge.dial(TO)
        assert isinstance(await leg.next_event(), Ringing)
        token = provider.body["call_hook"]["url"].rpartition("/")[2]
        url = f"ws://127.0.0.1:{provider.bridge_port}/media/{token}"
        for headers in ({}, basic("voicebot", "wrong"), basic("other", SECRET), {"Authorization": "Basic"}):
            await assert_refused(url, headers)
        async with connect(url, additional_headers=basic("voicebot", SECRET)):
            pass


@pytest.mark.parametrize("presented", ["", "wrong"])
async def test_freeswitch_media_need_the_password(presented: str) -> None:
    provider = SimulatedFreeSwitch("answer")
    provider.media_password, provider.presented = SECRET, presented
    async with started(provider, media_timeout_s=0.3) as bridge:
        if not presented:
            leg, _ = await answered(bridge, provider)
            await leg.hang_up()
        else:
            leg = await bridge.dial(TO)
        ended = await ending(leg)
        assert ended.kind is (EndKind.MEDIA_LOST if presented else EndKind.LOCAL_HANGUP)


async def test_asterisk_media_need_the_password() -> None:
    provider = SimulatedAsterisk("answer", media_user="voicebot", media_password=SECRET)
    async with started(provider, media_timeout_s=0.3) as bridge:
        assert (await ending(await bridge.dial(TO))).kind is EndKind.MEDIA_LOST


async def test_a_token_is_good_for_one_connection_of_one_call() -> None:
    provider = SimulatedTwilio("answer")
    async with started(provider) as bridge:
        leg, far_end = await answered(bridge, provider)
        signed = {"X-Twilio-Signature": sign(SECRET, far_end.url)}
        await assert_refused(far_end.url, signed)
        await leg.hang_up()
        await ending(leg)
        await far_end.closed.wait()
        await assert_refused(far_end.url, signed)
