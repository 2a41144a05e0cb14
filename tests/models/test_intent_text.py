"""What is heard and what the script gives as an example are compared in the same writing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.intent.service import LANGUAGES, out_of_scope_sentences
from models.intent.text import MAX_CHARACTERS, normalise


@pytest.mark.parametrize(
    ("heard", "compared"),
    [
        ("Yes.", "yes"),
        ("Um, well, yes!", "yes"),
        ("Uh-huh.", "uh huh"),
        ("Uh,   I'm not INTERESTED...", "i'm not interested"),
        ("I\u2019m driving", "i'm driving"),
        ("Sorry, who is this?", "who is this"),
        ("Sorry?", "sorry"),
        ("hello hello", "hello"),
        ("Wellington", "wellington"),
        ("喂,你好。", "你好"),
        ("嗯", "嗯"),
        ("... ?!", ""),
        ("", ""),
    ],
)
def test_normalise(heard: str, compared: str) -> None:
    assert normalise(heard) == compared


@given(st.text(max_size=400))
def test_normalising_twice_changes_nothing_and_length_is_bounded(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert len(once) <= 3 * MAX_CHARACTERS  # Lower case of one letter may be up to three.


def test_of_a_monologue_the_end_is_kept() -> None:
    assert normalise("blah " * 10_000 + "so please stop calling me").endswith("please stop calling me")


@pytest.mark.parametrize("language", LANGUAGES)
def test_small_talk_lists_are_clean(language: str) -> None:
    sentences = out_of_scope_sentences(language)
    assert len(sentences) >= 80
    assert all(sentences)
    assert len(set(sentences)) == len(sentences)


def test_an_unknown_language_is_named() -> None:
    with pytest.raises(ValueError, match="'de': use one of en, zh"):
        out_of_scope_sentences("de")
