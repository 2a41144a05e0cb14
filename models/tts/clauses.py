"""Where a text that is not rendered yet may be parted, so that its beginning is heard while the rest is made.

Pure. English and Mandarin; a cut is made behind punctuation, or before a conjunction where a clause would be
long. Numbers, abbreviations and addresses stay whole: a cut is only ever between two words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from models.tts import HANZI, Speech, words_of

SAMPLES_PER_MS = 8


class Pause(IntEnum):
    """Silence between a clause and the next, in ms."""

    CONJUNCTION = 30
    COMMA = 120
    SENTENCE = 250


@dataclass(frozen=True, slots=True)
class Clause:
    """What is rendered in one go. `text` ends as it is to be intoned: a comma is put where there is no
    punctuation. `pause` comes behind it, None behind the last."""

    text: str
    pause: Pause | None


@dataclass(frozen=True, slots=True)
class Lengths:
    """In words; two Hanzi count as about one."""

    fewest: float
    most: float
    """A longer clause is parted before a conjunction."""


FIRST = Lengths(3, 8)
LATER = Lengths(6, 20)
FEWEST_LEFT = 2.0
"""A piece at the end that is shorter than this stays with the clause before."""
WORDS_PER_HANZI = 0.6

_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof st no vs etc inc ltd co corp e.g i.e a.m p.m u.s u.k approx dept ext jan feb mar apr "
    "jun jul aug sep sept oct nov dec".split()
)
_SENTENCE_END = re.compile(r"[.!?…。！？]+[\"'”’»」』)）]*$")
_COMMA = re.compile(r"[,;:，；：][\"'”’»」』)）]*$")
_BULLETS = frozenset("-–—")
_CONJUNCTIONS = frozenset("and but or so because if when while that which who unless until since".split())
_CONJUNCTIONS_ZH = (
    *("但是", "不过", "可是", "因为", "所以", "而且", "并且", "或者", "如果", "要是", "然后", "以及"),
    *("那么", "虽然", "同时"),
)


def clauses(text: str) -> list[Clause]:
    """At least one; the words of all are the words of the text, but for a comma at a cut."""
    words = words_of(text)
    if not words:
        return [Clause(text, None)]
    pieces: list[Clause] = []
    start = 0
    offsets = _offsets(text)
    while (cut := _next_cut(words, start, FIRST if not pieces else LATER)) is not None:
        end, pause = cut
        piece = text[offsets[start][0] : offsets[end - 1][1]]
        if pause is Pause.CONJUNCTION:
            piece += "，" if re.match(rf"[{HANZI}]", piece[-1]) else ","
        pieces.append(Clause(piece, pause))
        start = end
    return [*pieces, Clause(text[offsets[start][0] :].rstrip(), None)]


def with_pause(speech: Speech, pause: Pause | None) -> Speech:
    """The rendered clause with exactly this silence behind it instead of the engine's own."""
    if pause is None:
        return speech
    loud = np.flatnonzero(speech.samples)
    end = int(loud[-1]) + 1 if len(loud) else 0
    silence = np.zeros(pause * SAMPLES_PER_MS, np.int16)
    ends = tuple(min(each, end) for each in speech.word_ends)
    return Speech(speech.text, np.concatenate([speech.samples[:end], silence]), ends)


def _offsets(text: str) -> list[tuple[int, int]]:
    """Where each word begins and ends in the text."""
    spans, at = [], 0
    for word in words_of(text):
        at = text.index(word, at)
        spans.append((at, at + len(word)))
        at += len(word)
    return spans


def _next_cut(words: Sequence[str], start: int, lengths: Lengths) -> tuple[int, Pause] | None:
    """The word before which the clause that begins at `start` ends; None when it is the last one."""
    size = 0.0
    conjunction: int | None = None
    for at in range(start, len(words)):
        if at > start and conjunction is None and size >= lengths.fewest and _is_conjunction(words, at):
            conjunction = at
        size += _size(words[at])
        pause = _pause_after(words, at)
        if size > lengths.most and conjunction is not None and pause is None:
            break  # No punctuation in time.
        wanted = size >= lengths.fewest or pause is Pause.SENTENCE
        if pause and wanted and _left(words, at + 1) >= FEWEST_LEFT:
            if size > lengths.most and conjunction is not None:
                break
            return at + 1, pause
    if conjunction is not None and size > lengths.most and _left(words, conjunction) >= FEWEST_LEFT:
        return conjunction, Pause.CONJUNCTION
    return None


def _size(word: str) -> float:
    if re.search(rf"[{HANZI}]", word):
        return WORDS_PER_HANZI
    return 1.0 if re.search(r"\w", word) else 0.0


def _left(words: Sequence[str], at: int) -> float:
    return sum(map(_size, words[at : at + 4]))


def _pause_after(words: Sequence[str], at: int) -> Pause | None:
    if at + 1 >= len(words):
        return None
    word, following = words[at], words[at + 1]
    if word in _BULLETS:
        return Pause.COMMA
    if _SENTENCE_END.search(word):
        return None if _is_abbreviation(word) else Pause.SENTENCE
    if _COMMA.search(word):
        # "4 4 2, 0 7 9" and "May 5, 2026" belong together.
        between_numbers = re.search(r"\d\W*$", word) and following[:1].isdigit()
        return None if between_numbers else Pause.COMMA
    return None


def _is_abbreviation(word: str) -> bool:
    stem = word.lstrip("\"'(“‘").lower()
    if not stem.endswith("."):
        return False
    stem = stem.rstrip(".")
    return stem in _ABBREVIATIONS or (len(stem) == 1 and stem.isascii() and stem.isalpha())


def _is_conjunction(words: Sequence[str], at: int) -> bool:
    if words[at].lower() in _CONJUNCTIONS:
        return True
    return "".join(words[at : at + 2]).startswith(_CONJUNCTIONS_ZH)
