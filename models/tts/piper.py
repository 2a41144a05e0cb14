"""Piper (VITS) speech synthesis.

Piper is GPL-3.0 and Voicebot is Apache-2.0: this engine runs only in a process of its own, behind
`models.engine_process`, and nothing else imports `piper`.
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.one_thread import one_thread_options
from models.tts import HANZI, Speech, words_of
from models.tts.edges import SAMPLE_RATE, Sentence, join, sounding, with_soft_edges
from models.tts.levelling import level
from models.tts.mandarin_spoken_form import mandarin_spoken_forms
from models.tts.onnx_outputs import with_output
from models.tts.spoken_form import spoken_forms

if TYPE_CHECKING:
    from piper import AudioChunk, PiperVoice

DURATIONS_TENSOR = "/Ceil_output_0"


@dataclass(frozen=True, slots=True)
class PiperStyle:
    """How a voice is to sound."""

    length_scale: float = 1.0
    """Above 1 is slower."""
    noise_scale: float = 0.667
    """How much the voice varies its melody."""
    noise_w_scale: float = 0.8
    """How much the voice varies its rhythm."""


DEFAULT_STYLE = PiperStyle()
STEADY = PiperStyle(noise_scale=0.0, noise_w_scale=0.0)
"""Draws no random numbers: says the same text the same way each time."""


@dataclass(frozen=True, slots=True)
class PiperSettings:
    """A voice's files and how it is to sound."""

    model: Path
    config: Path
    style: PiperStyle = DEFAULT_STYLE


class PiperEngine:
    """Engine[str, Speech]. The network draws random numbers: only a cache gives the same audio twice."""

    def __init__(self, settings: PiperSettings) -> None:
        self._settings = settings
        self._voice: PiperVoice | None = None

    def load(self) -> None:
        import onnxruntime as ort
        from piper import PiperConfig, PiperVoice

        # Not PiperVoice.load, which would take every core.
        self._voice = PiperVoice(
            session=ort.InferenceSession(
                with_output(self._settings.model.read_bytes(), DURATIONS_TENSOR),
                one_thread_options(),
                providers=["CPUExecutionProvider"],
            ),
            config=PiperConfig.from_dict(json.loads(self._settings.config.read_text(encoding="utf-8"))),
        )

    def warm_up(self) -> None:
        self.run(["Good morning, this is a test of the voice."])

    def run(self, batch: Sequence[str]) -> list[Speech]:
        """One text after the other: on a CPU a batch takes as long as its texts one by one."""
        return [self._render(text) for text in batch]

    def close(self) -> None:
        self._voice = None

    def _render(self, text: str) -> Speech:
        from piper import SynthesisConfig

        assert self._voice is not None, "load() first"
        style = SynthesisConfig(
            length_scale=self._settings.style.length_scale,
            noise_scale=self._settings.style.noise_scale,
            noise_w_scale=self._settings.style.noise_w_scale,
            normalize_audio=False,
        )
        words = words_of(text)
        mandarin = re.search(rf"[{HANZI}]", text) is not None
        spoken = mandarin_spoken_forms(words) if mandarin else spoken_forms(words)
        chunks = self._voice.synthesize(
            ("" if mandarin else " ").join(spoken), style, include_alignments=True
        )
        samples, phoneme_ends = join(_sentence(chunk) for chunk in chunks)
        counts = [self._count_phonemes(word) for word in spoken]
        return Speech(text, level(samples), _word_ends(counts, phoneme_ends))

    def _count_phonemes(self, word: str) -> int:
        assert self._voice is not None
        return sum(
            map(_is_sound, (symbol for sentence in self._voice.phonemize(word) for symbol in sentence))
        )


def _is_sound(symbol: str) -> bool:
    """A letter of the phonetic alphabet, not a stress mark, a length mark, a blank or punctuation."""
    return unicodedata.category(symbol[0]) in ("Ll", "Lu", "Lo")


def _sentence(chunk: "AudioChunk") -> Sentence:
    import soxr

    audio: NDArray[np.float32] = chunk.audio_float_array
    first, last = sounding(audio, chunk.sample_rate)
    if chunk.phoneme_alignments is not None:
        ends = np.cumsum([each.num_samples for each in chunk.phoneme_alignments])
        sounds = [_is_sound(each.phoneme) for each in chunk.phoneme_alignments]
        ends = ends[np.array(sounds)]
    else:  # A phoneme that the voice does not know: take them as equally long.
        ends = np.linspace(first, last, sum(map(_is_sound, chunk.phonemes)) + 1)[1:]
    samples = soxr.resample(audio[first:last], chunk.sample_rate, SAMPLE_RATE)
    samples = with_soft_edges(samples)
    ends_at_8k = (np.clip(ends, first, last) - first) * SAMPLE_RATE // chunk.sample_rate
    return Sentence(samples, ends_at_8k.astype(np.int64))


def _word_ends(counts: Sequence[int], phoneme_ends: NDArray[np.int64]) -> tuple[int, ...]:
    """Where each word ends, from how many phonemes each has when it is said alone.

    In a sentence words may share or lose a sound, so the counts are scaled to what was really said.
    """
    if not len(phoneme_ends):
        return (0,) * len(counts)
    scale = len(phoneme_ends) / max(1, sum(counts))
    lasts = [min(round(said * scale), len(phoneme_ends)) for said in accumulate(counts)]
    return tuple(int(phoneme_ends[last - 1]) if last else 0 for last in lasts)
