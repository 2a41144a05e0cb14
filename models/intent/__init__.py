"""Intent classification: what a sentence wants, and how sure that is."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class IntentResult:
    """`intent` is None when the classifier abstains. `confidence` is a calibrated probability 0..1."""

    intent: str | None
    confidence: float
    ranked: tuple[tuple[str, float], ...] = ()
    """All allowed intents with their probability, best first."""


class IntentClassifier(Protocol):
    """Classifies utterances of all calls."""

    async def classify(self, text: str, allowed: Collection[str], *, deadline_s: float) -> IntentResult:
        """Probability mass is renormalised over `allowed`. Raises EngineError."""
