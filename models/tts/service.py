"""The speaker that calls talk to: the cache first, then Piper in its own process."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path

from models.batching import BatcherMetrics
from models.registry.catalogue import load_catalogue, weights_path
from models.serving import EngineService, serve
from models.tts import Speech
from models.tts.cache import SpeechCache
from models.tts.piper import DEFAULT_STYLE, RENDERING, PiperEngine, PiperSettings, PiperStyle

VOICE = "piper-en-us-joe"
LONGEST_RENDER_S = 30.0


@dataclass(frozen=True, slots=True)
class RenderProgress:
    """How far `prerender` has come. `rendered` were not in the cache."""

    done: int
    total: int
    rendered: int


class PiperSpeaker:
    """Speaker. What is spoken live stays in memory; only what was rendered ahead is kept on disk."""

    def __init__(self, service: EngineService[str, Speech], cache: SpeechCache) -> None:
        self._service = service
        self._cache = cache

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
        if speech is None:
            speech = await self._service.submit(text, deadline_s=deadline_s)
            self._cache.remember(speech)
        return speech

    async def prerender(
        self,
        texts: Iterable[str],
        on_progress: Callable[[RenderProgress], None] = lambda _: None,
        *,
        pin: bool = False,
    ) -> None:
        """Have all texts in memory and on disk; with `pin` they stay in memory whatever else is said.
        One at a time, so that live speech waits for one at most.

        Raises EngineError when a text cannot be rendered.
        """
        wanted = list(dict.fromkeys(texts))
        rendered = 0
        for done, text in enumerate(wanted, start=1):
            speech = await self._cache.find(text)
            if speech is None:
                speech = await self._service.submit(text, deadline_s=LONGEST_RENDER_S)
                await self._cache.keep(speech)
                rendered += 1
            if pin:
                self._cache.pin(speech)
            on_progress(RenderProgress(done, len(wanted), rendered))


@asynccontextmanager
async def serve_piper(
    weights_dir: Path,
    cache_dir: Path,
    *,
    voice: str = VOICE,
    style: PiperStyle = DEFAULT_STYLE,
    nice: int = 0,
) -> AsyncIterator[PiperSpeaker]:
    """Start the voice. Raises EngineDown if it does not load."""
    model = weights_path(voice, "voice.onnx", weights_dir)
    settings = PiperSettings(model, weights_path(voice, "voice.onnx.json", weights_dir), style)
    entry = load_catalogue().entry(voice)
    identity = f"{entry.name} {entry.version} {entry.files[0].sha256} {astuple(style)} {RENDERING}"
    async with serve(partial(PiperEngine, settings), name=voice, max_batch=1, nice=nice) as service:
        yield PiperSpeaker(service, SpeechCache(cache_dir, identity))
