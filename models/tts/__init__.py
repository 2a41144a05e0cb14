"""Speech synthesis: a sentence in, 8 kHz audio out, with the place of every word."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Speech:
    """Rendered text. `samples`: int16, 8 kHz mono. `word_ends[i]`: sample at which word i of
    `text.split()` has been said."""

    text: str
    samples: NDArray[np.int16]
    word_ends: tuple[int, ...]

    def words_heard(self, samples_played: int) -> str:
        """The words that were wholly played after `samples_played` samples."""
        words = self.text.split()
        return " ".join(w for w, end in zip(words, self.word_ends, strict=True) if end <= samples_played)


class Speaker(Protocol):
    """Gives text a voice, from the cache when it was said before."""

    async def speak(self, text: str, *, deadline_s: float) -> Speech:
        """Raises EngineDown, EngineOverloaded or EngineLate when the text is not cached."""

    def cached(self, text: str) -> Speech | None:
        """The rendered text if it is in memory already; never blocks."""
