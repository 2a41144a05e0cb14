"""The intent classifier of a service: e5 embeddings and a head trained from the script's own examples."""

import hashlib
import inspect
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path

from models.intent import IntentResult, head
from models.intent.embedding import CachedEmbedder, E5Embedder, Embedder
from models.intent.head import IntentHead, decide
from models.intent.text import normalise
from models.serving import EngineService, serve

LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class IntentSettings:
    """What the engine is trained from. `examples`: intent -> sentences that mean it.

    `cache`: a folder that keeps what was learnt from one start to the next; None learns anew each time.
    """

    examples: Mapping[str, Sequence[str]]
    language: str = "en"
    threshold: float = 0.7
    """Below this probability the classifier abstains. 0.7 answered 85 % of unseen sentences, 1-3 % of those
    wrongly (tests/models/data)."""
    cache: Path | None = None


@dataclass(frozen=True, slots=True)
class IntentRequest:
    text: str
    allowed: frozenset[str]


class IntentEngine:
    """Trains when loaded; answers about 50 sentences a second."""

    def __init__(self, settings: IntentSettings) -> None:
        self._settings = settings
        self._embedder: Embedder
        self._head: IntentHead
        self._exact: dict[str, frozenset[str]] = {}

    def load(self) -> None:
        """Raises ValueError for an unknown language or no examples, OSError for missing weights."""
        small_talk = out_of_scope_sentences(self._settings.language)
        examples = [
            (normalise(text), intent) for intent, texts in self._settings.examples.items() for text in texts
        ]
        examples = [(text, intent) for text, intent in dict.fromkeys(examples) if text]
        for text, intent in examples:
            self._exact[text] = self._exact.get(text, frozenset()) | {intent}
        self._embedder = E5Embedder()
        self._head = self._trained(examples, small_talk)

    def _trained(self, examples: Sequence[tuple[str, str]], small_talk: Sequence[str]) -> IntentHead:
        """From the cache when the same sentences were learnt before, in the same way."""
        embedder: Embedder = self._embedder
        cache = self._settings.cache
        if cache is not None:
            content = repr((examples, small_talk, E5Embedder.model, inspect.getsource(head)))
            file = cache / f"head-{hashlib.sha256(content.encode()).hexdigest()[:16]}.npz"
            stored = IntentHead.stored(file)
            if stored is not None:
                return stored
            embedder = CachedEmbedder(embedder, E5Embedder.model, cache / "embeddings.npz")
        vectors = embedder.embed([text for text, _ in examples] + list(small_talk))
        trained = head.train(
            vectors[: len(examples)], [intent for _, intent in examples], vectors[len(examples) :]
        )
        if cache is not None:
            trained.save(file)
        return trained

    def warm_up(self) -> None:
        self.run([IntentRequest("are you still there", frozenset(self._settings.examples))])

    def run(self, batch: Sequence[IntentRequest]) -> list[IntentResult]:
        texts = [normalise(request.text) for request in batch]
        results = [
            self._without_model(text, request.allowed) for text, request in zip(texts, batch, strict=True)
        ]
        open_ones = [place for place, result in enumerate(results) if result is None]
        if open_ones:
            probabilities = self._head.probabilities(self._embedder.embed([texts[i] for i in open_ones]))
            for place, row in zip(open_ones, probabilities, strict=True):
                results[place] = decide(
                    row, self._head.classes, batch[place].allowed, self._settings.threshold
                )
        return [result for result in results if result is not None]

    def close(self) -> None:
        del self._embedder, self._head

    def _without_model(self, text: str, allowed: frozenset[str]) -> IntentResult | None:
        """Nothing said is nothing meant; what the script gives as an example is certain."""
        if not text:
            return _certain(None, allowed)
        meant = self._exact.get(text, frozenset()) & allowed
        return _certain(next(iter(meant)), allowed) if len(meant) == 1 else None


class E5IntentClassifier:
    """An `IntentClassifier` in its own process. Made by `serve_intents`."""

    def __init__(self, service: EngineService[IntentRequest, IntentResult]) -> None:
        self.service = service

    async def classify(self, text: str, allowed: Collection[str], *, deadline_s: float) -> IntentResult:
        """Raises EngineDown, EngineOverloaded or EngineLate."""
        return await self.service.submit(IntentRequest(text, frozenset(allowed)), deadline_s=deadline_s)


@asynccontextmanager
async def serve_intents(settings: IntentSettings, *, nice: int = 5) -> AsyncIterator[E5IntentClassifier]:
    """Start the engine, train it, serve it, end it. Raises EngineDown with the reason."""
    async with serve(partial(IntentEngine, settings), name="intent", nice=nice) as service:
        yield E5IntentClassifier(service)


def out_of_scope_sentences(language: str) -> list[str]:
    """Normalised small talk. Raises ValueError for a language without a list."""
    if language not in LANGUAGES:
        raise ValueError(
            f"no out-of-scope sentences for language '{language}': use one of {', '.join(LANGUAGES)}"
        )
    text = files("models.intent").joinpath(f"out_of_scope.{language}.txt").read_text(encoding="utf-8")
    return [normalise(line) for line in text.splitlines() if line]


def _certain(intent: str | None, allowed: frozenset[str]) -> IntentResult:
    ranked = sorted(((name, float(name == intent)) for name in allowed), key=lambda item: (-item[1], item[0]))
    return IntentResult(intent, float(intent is not None), tuple(ranked))
