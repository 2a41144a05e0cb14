"""The recogniser that calls talk to: one engine process for each Whisper model, chosen by language."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from models.asr import Transcript, Utterance
from models.asr.whisper import WhisperEngine, WhisperSettings
from models.batching import Priority
from models.registry.catalogue import weights_path
from models.serving import EngineService, serve

WEIGHTS_BY_LANGUAGE = {"en": "whisper-tiny.en"}
MULTILINGUAL_WEIGHTS = "whisper-base"


class WhisperRecogniser:
    """Recogniser over the engines of the languages that it was made for."""

    def __init__(self, services: Mapping[str, EngineService[Utterance, Transcript]]) -> None:
        self.services = services
        """By the name of the weights."""

    @property
    def healthy(self) -> bool:
        return all(service.healthy for service in self.services.values())

    @property
    def expected_wait_s(self) -> float:
        """Of the busiest engine."""
        return max((service.expected_wait_s for service in self.services.values()), default=0.0)

    async def transcribe(
        self, utterance: Utterance, *, deadline_s: float, priority: Priority = Priority.FINAL
    ) -> Transcript:
        """Raises EngineDown, EngineOverloaded, EngineLate or EngineError; KeyError for another language."""
        service = self.services[weights_for(utterance.language)]
        return await service.submit(utterance, deadline_s=deadline_s, priority=priority)


def weights_for(language: str) -> str:
    """The catalogue entry that hears this language."""
    return WEIGHTS_BY_LANGUAGE.get(language, MULTILINGUAL_WEIGHTS)


@asynccontextmanager
async def serve_whisper(
    weights_dir: Path,
    *,
    languages: Collection[str] = ("en",),
    device: str = "cpu",
    compute_type: str = "int8",
    max_batch: int = 4,
    processes: int = 1,
    nice: int = 0,
) -> AsyncIterator[WhisperRecogniser]:
    """Start what these languages need. On CUDA: device='cuda', compute_type='float16', a larger batch, and
    two processes, of which one extracts features while the other has the device."""
    async with AsyncExitStack() as stack:
        services = {}
        for weights in sorted({weights_for(language) for language in languages}):
            folder = weights_path(weights, "model.bin", weights_dir).parent
            factory = partial(WhisperEngine, WhisperSettings(folder, device, compute_type))
            services[weights] = await stack.enter_async_context(
                serve(factory, name=weights, max_batch=max_batch, processes=processes, nice=nice)
            )
        yield WhisperRecogniser(services)
