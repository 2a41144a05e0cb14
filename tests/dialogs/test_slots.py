"""Slot values out of what was heard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs.number_words import digits_for_words
from dialogs.script.format import Slot
from dialogs.slots import parse_rating, parse_slot, spoken_slot
from dialogs.turn import Heard
from tests.dialogs.talk import NOW


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("four", 4),
        ("I'd say a 4", 4),
        ("five out of five", 5),
        ("4 out of 5", 4),
        ("4/5", 4),
        ("on a scale from one to five i'd say three", 3),
        ("five stars", 5),
        ("a one", 1),
        ("for", 4),
        ("to", 2),
        ("Let's say free.", 3),
        ("Well, I'd say a tree.", 3),
        ("For, I guess.", 4),
        ("I want it for free", None),
        ("two, no, three", 3),
        ("a solid four please", 4),
        ("number 2", 2),
        ("four or five", None),
        ("not a five", None),
        ("ten", None),
        ("zero", None),
        ("twenty five", None),
        ("4.5", None),
        ("it was great", None),
        ("no one ever asked me that before to be honest with you", None),
        ("", None),
    ],
)
def test_rating_in_words(text: str, score: int | None) -> None:
    assert parse_rating(Heard(text), "en") == score


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("四分", 4),
        ("五", 5),
        ("两分", 2),
        ("满分五分我给四分", 4),
        ("一到五的话三分吧", 3),
        ("四分，不对，五分", 5),
        ("十分", None),
        ("还行", None),
    ],
)
def test_rating_in_mandarin(text: str, score: int | None) -> None:
    assert parse_rating(Heard(text), "zh") == score


@given(st.text("0123456789*#", max_size=4), st.text(max_size=40))
def test_rating_is_one_to_five_or_nothing(keys: str, text: str) -> None:
    assert parse_rating(Heard(text, digits=keys), "en") in (None, 1, 2, 3, 4, 5)
    if keys:
        assert parse_rating(Heard(text, digits=keys), "en") == (int(keys) if keys in list("12345") else None)


COLOUR = Slot(type="choice", choices={"red": ("red", "dark red"), "blue": ("blue", "navy")})


@pytest.mark.parametrize(
    ("slot", "heard", "value"),
    [
        (COLOUR, Heard("the navy one please"), "blue"),
        (COLOUR, Heard("red or blue"), None),
        (COLOUR, Heard("the bored one"), None),
        (Slot(type="yes_no"), Heard("hm", "no"), "no"),
        (Slot(type="yes_no"), Heard("sure, go on"), "yes"),
        (Slot(type="yes_no"), Heard("Okay, well, sure"), "yes"),
        (Slot(type="yes_no"), Heard("right so yes"), "yes"),
        (Slot(type="yes_no"), Heard("OK well the problem is"), None),
        (Slot(type="yes_no"), Heard("Sure, but first of all I"), None),
        (Slot(type="yes_no"), Heard("Right, so the thing is"), None),
        (Slot(type="yes_no"), Heard("nope"), "no"),
        (Slot(type="yes_no"), Heard("perhaps"), None),
        (Slot(type="text"), Heard("  twelve   Main Street "), "twelve Main Street"),
        (Slot(type="text"), Heard(" "), None),
        (Slot(type="rating"), Heard(digits="3"), "3"),
        (Slot(type="datetime"), Heard("tomorrow at five"), "2026-11-24T17:00"),
    ],
)
def test_slot_types(slot: Slot, heard: Heard, value: str | None) -> None:
    assert parse_slot(slot, heard, now=NOW, language="en") == value


def test_choice_and_yes_no_in_mandarin() -> None:
    colour = Slot(type="choice", choices={"red": ("红色",), "blue": ("蓝色", "深蓝")})
    assert parse_slot(colour, Heard("我要蓝色的"), now=NOW, language="zh") == "blue"
    assert parse_slot(Slot(type="yes_no"), Heard("不用了"), now=NOW, language="zh") == "no"
    assert parse_slot(Slot(type="yes_no"), Heard("可以"), now=NOW, language="zh") == "yes"


def test_only_moments_are_said_differently() -> None:
    assert spoken_slot("text", "12", "en") == "12"
    assert spoken_slot("datetime", "2026-11-24T17:00", "en") == "Tuesday, November 24th at 5 PM"


@pytest.mark.parametrize(
    ("words", "digits"),
    [
        ("twenty-five percent", "25 percent"),
        ("one hundred and twenty dollars", "120 dollars"),
        ("a hundred and five", "a 105"),
        ("two thousand five hundred", "2500"),
        ("three million", "3000000"),
        ("two thirty", "2 30"),
        ("nineteen ninety nine", "19 99"),
        ("five five five", "5 5 5"),
        ("twenty and done", "20 and done"),
        ("someone weighs a ton", "someone weighs a ton"),
        ("hundreds of them", "hundreds of them"),
    ],
)
def test_number_words(words: str, digits: str) -> None:
    assert digits_for_words(words, "en") == digits


@pytest.mark.parametrize(
    ("words", "digits"),
    [("二十五块", "25块"), ("一百二十三", "123"), ("三点半", "3点半"), ("两万三千", "23000"), ("十", "10")],
)
def test_number_words_in_mandarin(words: str, digits: str) -> None:
    assert digits_for_words(words, "zh") == digits


@given(st.integers(0, 999_999))
def test_every_spelled_number_is_read_back(number: int) -> None:
    assert digits_for_words(spelled(number), "en") == str(number)


ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def spelled(number: int) -> str:
    if number < 20:
        return ONES[number]
    if number < 100:
        return TENS[number // 10] + (f"-{ONES[number % 10]}" if number % 10 else "")
    name, size = ("thousand", 1000) if number >= 1000 else ("hundred", 100)
    rest = number % size
    joined = f" and {spelled(rest)}" if name == "hundred" else f" {spelled(rest)}"
    return f"{spelled(number // size)} {name}" + (joined if rest else "")
