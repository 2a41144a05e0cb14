"""What a silent call costs in each tick, against a floor measured in the same run: ratios, not times."""

import asyncio
import base64
import json
import time
from collections.abc import Callable

import numpy as np

from models.vad.gate import HANGOVER, GatedVad
from telephony.audio import decode_mulaw
from telephony.line import FRAME_SAMPLES
from telephony.tones import ToneDetector
from telephony.websocket.leg import WebSocketLeg
from telephony.websocket.twilio import TwilioCodec
from tests.system.test_vad import make_vad
from voicebot.bench.silent_callers import silence
from voicebot.call.media.channel import CallChannel, ChannelEvent
from voicebot.call.media.media_clock import MediaClock
from voicebot.call.turn_taking.barge_in import BargeIn
from voicebot.call.turn_taking.endpointing import Endpointer
from voicebot.settings import BargeInSettings, EndpointingSettings

ROUNDS, TICKS = 7, 25
MOST_FLOORS = 20
"""The floor is to decode a frame and copy it; all that a silent call needs was 8 to 12 times as much,
and 30 times with the voice network run on silence."""
MOST_GROWTH = 2.0
"""Of the cost per call, from 50 to 200 calls: caches explain 1.5, work for each pair of calls would be 4."""


def done(leg: WebSocketLeg) -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


async def refused(leg: WebSocketLeg, digits: str) -> bool:
    return False


async def not_done(leg: WebSocketLeg, to: str) -> None:
    raise NotImplementedError


class SilentCalls:
    """Calls on Twilio's wire, without a network: messages in, ticks, nothing out."""

    def __init__(self, calls: int) -> None:
        self.events: list[ChannelEvent] = []
        self._clock = MediaClock(GatedVad(make_vad()), ToneDetector(calls))
        self._ticks = 0
        self._calls = [(self._call(), self._messages(number)) for number in range(calls)]

    def _call(self) -> WebSocketLeg:
        leg = WebSocketLeg(TwilioCodec(), "", done, refused, not_done, 1e6, 1e6)
        start = {"callSid": "CA1", "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000}}
        leg.on_message(json.dumps({"event": "start", "streamSid": "MZ1", "start": start}))
        endpointer, barge_in = Endpointer(EndpointingSettings()), BargeIn(BargeInSettings(), "en")
        self._clock.attach(CallChannel(leg, endpointer, barge_in, None, self.events.append))
        return leg

    def _messages(self, number: int) -> list[str]:
        return [
            json.dumps(
                {"event": "media", "media": {"payload": base64.b64encode(frame).decode()}, "streamSid": "MZ1"}
            )
            for frame in silence(-65, number)
        ]

    def tick(self) -> None:
        self._ticks += 1
        for leg, messages in self._calls:
            leg.on_message(messages[self._ticks % len(messages)])
        self._clock.tick(20 * self._ticks)


def cpu_s(work: Callable[[], None]) -> float:
    """CPU of the least of several rounds: what disturbs a round only adds."""
    rounds = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(TICKS):
            work()
        rounds.append(time.process_time() - begun)
    return min(rounds) / TICKS


async def test_a_silent_call_costs_a_few_times_the_least_and_no_more_where_there_are_many() -> None:
    codes = np.random.default_rng(1).integers(0, 256, FRAME_SAMPLES).astype(np.uint8).tobytes()
    into = np.zeros(FRAME_SAMPLES, np.int16)

    def least() -> None:
        for _ in range(100):
            into[:] = decode_mulaw(np.frombuffer(codes, np.uint8))

    costs = {}
    for calls in (50, 200):
        silent = SilentCalls(calls)
        for _ in range(HANGOVER * 2):
            silent.tick()
        costs[calls] = cpu_s(silent.tick) / calls
        assert silent.events == []
    floor = cpu_s(least) / 100
    told = ", ".join(f"{cost * 1e6:.1f} us of {calls} calls" for calls, cost in costs.items())
    print(f"\nfloor {floor * 1e6:.2f} us; a call and tick {told}")
    assert costs[200] <= MOST_FLOORS * floor
    assert costs[200] <= MOST_GROWTH * costs[50], "a tick's work grows faster than the number of calls"
