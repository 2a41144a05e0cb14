"""Speech recognition: an utterance in, its words out."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.batching import Priority


@dataclass(frozen=True, slots=True)
class Utterance:
    """One stretch of speech. `samples`: int16, 8 kHz mono. `hints`: words likely at this point."""

    samples: NDArray[np.int16]
    language: str = "en"
    hints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard. `log_probability` is the mean per token; `mode` says which decoding gave it."""

    text: str
    log_probability: float
    no_speech_probability: float
    mode: str
    """'short_window', 'full_window' (the guard fell back) or 'empty'."""


class Recogniser(Protocol):
    """Turns utterances of all calls into transcripts."""

    @property
    def expected_wait_s(self) -> float:
        """How long a new request would wait before its turn comes; 0 when idle. What can be spared is
        spared when this is high."""

    async def transcribe(
        self, utterance: Utterance, *, deadline_s: float, priority: Priority = Priority.FINAL
    ) -> Transcript:
        """Raises EngineDown, EngineOverloaded or EngineLate."""
