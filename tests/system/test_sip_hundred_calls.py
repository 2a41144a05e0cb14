"""A hundred calls at once while the recogniser works without a pause: when do our packets leave?

Measured by capture, outside the processes that send them. The far end of all calls is one sipp, which echoes.
"""

import asyncio
import os
import time
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from dialogs.script.load import load_script
from dialogs.turn import Saying
from models.asr import Utterance
from models.tts import Speech
from telephony.line import Ended, EndKind, Leg
from tests.system.capture import can_capture, captured, rtp_gaps
from tests.system.sip_trunk import answered_leg, ending
from tests.system.sipp import called_party, free_udp_ports
from tests.system.small_campaign import small_settings
from voicebot.call.media.channel import CallChannel
from voicebot.call.media.media_clock import TickLateness
from voicebot.call.turn_taking.barge_in import BargeIn
from voicebot.call.turn_taking.endpointing import Endpointer
from voicebot.console.steps import Steps
from voicebot.demo import LIBRARY, SCRIPT
from voicebot.service import Service, prepare_service
from voicebot.settings import Settings
from voicebot.trunk_settings import TrunkSettings

CALLS = 100
TEXT = "How much is the delivery to Boston?"
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


@dataclass
class Measured:
    """What the hundred calls came to."""

    late: TickLateness
    sentences: int
    cpu_share: float
    """Of one core, by the process with the media clock."""
    ends: list[Ended]


def channels_that_talk(service: Service, legs: list[Leg], speech: Speech) -> list[CallChannel]:
    """On the media clock, with recording, saying a sentence over and over."""
    channels = []
    for number, leg in enumerate(legs):
        channel = CallChannel(
            leg,
            Endpointer(service.settings.endpointing),
            BargeIn(service.settings.barge_in, "en"),
            service.recordings.open(f"call-{number}"),
            lambda event: None,
        )
        service.clock.attach(channel)
        channel.playout.begin()
        for _ in range(10):
            channel.playout.add(Saying(TEXT, "start", barge_in=False), speech)
        channels.append(channel)
    return channels


async def measure(service: Service, uri: str, file: Path, media_port: int) -> Measured:
    """Bring the calls up, let them talk while the recogniser works, and hang up."""
    speech = await service.engines.speaker.speak(TEXT, deadline_s=PATIENCE_S)
    legs = [await answered_leg(service.line, uri) for _ in range(CALLS)]
    channels = channels_that_talk(service, legs, speech)
    recognised: list[float] = []
    busy = asyncio.create_task(recognise_without_pause(service, speech, recognised))
    await asyncio.sleep(SETTLE_S)
    recognised.clear()
    service.clock.lateness = late = TickLateness()
    cpu_s = time.process_time()
    async with captured(file, f"udp and dst port {media_port}"):
        await asyncio.sleep(MEASURE_S)
    cpu_share = (time.process_time() - cpu_s) / MEASURE_S
    service.clock.lateness = TickLateness()  # hanging up is not what is measured
    assert not busy.done(), busy
    busy.cancel()
    for channel in channels:
        service.clock.detach(channel)
        channel.close()
    await asyncio.gather(*(leg.hang_up() for leg in legs))
    return Measured(late, len(recognised), cpu_share, [await ending(leg) for leg in legs])


@pytest.mark.skipif(not can_capture(), reason="capturing packets needs CAP_NET_RAW")
async def test_packets_keep_their_pace_in_a_hundred_calls(tmp_path: Path) -> None:
    media_port, file = free_udp_ports(4), tmp_path / "ours.pcap"
    script, quiet = load_script(LIBRARY / SCRIPT), Steps(Console(file=StringIO()))
    async with (
        called_party("instant_answer", tmp_path, calls=CALLS, echo_port=media_port) as peer,
        prepare_service(settings_for_many(tmp_path), script, tmp_path / "recordings", quiet) as service,
    ):
        measured = await measure(service, peer.uri, file, media_port)
        await peer.finished()
    gaps, late = rtp_gaps(file), measured.late
    print(f"\n{gaps}; {measured.sentences} sentences recognised in {MEASURE_S:g} s")
    # How late the ticks are depends on what else the machine does; the capture is what counts.
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"ticks late in ms: p99 {late.percentile(0.99):.2f}, max {late.max_ms:.1f}; load average {load}")
    print(f"the process with the media clock took {measured.cpu_share:.2f} of a core")
    assert {ended.kind for ended in measured.ends} == {EndKind.LOCAL_HANGUP}
    assert gaps.streams == CALLS
    assert measured.sentences >= 5
    assert gaps.percentile(99) <= MOST_GAP_MS
