"""Kokoro-82M (StyleTTS 2) speech synthesis of Mandarin.

The network takes [0, symbols, 0], a voice's style vector [256] for that many symbols, and a speed; it gives
24 kHz audio. How long each symbol takes is read from inside the network, so that word ends are exact.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.one_thread import one_thread_options
from models.tts import Speech, words_of
from models.tts.edges import SAMPLE_RATE, Sentence, join, sounding, with_soft_edges
from models.tts.levelling import level
from models.tts.onnx_outputs import with_output
from models.tts.pinyin import word_sounds

if TYPE_CHECKING:
    import onnxruntime as ort

NETWORK_RATE = 24000
SAMPLES_PER_FRAME = 600
DURATIONS_TENSOR = "/encoder/Clip_output_0"
"""Frames of each symbol [1, symbols + 2]."""
MOST_SYMBOLS = 400
"""The network takes 510; a longer sentence is parted."""
_PAUSES = frozenset(",.!?:;—… ")
_SENTENCE_END = re.compile(r"[.!?…]\W*$")


@dataclass(frozen=True, slots=True)
class KokoroSettings:
    """Where the files are, the voices whose mean speaks, and how fast (above 1 is faster)."""

    model: Path
    vocabulary: Path
    voices: Path
    voice: tuple[str, ...]
    speed: float = 1.0


class KokoroEngine:
    """Engine[str, Speech]. The same text sounds the same each time but for the network's own noise source."""

    def __init__(self, settings: KokoroSettings) -> None:
        self._settings = settings
        self._session: ort.InferenceSession | None = None
        self._symbols: dict[str, int] = {}
        self._styles: NDArray[np.float32] = np.zeros((0, 1, 256), np.float32)

    def load(self) -> None:
        import onnxruntime as ort

        self._symbols = json.loads(self._settings.vocabulary.read_text(encoding="utf-8"))["vocab"]
        with np.load(self._settings.voices, allow_pickle=False) as voices:
            self._styles = np.mean([voices[name] for name in self._settings.voice], axis=0, dtype=np.float32)
        self._session = ort.InferenceSession(
            with_output(self._settings.model.read_bytes(), DURATIONS_TENSOR),
            one_thread_options(),
            providers=["CPUExecutionProvider"],
        )

    def warm_up(self) -> None:
        self.run(["您好，这是声音测试。"])

    def run(self, batch: Sequence[str]) -> list[Speech]:
        """One text after the other: the network takes one."""
        return [self._render(text) for text in batch]

    def close(self) -> None:
        self._session = None

    def _render(self, text: str) -> Speech:
        sounds = word_sounds(words_of(text))
        samples, ends = join(self._sentence(part) for part in _sentences(sounds) if any(part))
        # One end for each word; words without a sound end with the one before.
        said = iter(ends.tolist())
        word_ends: list[int] = []
        for word in sounds:
            silent = not any(symbol in self._symbols for symbol in word)
            word_ends.append(word_ends[-1] if silent and word_ends else 0 if silent else next(said))
        return Speech(text, level(samples), tuple(word_ends))

    def _sentence(self, words: Sequence[str]) -> Sentence:
        import soxr

        assert self._session is not None, "load() first"
        symbols = [[c for c in word if c in self._symbols] for word in words]
        flat = [0, *(self._symbols[c] for word in symbols for c in word), 0]
        audio, frames = self._session.run(
            None,
            {
                "tokens": np.array([flat], dtype=np.int64),
                "style": self._styles[min(len(flat) - 2, len(self._styles)) - 1].reshape(1, 256),
                "speed": np.array([self._settings.speed], dtype=np.float32),
            },
        )
        audio = np.asarray(audio, np.float32).ravel()
        said = np.cumsum(np.asarray(frames).ravel()) * SAMPLES_PER_FRAME  # said[0] is the 0 in front
        first, last = sounding(audio, NETWORK_RATE)
        ends = (np.clip(said[_last_sounds(symbols)], first, last) - first) * SAMPLE_RATE // NETWORK_RATE
        samples = with_soft_edges(soxr.resample(audio[first:last], NETWORK_RATE, SAMPLE_RATE))
        return Sentence(samples, ends.astype(np.int64))


def _last_sounds(words: Sequence[Sequence[str]]) -> list[int]:
    """For each word that has symbols the place of its last one in [0, symbols, 0], pauses left aside."""
    places, start = [], 1
    for word in words:
        sounds = [at for at, symbol in enumerate(word, start) if symbol not in _PAUSES]
        if word:
            places.append(sounds[-1] if sounds else start + len(word) - 1)
        start += len(word)
    return places


def _sentences(words: Sequence[str]) -> Iterator[list[str]]:
    """Words with their symbols, parted behind what ends a sentence, and where one is too long."""
    part: list[str] = []
    for word in words:
        if sum(map(len, part)) + len(word) > MOST_SYMBOLS:
            yield part
            part = []
        part.append(word)
        if _SENTENCE_END.search(word):
            yield part
            part = []
    if part:
        yield part
