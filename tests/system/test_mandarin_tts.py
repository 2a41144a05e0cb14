"""Kokoro: its Mandarin can be understood over the telephone, mostly, and is where the word ends say."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from models.tts import Speech, words_of
from models.tts.kokoro import KokoroEngine
from models.tts.levelling import active_level
from models.tts.service import MANDARIN_VOICE, kokoro_settings, serve_voice, weights_for
from tests.embedded_weights import embedded_weights
from tests.system.mandarin_intelligibility import (
    SENTENCES,
    character_error_rate,
    syllable_error_rate,
    understood,
)

LINES = list(SENTENCES[:4])
MOST_CHARACTERS_WRONG = 0.35
MOST_SYLLABLES_WRONG = 0.25


@pytest.fixture(scope="module")
def kokoro() -> Iterator[KokoroEngine]:
    engine = KokoroEngine(kokoro_settings(embedded_weights(MANDARIN_VOICE)))
    engine.load()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def lines(kokoro: KokoroEngine) -> list[Speech]:
    return kokoro.run(LINES)


@pytest.fixture(scope="module")
def heard(lines: list[Speech]) -> list[str]:
    return understood(lines)


def test_most_characters_are_understood(heard: list[str]) -> None:
    assert character_error_rate(LINES, heard) < MOST_CHARACTERS_WRONG


def test_most_syllables_are_understood(heard: list[str]) -> None:
    assert syllable_error_rate(LINES, heard) < MOST_SYLLABLES_WRONG


def test_lines_are_as_loud_as_english_ones_and_begin_at_once(lines: list[Speech]) -> None:
    for line in lines:
        assert 20 * np.log10(
            active_level(line.samples.astype(np.float32) / np.float32(32768))
        ) == pytest.approx(-20, abs=2)
        loud = np.flatnonzero(np.abs(line.samples) > 150)
        assert loud[0] <= 0.1 * 8000, "a soft consonant at most: Kokoro itself begins with 400 ms"
        assert len(line.samples) - loud[-1] <= 0.2 * 8000


def test_each_character_ends_in_order_and_before_the_pause_behind_it(
    lines: list[Speech],
) -> None:
    for line in lines:
        assert len(line.word_ends) == len(words_of(line.text))
        assert list(line.word_ends) == sorted(line.word_ends)
        assert line.words_heard(len(line.samples)) == line.text
        assert 0.05 * 8000 < line.word_ends[0] < 0.8 * 8000
    first = lines[0]
    at = first.word_ends[2]  # 起，
    frames = np.abs(first.samples[at : at + 4000].astype(np.float64)).reshape(-1, 80).max(axis=1)
    assert frames.min() < 0.05 * np.abs(first.samples).max(), "the pause comes behind the word's end"


def test_text_that_says_nothing_gives_no_audio(kokoro: KokoroEngine) -> None:
    nothing, dots = kokoro.run(["", "……"])
    assert len(nothing.samples) == 0
    assert nothing.word_ends == ()
    assert len(dots.word_ends) == len(words_of("……"))


async def test_the_speaker_of_mandarin_is_kokoro_and_keeps_what_it_said(tmp_path: Path) -> None:
    folder = embedded_weights(*weights_for("zh"))
    text = "您好。"
    async with serve_voice("zh", folder, tmp_path) as speaker:
        await speaker.prerender([text])
        first = speaker.cached(text)
        assert first is not None
        assert len(first.word_ends) == 2
    async with serve_voice("zh", folder, tmp_path) as speaker:
        again = await speaker.speak(text, deadline_s=0.5)
        np.testing.assert_array_equal(again.samples, first.samples)
        assert speaker.metrics.submitted == 0
