"""Piper: what it says can be understood, is level, and is where the word ends say."""

import asyncio
import json
import os
from pathlib import Path

import jiwer
import numpy as np
import pytest
from numpy.typing import NDArray

from models.asr import Utterance
from models.asr.whisper import WhisperEngine, WhisperSettings
from models.tts import Speech, words_of
from models.tts.clauses import clauses, with_pause
from models.tts.levelling import active_level
from models.tts.piper import PiperEngine
from models.tts.service import RenderProgress, serve_piper, serve_voice, weights_for
from tests.embedded_weights import embedded_weights
from tests.system.telephone import through_mu_law, with_pauses
from tests.system.test_asr import words

LINES = [
    "Hello, this is Alex, an automated assistant from Green Energy.",
    "Do you have a minute to talk about your electricity bill? I can make you a new offer.",
    "Thank you very much for your time, and have a good day.",
]
PARTED = (
    "I can offer you a discount of twenty percent, which starts with the next month of your contract, and "
    "you may keep it for the whole of the next year. Would that be something for you?"
)


@pytest.fixture(scope="module")
def lines(piper: PiperEngine) -> list[Speech]:
    return piper.run(LINES)


@pytest.fixture(scope="module")
def whisper(tiny_en: Path) -> WhisperEngine:
    engine = WhisperEngine(WhisperSettings(tiny_en))
    engine.load()
    return engine


def test_what_is_said_is_what_was_written(lines: list[Speech], whisper: WhisperEngine) -> None:
    heard = whisper.run([Utterance(through_mu_law(with_pauses(line.samples))) for line in lines])
    assert jiwer.wer([words(line) for line in LINES], [words(each.text) for each in heard]) < 0.1


def test_all_lines_are_equally_loud_and_none_clips(lines: list[Speech]) -> None:
    for line in lines:
        samples = line.samples.astype(np.float32) / np.float32(32768)
        assert 20 * np.log10(active_level(samples)) == pytest.approx(-20, abs=2)
        assert np.abs(line.samples).max() < 30000


def test_silence_around_a_line_is_short(lines: list[Speech]) -> None:
    for line in lines:
        loud = np.flatnonzero(np.abs(line.samples) > 150)
        assert loud[0] <= 0.03 * 8000, "the callee has waited already"
        assert len(line.samples) - loud[-1] <= 0.2 * 8000


def test_words_end_in_order_inside_the_audio(lines: list[Speech]) -> None:
    for line in lines:
        assert len(line.word_ends) == len(line.text.split())
        assert list(line.word_ends) == sorted(line.word_ends)
        assert line.word_ends[0] > 0
        assert len(line.samples) - 0.25 * 8000 < line.word_ends[-1] <= len(line.samples)
        assert line.words_heard(0) == ""
        assert line.words_heard(len(line.samples)) == line.text


@pytest.mark.parametrize("count", [4, 8, 12])
def test_audio_cut_after_a_word_holds_the_words_up_to_it(
    count: int, lines: list[Speech], whisper: WhisperEngine
) -> None:
    line = lines[1]
    cut = line.samples[: line.word_ends[count - 1] + 240]
    expected = line.text.split()[:count]
    [heard] = whisper.run([Utterance(with_pauses(cut))])
    assert jiwer.wer(words(" ".join(expected)), words(heard.text) or "-") <= 1.01 / count


def test_text_that_says_nothing_gives_no_audio(piper: PiperEngine) -> None:
    [nothing, dash] = piper.run(["", "-"])
    assert len(nothing.samples) == 0
    assert nothing.word_ends == ()
    assert len(dash.word_ends) == 1


def test_parted_into_clauses_it_is_understood_as_well_and_has_no_clicks(
    piper: PiperEngine, whisper: WhisperEngine
) -> None:
    parts = clauses(PARTED)
    assert len(parts) >= 3
    pieces = [with_pause(piper.run([part.text])[0], part.pause).samples for part in parts]
    for piece in pieces:
        assert abs(int(piece[0])) < 300
        assert abs(int(piece[-1])) < 300
    [heard] = whisper.run([Utterance(through_mu_law(with_pauses(np.concatenate(pieces))))])
    assert jiwer.wer(words(PARTED), words(heard.text)) < 0.12


def test_a_clause_before_a_comma_is_not_intoned_as_an_end(piper: PiperEngine) -> None:
    """The comma is rendered with it: the last syllable is higher than that of a finished sentence."""
    before_comma, finished = piper.run(["We could offer you a new price,", "We could offer you a new price."])
    assert _pitch_at_the_end(before_comma.samples) > 1.05 * _pitch_at_the_end(finished.samples)


def _pitch_at_the_end(samples: NDArray[np.int16]) -> float:
    """Hz, by autocorrelation of the last loud 100 ms."""
    last = int(np.flatnonzero(np.abs(samples) > 0.1 * np.abs(samples).max())[-1])
    piece = samples[last - 1000 : last].astype(np.float64)
    ours = np.correlate(piece, piece, "full")[len(piece) :]
    lag = 40 + int(np.argmax(ours[40:130]))
    return 8000 / lag


async def test_prerendered_lines_are_there_at_once_and_survive_a_restart(tmp_path: Path) -> None:
    folder = embedded_weights("piper-en-us-joe")
    progress: list[RenderProgress] = []
    async with serve_piper(folder, tmp_path) as speaker:
        assert speaker.cached(LINES[0]) is None
        await speaker.prerender([*LINES[::2], LINES[0]], progress.append)
        assert progress == [RenderProgress(1, 2, 1), RenderProgress(2, 2, 2)]
        first = speaker.cached(LINES[0])
        assert first is not None
        live = await speaker.speak("Just now.", deadline_s=20)
        assert speaker.cached("Just now.") is live
    assert len(os.listdir(tmp_path)) == 2, "what is said live is not kept on disk"
    async with serve_piper(folder, tmp_path) as speaker:
        again = await speaker.speak(LINES[0], deadline_s=0.001)
        np.testing.assert_array_equal(again.samples, first.samples)
        assert again.word_ends == first.word_ends
        assert speaker.metrics.submitted == 0


async def test_those_who_want_the_same_words_at_once_share_one_rendering(tmp_path: Path) -> None:
    async with serve_piper(embedded_weights("piper-en-us-joe"), tmp_path) as speaker:
        waiting = [asyncio.create_task(speaker.speak(LINES[0], deadline_s=20)) for _ in range(3)]
        await asyncio.sleep(0.05)
        waiting[0].cancel()
        second, third = await asyncio.gather(*waiting[1:])
        assert second is third
        assert speaker.metrics.submitted == 1


async def test_a_piper_voice_may_speak_mandarin_instead_of_kokoro(tmp_path: Path) -> None:
    """An English voice with the phonemes of Mandarin: no words for the ear, but all that leads to them."""
    english = embedded_weights("piper-en-us-joe") / "piper-en-us-joe"
    voice = tmp_path / "mandarin.onnx"
    voice.symlink_to(english / "voice.onnx")
    config = json.loads((english / "voice.onnx.json").read_text())
    config["espeak"]["voice"] = "cmn"
    (tmp_path / "mandarin.onnx.json").write_text(json.dumps(config))
    assert weights_for("zh", voice) == ()
    text = "您好，我是小王，每月39元。"
    async with serve_voice("zh", tmp_path, tmp_path / "cache", mandarin_voice=voice) as speaker:
        said = await speaker.speak(text, deadline_s=20)
    assert len(said.word_ends) == len(words_of(text))
    assert list(said.word_ends) == sorted(set(said.word_ends)), "each character takes its time"
    assert said.words_heard(said.word_ends[1]) == "您好，"
    assert len(said.samples) > 8000
