"""Whisper on CTranslate2, one level below faster-whisper, so that utterances of several callers share a call.

Stock Whisper pads every utterance to 30 s. Here the first pass sees a window of 10 s, or the utterance and
2 s, which costs a fifth. Measured on 30 phone sentences through mu-law (word error rate clean / 20 dB /
12 dB SNR): tiny.en 10 s 4.0 / 9.7 / 17.6 %, 30 s 2.8 / 6.8 / 23.3 %; base 10 s 1.7 / 3.4 / 18.8 %, 30 s
1.7 / 4.5 / 18.2 %. Shorter windows run away (8 s: 23 % clean). What the guard doubts is decoded on 30 s.

Hints (words likely at this point) are a prompt of the 30 s pass only: there they help (tiny.en 2.3 / 6.2 /
19.9 %), on the short window they harm (9.1 / 17.6 / 42.6 %). A plain sentence, such as the one that asks for
simplified Chinese, does not harm base there (2.8 / 3.4 / 20.5 %, measured in English).
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.asr import Transcript, Utterance
from models.asr.guard import doubts, is_silence, most_tokens

if TYPE_CHECKING:
    from ctranslate2 import StorageView
    from faster_whisper import WhisperModel
    from faster_whisper.tokenizer import Tokenizer

SAMPLE_RATE = 8000
FRAMES_PER_SECOND = 100
SHORT_WINDOW_S = 10.0
SHORT_WINDOW_MARGIN_S = 2.0
WINDOW_STEP_S = 5.0
FULL_WINDOW_S = 30.0
LEAST_SPEECH_S = 0.12
LEAST_LEVEL = 10 ** (-55 / 20)
LONGEST_PROMPT_TOKENS = 64
# Whisper writes the kind of Chinese that it was shown.
CHINESE_PROMPT = "以下是普通话的句子。"

EMPTY = Transcript(text="", log_probability=0.0, no_speech_probability=1.0, mode="empty")


@dataclass(frozen=True, slots=True)
class WhisperSettings:
    """`folder` holds a CTranslate2 Whisper model. `compute_type`: 'int8' on a CPU, 'float16' on CUDA."""

    folder: Path
    device: str = "cpu"
    compute_type: str = "int8"
    short_window: bool = True
    """False: the full window for all, as stock Whisper does."""


@dataclass(frozen=True, slots=True)
class _Job:
    """One utterance on one window, ready for the network."""

    features: NDArray[np.float32]
    """[80 mels, frames of 10 ms]"""
    prompt: tuple[int, ...]
    seconds: float
    """How long the utterance is; the window is longer."""

    @property
    def frames(self) -> int:
        """Jobs of the same window share an encoder run."""
        return int(self.features.shape[1])


@dataclass(frozen=True, slots=True)
class _Decoding:
    text: str
    tokens: int
    log_probability: float
    no_speech_probability: float

    def transcript(self, mode: str) -> Transcript:
        if is_silence(self.no_speech_probability, self.log_probability):
            return replace(EMPTY, no_speech_probability=self.no_speech_probability)
        return Transcript(self.text, self.log_probability, self.no_speech_probability, mode)


class WhisperEngine:
    """Engine[Utterance, Transcript]. Audio beyond 30 s is not heard."""

    def __init__(self, settings: WhisperSettings) -> None:
        self._settings = settings
        self._whisper: WhisperModel | None = None
        self._tokenizers: dict[str, Tokenizer] = {}

    def load(self) -> None:
        from faster_whisper import WhisperModel

        if not (model := self._settings.folder / "model.bin").exists():
            raise FileNotFoundError(f"{model} is missing. Run `voicebot doctor --fetch`")
        self._whisper = WhisperModel(
            str(self._settings.folder),
            device=self._settings.device,
            compute_type=self._settings.compute_type,
            cpu_threads=1,
            num_workers=1,
            local_files_only=True,
        )

    def warm_up(self) -> None:
        noise = np.random.default_rng(0).normal(scale=300, size=SAMPLE_RATE).astype(np.int16)
        self.run([Utterance(noise)])

    def close(self) -> None:
        self._whisper = None

    def run(self, batch: Sequence[Utterance]) -> list[Transcript]:
        """Short window for all, then the full window for those that the guard doubts."""
        transcripts = [EMPTY] * len(batch)
        audible = [i for i, each in enumerate(batch) if _is_audible(each.samples)]
        asked = audible if self._settings.short_window else []
        short = {i: self._job(batch[i], _short_window(batch[i]), hinted=False) for i in asked}
        doubtful = [i for i in audible if i not in short]
        for i, decoding in self._decode(short).items():
            # In a short window even a clear single word looks like no speech: ask the full one.
            silent = is_silence(decoding.no_speech_probability, decoding.log_probability)
            if silent or doubts(decoding.text, decoding.tokens, short[i].seconds, decoding.log_probability):
                doubtful.append(i)
            else:
                transcripts[i] = decoding.transcript("short_window")
        full = {i: self._job(batch[i], FULL_WINDOW_S, hinted=True) for i in doubtful}
        for i, decoding in self._decode(full).items():
            transcripts[i] = decoding.transcript("full_window")
        return transcripts

    def _job(self, utterance: Utterance, window_s: float, *, hinted: bool) -> _Job:
        import soxr
        from faster_whisper.audio import pad_or_trim

        assert self._whisper is not None, "load() first"
        samples = soxr.resample(utterance.samples.astype(np.float32) / 32768, SAMPLE_RATE, 2 * SAMPLE_RATE)
        features = pad_or_trim(self._whisper.feature_extractor(samples), round(window_s * FRAMES_PER_SECOND))
        hints = utterance.hints if hinted else ()
        seconds = len(utterance.samples) / SAMPLE_RATE
        return _Job(features, self._prompt(utterance.language, hints), seconds)

    def _prompt(self, language: str, hints: tuple[str, ...]) -> tuple[int, ...]:
        tokenizer = self._tokenizer(language)
        before = CHINESE_PROMPT if language == "zh" else ""
        before += ", ".join(hints)
        start = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        if not before:
            return tuple(start)
        return (tokenizer.sot_prev, *tokenizer.encode(" " + before)[:LONGEST_PROMPT_TOKENS], *start)

    def _tokenizer(self, language: str) -> "Tokenizer":
        from faster_whisper.tokenizer import Tokenizer

        assert self._whisper is not None, "load() first"
        if language not in self._tokenizers:
            multilingual = self._whisper.model.is_multilingual
            self._tokenizers[language] = Tokenizer(
                self._whisper.hf_tokenizer, multilingual, task="transcribe", language=language
            )
        return self._tokenizers[language]

    def _decode(self, jobs: Mapping[int, _Job]) -> dict[int, _Decoding]:
        """All jobs: the encoder runs once for each window, the decoder once for each length of prompt in it.

        CTranslate2 (4.8) wants prompts of one length in a call. The encoder is what costs: callers whose
        hints differ share its run, and slices of what it gave are decoded apart.
        """
        decodings: dict[int, _Decoding] = {}
        for indices in _grouped(jobs, lambda i: jobs[i].frames):
            encoded = self._encode([jobs[i].features for i in indices])
            prompts = _grouped(indices, lambda i: len(jobs[i].prompt))
            for alike in prompts:
                rows = encoded if len(prompts) == 1 else _rows(encoded, [indices.index(i) for i in alike])
                decodings |= zip(alike, self._generate(rows, [jobs[i] for i in alike]), strict=True)
        return decodings

    def _encode(self, features: Sequence[NDArray[np.float32]]) -> "StorageView":
        from ctranslate2 import StorageView

        assert self._whisper is not None, "load() first"
        return self._whisper.model.encode(StorageView.from_array(np.stack(features)))

    def _generate(self, encoded: "StorageView", jobs: Sequence[_Job]) -> list[_Decoding]:
        assert self._whisper is not None, "load() first"
        longest = max(job.seconds for job in jobs)
        results = self._whisper.model.generate(
            encoded,
            [list(job.prompt) for job in jobs],
            beam_size=1,
            # Enough for the guard to see that somebody runs away. CTranslate2 writes up to half of it.
            max_length=2 * (len(jobs[0].prompt) + most_tokens(longest) + 1),
            return_scores=True,
            return_no_speech_prob=True,
        )
        decode = self._tokenizer("en").decode
        return [
            _Decoding(
                decode(result.sequences_ids[0]).strip(),
                len(result.sequences_ids[0]),
                result.scores[0],
                result.no_speech_prob,
            )
            for result in results
        ]


def _grouped(items: Iterable[int], key: Callable[[int], int]) -> list[list[int]]:
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return list(groups.values())


def _rows(encoded: "StorageView", rows: Sequence[int]) -> "StorageView":
    """Some utterances of an encoder's output, by way of the CPU: numpy cannot cut another device's memory."""
    from ctranslate2 import Device, StorageView

    return StorageView.from_array(np.array(encoded.to_device(Device.cpu))[rows])


def _is_audible(samples: NDArray[np.int16]) -> bool:
    if len(samples) < LEAST_SPEECH_S * SAMPLE_RATE:
        return False
    return float(np.sqrt(np.mean(np.square(samples / 32768)))) >= LEAST_LEVEL


def _short_window(utterance: Utterance) -> float:
    """In steps, so that an utterance is decoded alike whoever shares its batch."""
    needed = len(utterance.samples) / SAMPLE_RATE + SHORT_WINDOW_MARGIN_S
    return min(max(SHORT_WINDOW_S, WINDOW_STEP_S * math.ceil(needed / WINDOW_STEP_S)), FULL_WINDOW_S)
