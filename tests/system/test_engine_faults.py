"""Engine processes die during real calls with simulated people: nobody is left in silence."""

import asyncio
import os
import signal
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from io import StringIO
from pathlib import Path

import numpy as np
from rich.console import Console

from dialogs.policy import open_dialogue
from dialogs.prompts import contact_sayings
from dialogs.script.load import load_script
from models.asr.service import WhisperRecogniser, serve_whisper
from models.tts.service import VOICE
from telephony.line import DialRequest
from tests.system.processes import children, command_line
from tests.system.small_campaign import pick_personas, small_settings
from voicebot.call.engines import Engines
from voicebot.call.result import CallResult
from voicebot.call.session import CallSession
from voicebot.call.watching import CallWatcher
from voicebot.console.events import CampaignEvent, TurnSaid
from voicebot.console.steps import Steps
from voicebot.demo import LIBRARY, SCRIPT
from voicebot.service import Service, prepare_service
from voicebot.simulation.crowd import Crowd, people

WIN_BACK = load_script(LIBRARY / SCRIPT)
LONGEST_SILENCE_S = 10.0


@dataclass
class Room:
    """A running service whose engines can be killed, and people to call."""

    service: Service
    crowd: Crowd
    numbers: dict[str, str]
    agent_turns: list[str] = field(default_factory=list)
    """What the bot has begun to say by now."""

    async def call(self, persona: str, first_name: str, engines: Engines | None = None) -> CallResult:
        variables = {"first_name": first_name, "last_purchase": "a reading lamp"}
        session = CallSession(
            line=self.service.line,
            clock=self.service.clock,
            engines=engines or self.service.engines,
            script=WIN_BACK,
            opening=open_dialogue(WIN_BACK, variables),
            request=DialRequest(self.crowd.address(self.numbers[persona])),
            settings=self.service.settings,
            watcher=CallWatcher(self._watch, 1),
            local_now=datetime.now,
            recordings=self.service.recordings,
            name=persona,
        )
        return await session.run()

    def _watch(self, event: CampaignEvent) -> None:
        if isinstance(event, TurnSaid) and event.speaker == "agent":
            self.agent_turns.append(event.text)


@asynccontextmanager
async def room(folder: Path, *personas: str) -> AsyncIterator[Room]:
    settings = small_settings(folder)
    numbers = pick_personas(folder / "personas", personas)
    async with AsyncExitStack() as stack:
        crowd = await stack.enter_async_context(
            people(
                log=folder / "people.jsonl",
                weights=settings.weights,
                cache=settings.cache,
                personas=folder / "personas",
            )
        )
        steps = Steps(Console(file=StringIO()))
        service = await stack.enter_async_context(
            prepare_service(settings, WIN_BACK, folder / "recordings", steps)
        )
        for name in ("Maya", "Hannah", "Ruth"):
            sayings = contact_sayings(WIN_BACK, {"first_name": name, "last_purchase": "a reading lamp"})
            await service.speaker.prerender(sayings)
        yield Room(service, crowd, numbers)


@asynccontextmanager
async def kept_dead(find: Callable[[], int | None]) -> AsyncIterator[None]:
    """Kill the process, and each one that takes its place."""

    async def kill() -> None:
        while True:
            if pid := find():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.02)

    killing = asyncio.create_task(kill())
    try:
        yield
    finally:
        killing.cancel()


def process_of(recogniser: WhisperRecogniser) -> int | None:
    (service,) = recogniser.services.values()
    return service.pid


def process_of_the_voice() -> int | None:
    own = children(os.getpid())
    return next((pid for pid in own if f"engine_worker {VOICE}" in command_line(pid)), None)


def longest_silence_s(recording: Path) -> float:
    """The longest time in which neither side is heard."""
    with wave.open(str(recording)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)
    frames = samples[: len(samples) // 320 * 320].reshape(-1, 320)
    loud = np.flatnonzero(np.sqrt((frames**2).mean(axis=1)) > 200)
    assert len(loud) > 50, "somebody is heard"
    edges: list[int] = [0, *map(int, loud), len(frames)]
    return float(np.diff(edges).max() * 0.02)


def said_by_the_bot(result: CallResult) -> list[str]:
    return [turn.text for turn in result.turns if turn.speaker == "agent"]


async def test_the_recogniser_dies_once_and_the_call_goes_on(tmp_path: Path) -> None:
    """It dies during the greeting; the first answer cannot be heard, the second one can."""
    async with room(tmp_path, "wrong_person") as here:
        recogniser = here.service.engines.recogniser
        assert isinstance(recogniser, WhisperRecogniser)
        calling = asyncio.create_task(here.call("wrong_person", "Ruth"))
        await until(lambda: len(here.agent_turns) == 1, calling)
        async with kept_dead(lambda: process_of(recogniser)):
            await until(lambda: len(here.agent_turns) == 2, calling)
        result = await calling
    assert here.agent_turns[1].startswith(WIN_BACK.no_match.say[0])
    assert (result.connected, result.outcome) == ("finished", "wrong_person")
    assert longest_silence_s(tmp_path / "recordings" / result.recording) < LONGEST_SILENCE_S


async def test_a_recogniser_that_stays_dead_and_a_voice_that_dies(tmp_path: Path) -> None:
    """Two calls at once. One person is never understood: apology. The other hears rendered prompts only
    and gets through, until something is to be said that nobody has rendered: apology too."""
    async with room(tmp_path, "interested", "busy_now") as here, AsyncExitStack() as stack:
        settings = here.service.settings
        doomed = await stack.enter_async_context(serve_whisper(settings.weights, nice=settings.engine_nice))
        await stack.enter_async_context(kept_dead(lambda: process_of(doomed)))
        await stack.enter_async_context(kept_dead(process_of_the_voice))
        await asyncio.sleep(0.1)
        deaf = replace(here.service.engines, recogniser=doomed)
        unheard, unspoken = await asyncio.gather(
            here.call("interested", "Maya", deaf), here.call("busy_now", "Hannah")
        )
    for result in (unheard, unspoken):
        assert result.connected == "system_error"
        assert said_by_the_bot(result)[-1] == WIN_BACK.trouble
        assert longest_silence_s(tmp_path / "recordings" / result.recording) < LONGEST_SILENCE_S
    assert not any(turn.text for turn in unheard.turns if turn.speaker == "customer")
    assert len(said_by_the_bot(unheard)) == 4, "greeting, asked again twice, apology"
    assert any("call you back" in text or "day and time" in text for text in said_by_the_bot(unspoken))


async def until(condition: Callable[[], bool], calling: asyncio.Task[CallResult]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            assert not calling.done(), calling.result()
            await asyncio.sleep(0.02)
