"""The speaker that calls talk to: the cache first, then the voice of the language in its own process."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path

from models.batching import BatcherMetrics, Priority
from models.engine import Engine
from models.registry.catalogue import load_catalogue, weights_path
from models.serving import EngineService, serve
from models.single_flight import SingleFlight
from models.tts import Speech
from models.tts.cache import SpeechCache
from models.tts.edges import RENDERING
from models.tts.kokoro import KokoroEngine, KokoroSettings
from models.tts.piper import DEFAULT_STYLE, PiperEngine, PiperSettings, PiperStyle

VOICE = "piper-en-us-joe"
MANDARIN_VOICE = "kokoro-82m"
MANDARIN_STYLE = ("jf_gongitsune", "jf_nezumi", "jf_tebukuro")
"""The embedded voices are Japanese; the mean of these three was understood best: docs/scripts.md."""
LONGEST_RENDER_S = 30.0


@dataclass(frozen=True, slots=True)
class RenderProgress:
    """How far `prerender` has come. `rendered` were not in the cache."""

    done: int
    total: int
    rendered: int


class CachedSpeaker:
    """Speaker. What is spoken live stays in memory; only what was rendered ahead is kept on disk."""

    def __init__(self, service: EngineService[str, Speech], cache: SpeechCache) -> None:
        self._service = service
        self._cache = cache
        self._flights: SingleFlight[Speech] = SingleFlight()
        self._live: Counter[str] = Counter()
        """How many calls wait for a text."""

    @property
    def healthy(self) -> bool:
        return self._service.healthy

    @property
    def metrics(self) -> BatcherMetrics:
        return self._service.metrics

    def cached(self, text: str) -> Speech | None:
        return self._cache.in_memory(text)

    async def speak(self, text: str, *, deadline_s: float) -> Speech:
        speech = await self._cache.find(text)
        if speech is not None:
            return speech
        self._live[text] += 1
        # It may be on its way already, as one that nobody waited for.
        self._service.hurry(text)
        try:
            return await self._flights.share(text, partial(self._render, text), deadline_s=deadline_s)
        finally:
            self._live[text] -= 1
            if not self._live[text]:
                del self._live[text]

    async def prerender(
        self,
        texts: Iterable[str],
        on_progress: Callable[[RenderProgress], None] = lambda _: None,
        *,
        pin: bool = False,
    ) -> None:
        """Have all texts in memory and on disk; with `pin` they stay in memory whatever else is said.
        Live speech goes first, whoever else renders ahead: it waits for one text at most.

        Raises EngineError when a text cannot be rendered.
        """
        wanted = list(dict.fromkeys(texts))
        rendered = 0
        for done, text in enumerate(wanted, start=1):
            speech = await self._cache.find(text)
            if speech is None:
                speech = await self._flights.share(
                    text, partial(self._render, text), deadline_s=LONGEST_RENDER_S
                )
                speech = await self._cache.keep(speech)
                rendered += 1
            if pin:
                self._cache.pin(speech)
            on_progress(RenderProgress(done, len(wanted), rendered))

    async def close(self) -> None:
        """Give up what is being rendered."""
        await self._flights.close()

    async def _render(self, text: str) -> Speech:
        # Each of those who wait for it has a deadline of its own.
        priority = Priority.FINAL if self._live[text] else Priority.PARTIAL
        speech = await self._service.submit(text, deadline_s=LONGEST_RENDER_S, priority=priority)
        self._cache.remember(speech)
        return speech


def weights_for(language: str, mandarin_voice: Path | None = None) -> tuple[str, ...]:
    """Catalogue entries that speaking this language needs."""
    if language != "zh":
        return (VOICE,)
    return () if mandarin_voice else (MANDARIN_VOICE,)


@asynccontextmanager
async def serve_voice(
    language: str, weights_dir: Path, cache_dir: Path, *, mandarin_voice: Path | None = None, nice: int = 0
) -> AsyncIterator[CachedSpeaker]:
    """Start the voice of a language: Piper for English, Kokoro for Mandarin, or the Piper voice (ONNX file,
    its configuration beside it as .onnx.json) that `mandarin_voice` names. Raises EngineDown."""
    if language != "zh":
        speaking = serve_piper(weights_dir, cache_dir, nice=nice)
    elif mandarin_voice is None:
        speaking = serve_kokoro(weights_dir, cache_dir, nice=nice)
    else:
        settings = PiperSettings(mandarin_voice, mandarin_voice.with_name(mandarin_voice.name + ".json"))
        # The file may be replaced by another of the same name.
        identity = f"{mandarin_voice} {_size(mandarin_voice)} {RENDERING}"
        engine = partial(PiperEngine, settings)
        speaking = _serve(engine, "piper-mandarin", identity, cache_dir, nice)
    async with speaking as speaker:
        yield speaker


@asynccontextmanager
async def serve_piper(
    weights_dir: Path,
    cache_dir: Path,
    *,
    voice: str = VOICE,
    style: PiperStyle = DEFAULT_STYLE,
    nice: int = 0,
) -> AsyncIterator[CachedSpeaker]:
    """Start a Piper voice of the catalogue. Raises EngineDown if it does not load."""
    model = weights_path(voice, "voice.onnx", weights_dir)
    settings = PiperSettings(model, weights_path(voice, "voice.onnx.json", weights_dir), style)
    identity = f"{_identity(voice)} {astuple(style)} {RENDERING}"
    async with _serve(partial(PiperEngine, settings), voice, identity, cache_dir, nice) as speaker:
        yield speaker


@asynccontextmanager
async def serve_kokoro(weights_dir: Path, cache_dir: Path, *, nice: int = 0) -> AsyncIterator[CachedSpeaker]:
    """Start Kokoro. Raises EngineDown if it does not load."""
    settings = kokoro_settings(weights_dir)
    identity = f"{_identity(MANDARIN_VOICE)} {settings.voice} {settings.speed} {RENDERING}"
    engine = partial(KokoroEngine, settings)
    async with _serve(engine, MANDARIN_VOICE, identity, cache_dir, nice) as speaker:
        yield speaker


def kokoro_settings(weights_dir: Path) -> KokoroSettings:
    """The catalogue's Kokoro with the voice that was understood best."""
    folder = weights_path(MANDARIN_VOICE, "model.onnx", weights_dir).parent
    return KokoroSettings(
        folder / "model.onnx", folder / "vocab.json", folder / "voices.npz", voice=MANDARIN_STYLE
    )


@asynccontextmanager
async def _serve(
    engine: Callable[[], Engine[str, Speech]], name: str, identity: str, cache_dir: Path, nice: int
) -> AsyncIterator[CachedSpeaker]:
    async with serve(engine, name=name, max_batch=1, nice=nice) as service:
        speaker = CachedSpeaker(service, SpeechCache(cache_dir, identity))
        try:
            yield speaker
        finally:
            await speaker.close()


def _identity(entry_name: str) -> str:
    entry = load_catalogue().entry(entry_name)
    return f"{entry.name} {entry.version} {entry.files[0].sha256}"


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0  # Loading will say that it is missing.
