"""Number words to digits: "twenty-five percent" -> "25 percent", "三点半" -> "3点半"."""

import re

_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SMALL = {word: value for value, word in enumerate(_ONES)} | {w: 20 + 10 * i for i, w in enumerate(_TENS)}
_BIG = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_NTH = [
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth",
    "nineteenth", "twentieth",
]  # fmt: skip
_ORDINALS = {word: value for value, word in enumerate(_NTH, start=1)} | {"thirtieth": 30}
_TOKEN = re.compile(r"[A-Za-z']+|[^A-Za-z']+")

_HAN_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_HAN_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10_000}
_HAN_NUMBER = re.compile(f"[{''.join(_HAN_DIGITS)}{''.join(_HAN_UNITS)}]+")


def digits_for_words(text: str, language: str, *, ordinals: bool = False) -> str:
    """The text with its number words as digits. Numbers that do not form one stay apart ("two thirty"
    -> "2 30"). `ordinals` also turns "twenty-first" into "21st"."""
    if language == "zh":
        return _HAN_NUMBER.sub(lambda found: _han_value(found[0]), text)
    out: list[str] = []
    tokens: list[str] = _TOKEN.findall(text)
    at = 0
    while at < len(tokens):
        value, after = _read_number(tokens, at)
        if ordinals:
            value, after, suffix = _read_ordinal(tokens, at, value, after)
        else:
            suffix = ""
        if value is None:
            out.append(tokens[at])
            at += 1
        else:
            out.append(f"{value}{suffix}")
            at = after
    return "".join(out)


def _read_number(tokens: list[str], at: int) -> tuple[int | None, int]:
    """The number that starts at a token and the place after it; None when none starts there."""
    total, part, after, last = 0, None, at, 0
    while at < len(tokens):
        word = tokens[at].lower()
        if word in _SMALL:
            value = _SMALL[word]
            joins = part is None or last >= 100 or (20 <= last <= 90 and 1 <= value <= 9)
            if not joins:
                break
            part, last = (part or 0) + value, value
        elif word in _BIG and (part is not None or _after_article(tokens, at)):
            scale = _BIG[word]
            if scale == 100:
                part = (part or 1) * scale
            else:
                total, part = total + (part or 1) * scale, 0
            last = scale
        elif not (part is not None and (word == "and" or not word.strip(" -"))):
            break
        else:
            at += 1
            continue
        at += 1
        after = at
    return (None, after) if part is None else (total + part, after)


def _after_article(tokens: list[str], at: int) -> bool:
    return at >= 2 and tokens[at - 2].lower() == "a"


def _read_ordinal(tokens: list[str], at: int, value: int | None, after: int) -> tuple[int | None, int, str]:
    if value is None and tokens[at].lower() in _ORDINALS:
        return _ORDINALS[tokens[at].lower()], at + 1, "th"
    follows = tokens[after : after + 2] if value in (20, 30) else []
    if len(follows) == 2 and not follows[0].strip(" -") and _ORDINALS.get(follows[1].lower(), 10) < 10:
        return (value or 0) + _ORDINALS[follows[1].lower()], after + 2, "th"
    return value, after, ""


def _han_value(text: str) -> str:
    if not any(c in _HAN_UNITS for c in text):
        return "".join(str(_HAN_DIGITS[c]) for c in text)
    total = part = digit = 0
    for c in text:
        if c in _HAN_DIGITS:
            digit = _HAN_DIGITS[c]
        elif c == "万":
            total, part, digit = total + (part + digit) * 10_000, 0, 0
        else:
            part, digit = part + (digit or 1) * _HAN_UNITS[c], 0
    return str(total + part + digit)
