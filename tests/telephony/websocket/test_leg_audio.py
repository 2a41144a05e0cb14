"""A bridged call's audio: rates are changed frame by frame, and what does not come is filled in."""

import asyncio
import json

import numpy as np
import pytest
from numpy.typing import NDArray

from telephony.audio import level_dbfs
from telephony.line import FRAME_SAMPLES, Answered, Ended, EndKind
from telephony.websocket.browser import BrowserCodec
from telephony.websocket.codec import AudioFormat, Encoding
from telephony.websocket.leg import WebSocketLeg
from telephony.websocket.wire_audio import WireAudio


def hum(samples: int, rate_hz: int) -> NDArray[np.int16]:
    return (8000 * np.sin(2 * np.pi * 200 * np.arange(samples) / rate_hz)).astype(np.int16)


@pytest.mark.parametrize("encoding", list(Encoding))
def test_every_frame_gives_a_frame_at_any_rate(encoding: Encoding) -> None:
    wire = WireAudio(AudioFormat(encoding, 16_000))
    size = 2 if encoding is Encoding.L16 else 1
    for frame in hum(10 * FRAME_SAMPLES, 8000).reshape(-1, FRAME_SAMPLES):
        sent = wire.encode(frame)
        assert len(sent) == 2 * FRAME_SAMPLES * size
        heard = np.frombuffer(wire.decode(sent), np.int16)
        assert heard.size == FRAME_SAMPLES
    # There and back: 6 ms late, and as loud as it was.
    assert level_dbfs(heard) == pytest.approx(float(level_dbfs(frame)), abs=0.3)


async def test_a_frame_that_does_not_come_is_filled_in_and_counted() -> None:
    async def signal_digits(leg: WebSocketLeg, digits: str) -> bool:
        return False

    async def transfer(leg: WebSocketLeg, to: str) -> None:
        raise NotImplementedError

    def terminate(leg: WebSocketLeg) -> asyncio.Future[None]:
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    leg = WebSocketLeg(BrowserCodec(), "token", terminate, signal_digits, transfer, 30, 10)
    hello = {"type": "hello", "version": 1, "token": "token", "encoding": "l16", "rate": 8000}
    leg.on_message(json.dumps(hello))
    assert isinstance(await leg.next_event(), Answered)
    into = np.full(FRAME_SAMPLES, 99, np.int16)
    assert not leg.read_frame(into)
    assert not into.any(), "nothing was heard yet"
    for frame in hum(5 * FRAME_SAMPLES, 8000).reshape(-1, FRAME_SAMPLES):
        leg.on_message(frame.astype("<i2").tobytes())
    assert [leg.read_frame(into) for _ in range(5)] == [True] * 5
    levels = []
    for _ in range(20):
        assert not leg.read_frame(into)
        levels.append(float(level_dbfs(into)))
    assert levels[0] == pytest.approx(float(level_dbfs(frame)), abs=1)
    assert max(levels[3:]) < -58
    leg.finish(EndKind.REMOTE_HANGUP, "")
    ended = await leg.next_event()
    assert isinstance(ended, Ended)
    assert ended.statistics.concealed_frames == 3
