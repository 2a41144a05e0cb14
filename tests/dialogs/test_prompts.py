"""Texts cut into sentences, and filled with values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs.prompts import render, sentences


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("We have a code. Shall I text it?", ["We have a code.", "Shall I text it?"]),
        ("Great. We have a code for you.", ["Great. We have a code for you."]),
        ("We have a code. Okay?", ["We have a code. Okay?"]),
        ("I spoke to Mr. Smith about it.", ["I spoke to Mr. Smith about it."]),
        ("It takes 2.5 percent off.", ["It takes 2.5 percent off."]),
        ("Ask {first_name}. It is fine now.", ["Ask {first_name}. It is fine now."]),
        ("Goodbye.", ["Goodbye."]),
        ("您好，我是小美。现在方便说话吗？", ["您好，我是小美。", "现在方便说话吗？"]),
        ("   ", []),
    ],
)
def test_sentences(text: str, pieces: list[str]) -> None:
    assert list(sentences(text)) == pieces


@given(st.text("ab .!?。？{}", max_size=60))
def test_no_word_is_lost(text: str) -> None:
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


@given(st.text("ab .!?。？", max_size=60))
def test_sentences_of_a_sentence_are_itself(text: str) -> None:
    for sentence in sentences(text):
        assert sentences(sentence) == (sentence,)


def test_values_are_put_in_once() -> None:
    assert render("{a} and {b}", {"a": "{b}", "b": "x"}) == "{b} and x"
    with pytest.raises(KeyError, match="c"):
        render("{c}", {})
