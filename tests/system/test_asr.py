"""Whisper on synthetic speech through a telephone line."""

import asyncio
import re
from pathlib import Path

import jiwer
import numpy as np
import pytest
from numpy.typing import NDArray

from models.asr import Transcript, Utterance
from models.asr.service import serve_whisper
from models.asr.whisper import WhisperEngine, WhisperSettings
from models.engine import EngineDown
from models.tts.piper import PiperEngine
from tests.embedded_weights import embedded_weights
from tests.system.telephone import through_mu_law, with_pauses

SENTENCES = [
    "Yes, speaking.",
    "Who is this?",
    "No, thank you, I'm not interested.",
    "How much does it cost?",
    "That's too expensive for me.",
    "Can you do any better on the price?",
    "I'm busy right now, please call me back tomorrow afternoon.",
    "Please don't call me again.",
    "You have the wrong number.",
    "Can I talk to a real person please?",
    "I switched to another supplier a few months ago because they were cheaper.",
    "Is there a contract and can I cancel at any time?",
]


def words(text: str) -> str:
    return re.sub(r"[^a-z ]", "", text.lower())


def word_error_rate(said: list[str], heard: list[Transcript]) -> float:
    return jiwer.wer([words(text) for text in said], [words(each.text) or "-" for each in heard])


@pytest.fixture(scope="module")
def whisper() -> WhisperEngine:
    engine = WhisperEngine(WhisperSettings(embedded_weights("whisper-tiny.en") / "whisper-tiny.en"))
    engine.load()
    return engine


@pytest.fixture(scope="module")
def calls(piper: PiperEngine) -> list[NDArray[np.int16]]:
    return [through_mu_law(with_pauses(said.samples)) for said in piper.run(SENTENCES)]


def test_words_survive_the_line_mostly_on_the_short_window(
    whisper: WhisperEngine, calls: list[NDArray[np.int16]]
) -> None:
    heard = whisper.run([Utterance(call) for call in calls])
    assert word_error_rate(SENTENCES, heard) < 0.12
    assert sum(each.mode == "short_window" for each in heard) >= 9
    assert all(each.log_probability > -1.2 for each in heard)


def test_a_batch_of_callers_hears_what_single_calls_hear(
    whisper: WhisperEngine, calls: list[NDArray[np.int16]]
) -> None:
    long = np.concatenate(calls[4:8])  # Another window than the others: not in their call.
    utterances = [Utterance(call) for call in (*calls[:4], long)]
    together = whisper.run(utterances)
    single = [whisper.run([each])[0] for each in utterances]
    assert [each.text for each in together] == [each.text for each in single]
    assert [each.log_probability for each in together] == pytest.approx(
        [each.log_probability for each in single], abs=0.02
    )


def test_callers_with_different_hints_share_an_encoder_run_and_hear_what_single_calls_hear(
    tiny_en: Path, calls: list[NDArray[np.int16]], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = WhisperEngine(WhisperSettings(tiny_en, short_window=False))
    engine.load()
    hints: list[tuple[str, ...]] = [("price",), (), ("supplier", "contract"), ("number",), ()]
    utterances = [Utterance(call, hints=each) for call, each in zip(calls[3:8], hints, strict=True)]
    single = [engine.run([each])[0] for each in utterances]
    encoded: list[int] = []
    encode = engine._encode

    def count(features: list[NDArray[np.float32]]) -> object:
        encoded.append(len(features))
        return encode(features)

    monkeypatch.setattr(engine, "_encode", count)
    together = engine.run(utterances)
    assert encoded == [5]
    assert [each.text for each in together] == [each.text for each in single]
    assert {each.mode for each in together} == {"full_window"}


async def test_two_processes_share_a_queue(calls: list[NDArray[np.int16]]) -> None:
    folder = embedded_weights("whisper-tiny.en")
    async with serve_whisper(folder, max_batch=1, processes=2) as recogniser:
        asked = (recogniser.transcribe(Utterance(call), deadline_s=30) for call in calls[:6])
        heard = await asyncio.gather(*asked)
    assert word_error_rate(SENTENCES[:6], list(heard)) < 0.2
    assert recogniser.services["whisper-tiny.en"].metrics.batch_sizes == {1: 6}


def test_a_runaway_is_decoded_again_on_the_full_window(
    whisper: WhisperEngine, piper: PiperEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.asr.whisper.SHORT_WINDOW_S", 1.0)  # Windows this short do run away
    monkeypatch.setattr("models.asr.whisper.SHORT_WINDOW_MARGIN_S", 0.3)
    monkeypatch.setattr("models.asr.whisper.WINDOW_STEP_S", 0.1)
    said = SENTENCES[:4]
    noisy = [with_pauses(each.samples, noise=330) for each in piper.run(said)]  # in 20 dB of noise.
    utterances = [Utterance(through_mu_law(call)) for call in noisy]
    guarded = whisper.run(utterances)
    monkeypatch.setattr("models.asr.whisper.doubts", lambda *_: None)
    unguarded = whisper.run(utterances)
    assert "full_window" in {each.mode for each in guarded}
    assert word_error_rate(said, unguarded) > 0.5, "or this test shows nothing"
    assert word_error_rate(said, guarded) < 0.2


def test_what_is_no_speech_gives_no_words(whisper: WhisperEngine) -> None:
    noise = np.random.default_rng(1)
    tone = np.sin(np.arange(16000) * 2 * np.pi * 1000 / 8000)
    no_speech = [
        np.zeros(16000),
        noise.normal(scale=100, size=16000),
        noise.normal(scale=1000, size=24000),
        8000 * tone,
        8000 * tone[:500],
    ]
    heard = whisper.run([Utterance(samples.astype(np.int16)) for samples in no_speech])
    assert [(each.text, each.mode) for each in heard] == [("", "empty")] * len(no_speech)


async def test_callers_of_both_languages_share_their_engines(calls: list[NDArray[np.int16]]) -> None:
    folder = embedded_weights("whisper-tiny.en", "whisper-base")
    async with serve_whisper(folder, languages=("en", "zh")) as recogniser:
        assert set(recogniser.services) == {"whisper-tiny.en", "whisper-base"}
        heard = await recogniser.transcribe(Utterance(calls[3], hints=("cost", "price")), deadline_s=20)
        assert words(heard.text) == words(SENTENCES[3])
        silence = np.zeros(8000, dtype=np.int16)
        assert (await recogniser.transcribe(Utterance(silence, language="zh"), deadline_s=20)).mode == "empty"


async def test_missing_weights_are_named_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(EngineDown, match=r"model\.bin is missing. Run `voicebot doctor --fetch`"):
        async with serve_whisper(tmp_path):
            pass
