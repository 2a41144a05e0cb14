"""From Hanzi to the symbols that Kokoro was taught."""

import pytest

from models.tts import words_of
from models.tts.pinyin import syllable_sounds, word_sounds


@pytest.mark.parametrize(
    ("text", "sounds"),
    [
        # What misaki.zh 0.9.4 gives for each of these, its blanks between words aside.
        ("您好", ["ni↗n", "xau↓"]),
        ("绿色能源", ["ly↘", "sɤ↘", "nə↗ŋ", "ɥɛ↗n"]),
        ("请问方便吗", ["ʨʰi↓ŋ", "wə↘n", "fa→ŋ", "pjɛ↘n", "ma"]),
        ("知识四十", ["ꭧɨ→", "ʂɨ↗", "sɨ↘", "ʂɨ↗"]),
        ("小王", ["ɕjau↓", "wa↗ŋ"]),
        ("女儿", ["ny↓", "ɚ↗"]),
        ("月光", ["ɥe↘", "kwa→ŋ"]),
        ("银行", ["i↗n", "xa↗ŋ"]),
    ],
)
def test_words_that_misaki_was_asked_too(text: str, sounds: list[str]) -> None:
    assert word_sounds(words_of(text)) == sounds


def test_tones_change_as_they_are_spoken() -> None:
    assert word_sounds(words_of("不是")) == ["pu↗", "ʂɨ↘"]
    assert word_sounds(words_of("一个")) == ["i↗", "kɤ↘"]
    assert word_sounds(words_of("你好"))[0] == "ni↗"


def test_punctuation_numbers_and_letters_belong_to_their_word() -> None:
    assert word_sounds(words_of("好，AI用3元。")) == ["xau↓, ", "ˈAˈI", "jʊ↘ŋ", "sa→n", "ɥɛ↗n. "]


def test_every_syllable_of_mandarin_has_its_sounds() -> None:
    from pypinyin.constants import PINYIN_DICT
    from pypinyin.contrib.tone_convert import to_tone3

    common = {
        to_tone3(reading, neutral_tone_with_five=True)
        for character in range(0x4E00, 0x9FA6)
        for reading in PINYIN_DICT.get(character, "").split(",")[:1]
        if reading
    }
    assert len(common) > 1100
    assert sorted(each for each in common if not syllable_sounds(each)) == []


@pytest.mark.parametrize("nothing", ["", "5", "bla1", "q2"])
def test_what_is_no_syllable_is_silent(nothing: str) -> None:
    assert syllable_sounds(nothing) == ""
