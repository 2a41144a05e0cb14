"""The media clock keeps its beat: 20 calls are up while the recogniser and the voice work all the time."""

import asyncio
import os
from contextlib import AsyncExitStack
from io import StringIO
from itertools import count
from pathlib import Path

from rich.console import Console

from dialogs.script.load import load_script
from models.asr import Utterance
from tests.system.sip_trunk import answered_leg
from tests.system.sipp import called_party
from tests.system.small_campaign import small_settings
from voicebot.call.media.channel import CallChannel, ChannelEvent
from voicebot.call.media.media_clock import TickLateness
from voicebot.call.turn_taking.barge_in import BargeIn
from voicebot.call.turn_taking.endpointing import Endpointer
from voicebot.console.steps import Steps
from voicebot.demo import LIBRARY, SCRIPT
from voicebot.service import Service, prepare_service

CALLS = 20
SETTLE_S = 1.0
MEASURE_S = 12.0
MOST_MS = 10.0
PATIENCE_S = 30.0


async def keep_engines_busy(service: Service, done: dict[str, int]) -> None:
    """Speak and recognise without a pause until cancelled, several requests at once as in many calls."""
    speech = await service.engines.speaker.speak("How much is the delivery to Boston?", deadline_s=PATIENCE_S)
    numbers = count()

    async def recognise() -> None:
        while True:
            heard = await service.engines.recogniser.transcribe(
                Utterance(speech.samples), deadline_s=PATIENCE_S
            )
            assert "delivery" in heard.text.lower()
            done["recognised"] += 1

    async def speak() -> None:
        while True:
            text = f"Your order number is {next(numbers)}, and it will arrive in a few days."
            await service.engines.speaker.speak(text, deadline_s=PATIENCE_S)
            done["spoken"] += 1

    async with asyncio.TaskGroup() as group:
        for work in (recognise, recognise, recognise, speak, speak):
            group.create_task(work())


async def test_no_tick_is_late_while_twenty_calls_are_up_and_the_engines_work(tmp_path: Path) -> None:
    settings = small_settings(tmp_path)
    events: list[ChannelEvent] = []
    done = {"recognised": 0, "spoken": 0}
    async with AsyncExitStack() as stack:
        peer = await stack.enter_async_context(called_party("instant_answer", tmp_path, calls=CALLS))
        service = await stack.enter_async_context(
            prepare_service(
                settings,
                load_script(LIBRARY / SCRIPT),
                tmp_path / "recordings",
                Steps(Console(file=StringIO())),
            )
        )
        legs = [await answered_leg(service.line, peer.uri) for _ in range(CALLS)]
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
        busy = asyncio.create_task(keep_engines_busy(service, done))
        await asyncio.sleep(SETTLE_S)
        service.clock.lateness = late = TickLateness()
        await asyncio.sleep(MEASURE_S)
        service.clock.lateness = TickLateness()  # hanging up is not what is measured
        assert not busy.done(), busy
        busy.cancel()
        for channel in channels:
            service.clock.detach(channel)
            channel.close()
        await asyncio.gather(*(leg.hang_up() for leg in legs))
        await peer.finished()
    print(f"\n{done}, tick lateness max {late.max_ms:.1f} ms, p99 {late.percentile(0.99):.2f} ms")
    assert done["recognised"] >= 10
    assert done["spoken"] >= 3
    assert events == [], "the calls are silent, and no tick failed"
    for number in range(CALLS):
        frames = (tmp_path / "recordings" / f"call-{number}.wav").stat().st_size / 4 / 160
        assert frames > (SETTLE_S + MEASURE_S) / 0.02 - 5, "every call was served in every tick"
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    assert late.max_ms <= MOST_MS, f"a tick was {late.max_ms:.1f} ms late; load average {load}"
