"""`voicebot bench end-of-turn`: are finished sentences told from the same cut short?"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Column, Table

from models.end_of_turn.smart_turn import serve_end_of_turn
from models.tts import Speech
from telephony.audio.g711 import decode_mulaw, encode_mulaw
from voicebot.bench.synthetic_speech import say, sentences
from voicebot.reports.statistics import wilson
from voicebot.settings import Settings

THRESHOLDS = (0.3, 0.5, 0.7, 0.9)
_SAMPLES_PER_MS = 8
_PAUSE_MS = 220
"""Silence after the last word: what the service has heard when it asks."""
_FADE_MS = 10
_LINE_NOISE = 3.0
_ASK_S = 30.0
_LEAST_WORDS = 5


@dataclass(frozen=True, slots=True)
class Judged:
    """One stretch of speech and how finished it sounded."""

    cut: str
    words: str
    probability: float


@dataclass(frozen=True, slots=True)
class _Cut:
    kind: str
    text: str
    words: int
    """How many words of the text are heard."""


def run_end_of_turn_bench(settings: Settings, json_file: Path | None, console: Console) -> None:
    """Print how often each kind of cut sounds finished. English, one synthetic voice, through mu-law."""
    judged = asyncio.run(_judge(settings))
    console.print(_table(judged))
    if json_file:
        json_file.write_bytes(TypeAdapter(list[Judged]).dump_json(judged, indent=2) + b"\n")


def cuts(texts: Sequence[str]) -> Iterator[_Cut]:
    """Each sentence whole, and cut in the middle, before its last phrase, after 'and' and 'um'."""
    following = [*texts[1:], texts[0]]
    for text, after in zip(texts, following, strict=True):
        words = text.split()
        yield _Cut("complete", text, len(words))
        if len(words) < _LEAST_WORDS:
            continue
        yield _Cut("after a word in the middle", text, len(words) // 2)
        commas = [at for at, word in enumerate(words[:-1], 1) if word.endswith(",")]
        yield _Cut("before the last phrase", text, commas[-1] if commas else len(words) - 2)
        stem = text.rstrip(".?")
        yield _Cut('after "and"', f"{stem} and {after}", len(words) + 1)
        yield _Cut('after "um"', f"{stem}, um, {after}", len(words) + 1)


async def _judge(settings: Settings) -> list[Judged]:
    wanted = list(cuts(sentences("en")))
    said = await say([cut.text for cut in wanted], "en", settings)
    async with serve_end_of_turn(settings.weights, nice=settings.engine_nice) as detector:
        return [
            Judged(
                cut.kind,
                " ".join(cut.text.split()[: cut.words]),
                await detector.completeness(_as_heard(speech, cut.words, seed), deadline_s=_ASK_S),
            )
            for seed, (cut, speech) in enumerate(zip(wanted, said, strict=True))
        ]


def _as_heard(speech: Speech, words: int, seed: int) -> NDArray[np.int16]:
    spoken = speech.samples[: speech.word_ends[words - 1]].astype(np.float64)
    fade = _FADE_MS * _SAMPLES_PER_MS
    spoken[-fade:] *= np.linspace(1, 0, fade)
    heard = np.concatenate([spoken, np.zeros(_PAUSE_MS * _SAMPLES_PER_MS)])
    heard += np.random.default_rng(seed).normal(scale=_LINE_NOISE, size=heard.size)
    return decode_mulaw(encode_mulaw(np.clip(np.rint(heard), -32768, 32767).astype(np.int16)))


def _table(judged: Sequence[Judged]) -> Table:
    above_each = [f"above {threshold:g}" for threshold in THRESHOLDS]
    table = Table(Column("what was heard", no_wrap=True), "number", "median", *above_each)
    for kind in dict.fromkeys(each.cut for each in judged):
        values = [each.probability for each in judged if each.cut == kind]
        cells = []
        for threshold in THRESHOLDS:
            above = sum(value > threshold for value in values)
            interval = wilson(above, len(values))
            cells.append(f"{above / len(values):.0%}\n{interval.low:.0%}-{interval.high:.0%}")
        table.add_row(kind, str(len(values)), f"{np.median(values):.2f}", *cells)
    return table
