"""Speech synthesis: a sentence in, 8 kHz audio out, with the place of every word."""

import re
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

HANZI = "\u3400-\u4dbf\u4e00-\u9fff〇"
_OPENING = re.escape("¥￥$€£+-#@“‘（(《〈【「『")
_WORD = re.compile(rf"[^\w\s]*[{HANZI}][^\w\s{_OPENING}]*|[^\s{HANZI}]+")


@dataclass(frozen=True, slots=True)
class Speech:
    """Rendered text. `samples`: int16, 8 kHz mono. `word_ends[i]`: sample at which word i of
    `words_of(text)` has been said."""

    text: str
    samples: NDArray[np.int16]
    word_ends: tuple[int, ...]

    def words_heard(self, samples_played: int) -> str:
        """The words that were wholly played after `samples_played` samples."""
        return first_words(self.text, sum(end <= samples_played for end in self.word_ends))


class Speaker(Protocol):
    """Gives text a voice, from the cache when it was said before."""

    async def speak(self, text: str, *, deadline_s: float) -> Speech:
        """Raises EngineDown, EngineOverloaded or EngineLate when the text is not cached."""

    def cached(self, text: str) -> Speech | None:
        """The rendered text if it is in memory already; never blocks."""


def words_of(text: str) -> list[str]:
    """What is counted as heard or not: words between blanks, and each Hanzi with its punctuation.

    Without Hanzi this is `text.split()`.
    """
    return _WORD.findall(text)


def first_words(text: str, count: int) -> str:
    """The first `count` of `words_of(text)` as they stand in it, runs of white space as one blank."""
    if count < 1:
        return ""
    ends = [match.end() for match in _WORD.finditer(text)]
    return " ".join(text[: ends[min(count, len(ends)) - 1]].split()) if ends else ""
