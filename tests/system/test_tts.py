"""Piper: what it says can be understood, is level, and is where the word ends say."""

import os
from pathlib import Path

import jiwer
import numpy as np
import pytest

from models.asr import Utterance
from models.asr.whisper import WhisperEngine, WhisperSettings
from models.tts import Speech
from models.tts.levelling import active_level
from models.tts.piper import PiperEngine
from models.tts.service import RenderProgress, serve_piper
from tests.embedded_weights import embedded_weights
from tests.system.telephone import through_mu_law, with_pauses
from tests.system.test_asr import words

LINES = [
    "Hello, this is Alex, an automated assistant from Green Energy.",
    "Do you have a minute to talk about your electricity bill? I can make you a new offer.",
    "Thank you very much for your time, and have a good day.",
]


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
        assert 0.03 * 8000 <= loud[0] <= 0.08 * 8000
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
