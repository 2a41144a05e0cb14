"""English text as it is said, word by word, where the synthesiser alone would say it wrongly.

espeak reads "$25.50" as "dollar twenty five point five zero", ends a sentence after "Mr." and says a phone
number as one huge number.
"""

import re

_CURRENCIES = {"$": ("dollar", "cent"), "£": ("pound", "penny"), "€": ("euro", "cent")}
_TITLES = {"Mr.": "mister", "Mrs.": "missus", "Ms.": "miz", "Dr.": "doctor"}
_UNITS = {"kWh": "kilowatt hour", "MWh": "megawatt hour", "kW": "kilowatt", "mo": "month", "yr": "year"}

_MONEY = re.compile(r"([$£€])(\d[\d,]*)(?:\.(\d\d))?(?:/(\w+))?(?=\W*$)")
_PHONE_DIGITS = re.compile(r"\(\d{3}\)|(?:\+?\d{1,3}[-.])?(?:\d{3}[-.])?\d{3}[-.]\d{4}\b|\d{7,}")
_UNIT = re.compile(r"(\d*)(" + "|".join(_UNITS) + r")(?=\W*$)")


def spoken_forms(words: list[str]) -> list[str]:
    """For each word of a text how it is said; punctuation stays, because it makes the melody."""
    return [_spoken(word) for word in words]


def _spoken(word: str) -> str:
    if word in _TITLES:
        return _TITLES[word]
    if match := _MONEY.search(word):
        return word[: match.start()] + _money(*match.groups()) + word[match.end() :]
    if match := _PHONE_DIGITS.search(word):
        return word[: match.start()] + _digits(match[0]) + word[match.end() :]
    if match := _UNIT.fullmatch(word.rstrip(".,;:?!")):
        number, unit = match.groups()
        return f"{number} {_plural(int(number or 2), _UNITS[unit])}".lstrip() + word[match.end() :]
    return word.replace("24/7", "24 7")


def _money(symbol: str, whole: str, cents: str | None, unit: str | None) -> str:
    big, small = _CURRENCIES[symbol]
    amount, rest = int(whole.replace(",", "")), int(cents or 0)
    parts = []
    if amount or not rest:
        parts.append(f"{amount} {_plural(amount, big)}")
    if rest:
        parts.append(f"{rest} {_plural(rest, small)}")
    per = f" per {_UNITS.get(unit, unit)}" if unit else ""
    return " and ".join(parts) + per


def _digits(number: str) -> str:
    groups = re.findall(r"\d+", number)
    said = ", ".join(" ".join(group) for group in groups)
    return ("plus " if number.startswith("+") else "") + said + ("," if number.endswith(")") else "")


def _plural(count: int, noun: str) -> str:
    if count == 1:
        return noun
    return "pence" if noun == "penny" else f"{noun}s"
