"""A hundred calls at once while the recogniser works without a pause: when do our packets leave?

Measured by capture, outside the processes that send them. The far end of all calls is one sipp, which echoes.
"""

import asyncio
import os
import time
from contextlib import AsyncExitStack
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from dialogs.script.load import load_script
from dialogs.turn import Saying
from models.asr import Utterance
from models.tts import Speech
from telephony.line import EndKind
from tests.system.capture import can_capture, captured, rtp_gaps
from tests.system.sip_trunk import ending, leg_and_answer
from tests.system.sipp import called_party, free_udp_ports
from tests.system.small_campaign import small_settings
from voicebot.call.barge_in import BargeIn
from voicebot.call.channel import CallChannel, ChannelEvent
from voicebot.call.endpointing import Endpointer
from voicebot.call.media_clock import TickLateness
from voicebot.console.steps import Steps
from voicebot.demo import LIBRARY, SCRIPT
from voicebot.service import Service, prepare_service
from voicebot.settings import Settings
from voicebot.trunk_settings import TrunkSettings

CALLS = 100
SETTLE_S = 1.0
MEASURE_S = 12.0
MOST_GAP_MS = 25.0
PATIENCE_S = 30.0


def settings_for_many(folder: Path) -> Settings:
    trunk = TrunkSettings(local_port=free_udp_ports(4), channels=CALLS)
    return small_settings(folder).model_copy(update={"trunks": {"main": trunk}})


async def recognise_without_pause(service: Service, speech: Speech, done: list[float]) -> None:
    """Keep the recogniser's process at work: there is always a second request waiting."""

    async def recognise() -> None:
        while True:
            heard = await service.engines.recogniser.transcribe(
                Utterance(speech.samples), deadline_s=PATIENCE_S
            )
            assert "delivery" in heard.text.lower()
            done.append(asyncio.get_running_loop().time())

    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(recognise())


@pytest.mark.skipif(not can_capture(), reason="capturing packets needs CAP_NET_RAW")
async def test_packets_keep_their_pace_in_a_hundred_calls(tmp_path: Path) -> None:
    settings = settings_for_many(tmp_path)
    events: list[ChannelEvent] = []
    recognised: list[float] = []
    media_port = free_udp_ports(4)
    async with AsyncExitStack() as stack:
        peer = await stack.enter_async_context(
            called_party("instant_answer", tmp_path, calls=CALLS, echo_port=media_port)
        )
        service = await stack.enter_async_context(
            prepare_service(
                settings,
                load_script(LIBRARY / SCRIPT),
                tmp_path / "recordings",
                Steps(Console(file=StringIO())),
            )
        )
        text = "How much is the delivery to Boston?"
        speech = await service.engines.speaker.speak(text, deadline_s=PATIENCE_S)
        legs = [(await leg_and_answer(service.line, peer.uri))[0] for _ in range(CALLS)]
        channels = [
            CallChannel(
                leg,
                Endpointer(settings.endpointing),
                BargeIn(settings.barge_in, "en"),
                service.recordings.open(f"call-{number}"),
                events.append,
            )
            for number, leg in enumerate(legs)
        ]
        for channel in channels:
            service.clock.attach(channel)
            channel.playout.begin()
            for _ in range(10):
                channel.playout.add(Saying(text, "start", barge_in=False), speech)
        busy = asyncio.create_task(recognise_without_pause(service, speech, recognised))
        await asyncio.sleep(SETTLE_S)
        recognised.clear()
        service.clock.lateness = late = TickLateness()
        cpu_s = time.process_time()
        async with captured(tmp_path / "ours.pcap", f"udp and dst port {media_port}"):
            await asyncio.sleep(MEASURE_S)
        cpu_share = (time.process_time() - cpu_s) / MEASURE_S
        service.clock.lateness = TickLateness()  # hanging up is not what is measured
        assert not busy.done(), busy
        busy.cancel()
        for channel in channels:
            service.clock.detach(channel)
            channel.close()
        await asyncio.gather(*(leg.hang_up() for leg in legs))
        ends = [await ending(leg) for leg in legs]
        await peer.finished()
    gaps = rtp_gaps(tmp_path / "ours.pcap")
    # How late the ticks are depends on what else the machine does; the capture is what counts.
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\n{gaps}; {len(recognised)} sentences recognised in {MEASURE_S:g} s")
    print(f"ticks late in ms: p99 {late.percentile(0.99):.2f}, max {late.max_ms:.1f}; load average {load}")
    print(f"the process with the media clock took {cpu_share:.2f} of a core")
    assert {ended.kind for ended in ends} == {EndKind.LOCAL_HANGUP}
    assert gaps.streams == CALLS
    assert len(recognised) >= 5
    assert gaps.percentile(99) <= MOST_GAP_MS
