"""Where a text is parted: between words only, early enough for the first sound, and nowhere silly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.tts import Speech, first_words, words_of
from models.tts.clauses import Pause, clauses, with_pause

WORD = st.sampled_from(
    "we can Mr. call you, back and or because 3.5 10, 2026 a@b.com $1,200 Great! fine. -".split()
    + "您 好， 我 是 所 以 。 AI".split()
)
TEXT = st.lists(st.tuples(WORD, st.sampled_from(["", " ", "  "])), max_size=40).map(
    lambda parts: "".join(word + blank for word, blank in parts)
)


def bare(words: list[str]) -> list[str]:
    return [word.rstrip(",，") for word in words]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Goodbye.", ["Goodbye."]),
        (
            "I can offer you a discount, and it would start next month, if you agree today.",
            ["I can offer you a discount,", "and it would start next month,", "if you agree today."],
        ),
        ("Well, I see. That is a pity.", ["Well, I see.", "That is a pity."]),
        (
            "We would like to know how you found us because that helps us to be better",
            ["We would like to know how you found us,", "because that helps us to be better"],
        ),
        ("Please call Mr. Smith at 4 4 2, 0 7 9, thank you.", None),
        ("It ends on May 5, 2026 at the latest", ["It ends on May 5, 2026 at the latest"]),
        ("Write to a.b@example.com.uk or call", ["Write to a.b@example.com.uk or call"]),
        (
            "您好，我是绿色能源公司的小王，请问您现在方便吗？",
            ["您好，我是绿色能源公司的小王，", "请问您现在方便吗？"],
        ),
        ("好的。我们明天再给您打电话。", ["好的。", "我们明天再给您打电话。"]),
        (
            "这个套餐每个月只要三十九块九毛所以比您现在的便宜",
            ["这个套餐每个月只要三十九块九毛，", "所以比您现在的便宜"],
        ),
    ],
)
def test_examples(text: str, expected: list[str] | None) -> None:
    found = [clause.text for clause in clauses(text)]
    assert found == (expected or ["Please call Mr. Smith at 4 4 2, 0 7 9,", "thank you."])


@given(TEXT)
def test_no_word_is_lost_cut_or_added(text: str) -> None:
    parts = clauses(text)
    assert bare([w for part in parts for w in words_of(part.text)]) == bare(words_of(text))
    assert [part.pause is None for part in parts] == [False] * (len(parts) - 1) + [True]


@given(TEXT)
def test_cutting_again_cuts_nothing_before_the_first_clause_ends(text: str) -> None:
    first = clauses(text)[0]
    assert first.text.strip() or not words_of(text)
    assert text.lstrip().startswith(first.text.rstrip(",，").lstrip())


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Lo"])))
def test_without_hanzi_words_are_what_stands_between_blanks(text: str) -> None:
    text = text.replace("〇", "")
    assert words_of(text) == text.split()


@given(TEXT, st.integers(-1, 60))
def test_first_words_are_a_prefix(text: str, count: int) -> None:
    whole = " ".join(text.split())
    heard = first_words(text, count)
    assert whole.startswith(heard)
    assert words_of(heard) == words_of(text)[: max(0, count)]


def test_each_hanzi_is_a_word_with_its_punctuation() -> None:
    assert words_of("“您好”，AI助手 39块。") == ["“您", "好”，", "AI", "助", "手", "39", "块。"]


def test_a_clause_ends_in_exactly_its_pause() -> None:
    samples = np.concatenate([np.full(100, 7, np.int16), np.zeros(960, np.int16)])
    paused = with_pause(Speech("one two,", samples, (50, 1060)), Pause.CONJUNCTION)
    assert len(paused.samples) == 100 + 30 * 8
    assert paused.word_ends == (50, 100)
    assert with_pause(paused, None) is paused
