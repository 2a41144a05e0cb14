"""One way to write what was said, so that error rates count hearing errors and not spelling.

English: lower case, no punctuation, contractions opened, fillers dropped, numbers, times and money
in words ("4" and "four", "$5" and "five dollars" are the same). Mandarin: single characters.
"""

import re
import unicodedata

# fmt: off
_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
# fmt: on
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_NUMBER_WORDS = frozenset([*_ONES, *_TENS, "hundred", "thousand"])
_FILLERS = frozenset({"uh", "um", "er", "erm", "hmm", "hm", "mm", "mhm", "mmm", "ah", "oh"})
_SAME = {
    "ok": "okay",
    "yep": "yes",
    "yeah": "yes",
    "cannot": "can not",
    "gonna": "going to",
    "goodbye": "bye",
}
_DIGITS_READ_OUT = 7
"""From this many digits on a number is read digit by digit, as phone numbers are."""

_REWRITES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"[\u2018\u2019]", "'"),
        (r"\b([ap])\.?\s?m\b\.?", r"\1m"),
        (r"(?<=\d),(?=\d{3}\b)", ""),
        (r"\$(\d+)\.(\d\d)\b", r"\1 dollars and \2 cents"),
        (r"\$(\d+)", r"\1 dollars"),
        (r"(\d)\s?%", r"\1 percent"),
        (r"(\d):00\b", r"\1"),
        (r"(\d):(\d)", r"\1 \2"),
        (r"(\d)\.(\d)", r"\1 point \2"),
        (r"(\d)([ap]m)\b", r"\1 \2"),
        (r"\bwon't\b", "will not"),
        (r"\bcan't\b", "can not"),
        (r"n't\b", " not"),
        (r"'m\b", " am"),
        (r"'re\b", " are"),
        (r"'ll\b", " will"),
        (r"'ve\b", " have"),
        (r"\b(it|that|what|who|he|she|there|here|where|how)'s\b", r"\1 is"),
        (r"'", ""),
        (r"[^\w\s]", " "),
        (r"_", " "),
    )
)


def tokens(text: str, language: str = "en") -> list[str]:
    """Words (or characters, for languages written without spaces) in their common spelling."""
    text = unicodedata.normalize("NFKC", text).lower()
    if counts_characters(language):
        return [_chinese_digit(character) for character in text if character.isalnum()]
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    words = " ".join(word for token in text.split() for word in _spoken(token)).split()
    return _without_number_and([word for word in words if word not in _FILLERS])


def counts_characters(language: str) -> bool:
    """Whether errors are counted by character: Mandarin, Cantonese, Japanese."""
    return language.split("-")[0].lower() in {"zh", "cmn", "yue", "ja"}


def _spoken(token: str) -> list[str]:
    ordinal = re.fullmatch(r"(\d{1,4})(st|nd|rd|th)", token)
    if ordinal:
        *before, last = _number(int(ordinal[1]))
        return [*before, _ORDINALS.get(last, re.sub("y$", "ie", last) + "th")]
    if not token.isascii() or not token.isdigit():
        return _SAME.get(token, token).split()
    if len(token) >= _DIGITS_READ_OUT or (token[0] == "0" and len(token) > 1):
        return [_ONES[int(digit)] for digit in token]
    return _number(int(token))


def _number(value: int) -> list[str]:
    if value < 20:
        return [_ONES[value]]
    if value < 100:
        return [_TENS[value // 10 - 2], *(_number(value % 10) if value % 10 else [])]
    size, name = (100, "hundred") if value < 1000 else (1000, "thousand")
    return [*_number(value // size), name, *(_number(value % size) if value % size else [])]


def _without_number_and(words: list[str]) -> list[str]:
    """'one hundred and five' is 'one hundred five'; other 'and's stay."""
    return [
        word
        for at, word in enumerate(words)
        if not (
            word == "and"
            and 0 < at < len(words) - 1
            and words[at - 1] in {"hundred", "thousand"}
            and words[at + 1] in _NUMBER_WORDS
        )
    ]


def _chinese_digit(character: str) -> str:
    return "零一二三四五六七八九"[int(character)] if character in "0123456789" else character
