"""A browser on the bridge, and what the four simulated providers do not show: 16 kHz, XOFF, logs."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect

from telephony.line import Answered, DialRequest, DigitPressed, Ended, EndKind, Ringing
from telephony.websocket.asterisk import AsteriskCodec
from telephony.websocket.bridge import BridgeConfig, MediaBridge
from telephony.websocket.browser import BrowserCodec
from telephony.websocket.codec import Codec
from telephony.websocket.freeswitch import AudioStreamCodec
from telephony.websocket.leg import WebSocketLeg
from telephony.websocket.originate_browser import BrowserOriginator
from telephony.websocket.originator import MediaTarget
from tests.system.far_end import strongest_hz, tone
from tests.system.simulated_providers import SECRET, SimulatedTwilio, free_port
from tests.system.test_bridges import TO, answered, ending, started


@asynccontextmanager
async def ringing(codec: Callable[[], Codec]) -> AsyncIterator[tuple[WebSocketLeg, MediaTarget]]:
    """A call that waits for somebody to connect."""
    targets: list[MediaTarget] = []
    port = free_port()
    config = BridgeConfig(local_port=port, public_url=f"ws://127.0.0.1:{port}")
    bridge = MediaBridge(config, codec, BrowserOriginator(lambda _, target: targets.append(target)))
    await bridge.start()
    try:
        leg = await bridge.dial(DialRequest("somebody"))
        assert isinstance(await leg.next_event(), Ringing)
        yield leg, targets[0]
    finally:
        await bridge.close()


async def until_answered(leg: WebSocketLeg) -> None:
    async with asyncio.timeout(2):
        assert isinstance(await leg.next_event(), Answered)


def hello(token: str) -> str:
    return json.dumps({"type": "hello", "version": 1, "token": token, "encoding": "l16", "rate": 16_000})


async def hear(page: ClientConnection, seconds: float) -> bytes:
    audio = b""
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await page.recv()
                audio += message if isinstance(message, bytes) else b""
    except TimeoutError:
        return audio


async def test_a_browser_talks_at_16_khz_both_ways() -> None:
    async with ringing(BrowserCodec) as (leg, target), connect(target.media_url) as page:
        await page.send(hello(target.token))
        await until_answered(leg)
        time_s = np.arange(7_680) / 16_000  # 480 ms, a burst that may be jitter
        samples = (8_000 * np.sin(2 * np.pi * 500 * time_s)).astype("<i2").tobytes()
        for at in range(0, len(samples), 640):
            await page.send(samples[at : at + 640])
        for number in range(25):
            leg.write_frame(tone(900, 1, number))
        into, heard = np.zeros(160, np.int16), []
        outgoing = await hear(page, 0.3)
        while leg.read_frame(into):
            heard.append(into.copy())
        assert strongest_hz(np.frombuffer(outgoing, np.int16)) * 2 == pytest.approx(900, abs=10)
        assert len(heard) >= 20
        assert strongest_hz(np.concatenate(heard)) == pytest.approx(500, abs=10)

        await page.send(json.dumps({"type": "dtmf", "digit": "9"}))
        assert isinstance(await leg.next_event(), DigitPressed)
        await leg.send_digits("42")
        leg.flush()
        said = [json.loads(await page.recv()) for _ in range(2)]
        assert said == [{"type": "dtmf", "digits": "42"}, {"type": "clear"}]
        await page.send(json.dumps({"type": "hangup"}))
        assert (await ending(leg)).kind is EndKind.REMOTE_HANGUP


async def test_the_token_of_another_call_is_not_believed() -> None:
    async with ringing(BrowserCodec) as (leg, target), connect(target.media_url) as page:
        await page.send(hello("x" * 32))
        ended = await ending(leg)
        assert isinstance(ended, Ended)
        assert ended.kind is EndKind.MEDIA_LOST


async def test_a_full_buffer_over_there_is_waited_for() -> None:
    async with ringing(AsteriskCodec) as (leg, target), connect(target.media_url) as asterisk:
        await asterisk.send('{"event":"MEDIA_START","connection_id":"c","format":"ulaw"}')
        await until_answered(leg)
        await asterisk.send('{"event":"MEDIA_XOFF"}')
        await asyncio.sleep(0.05)
        for _ in range(3):
            leg.write_frame(tone(900, 1))
        assert leg.queued_samples() == 480
        assert await hear(asterisk, 0.1) == b""
        await asterisk.send('{"event":"MEDIA_XON"}')
        assert len(await hear(asterisk, 0.1)) == 480


async def test_what_cannot_be_taken_back_counts_as_heard() -> None:
    async with ringing(AudioStreamCodec) as (leg, target), connect(target.media_url) as freeswitch:
        await freeswitch.send('{"callSid":"c"}')
        await until_answered(leg)
        for _ in range(10):
            leg.write_frame(tone(900, 1))
        leg.flush()
        assert leg.queued_samples() == pytest.approx(1_600, abs=200)
        assert len(await hear(freeswitch, 0.1)) == 3_200


async def test_logs_name_neither_secrets_nor_numbers(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    # import-linter, which another test runs, disables every logger that it does not know.
    monkeypatch.setattr(logging.getLogger("telephony.websocket.bridge"), "disabled", False)
    provider = SimulatedTwilio("answer")
    async with started(provider) as bridge:
        leg, far_end = await answered(bridge, provider)
        token = far_end.url.rpartition("/")[2]
        assert far_end.connection
        await far_end.connection.send('{"event":"evil"')
        await ending(leg)
    ours = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith(("telephony", "httpx"))
    )
    assert "broke its protocol" in ours
    for hidden in (SECRET, TO.to, "15550123", token, "evil"):
        assert hidden not in ours
