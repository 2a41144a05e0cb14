"""Slot values: out of what was heard, and back into speech. All values are strings."""

import re
from collections.abc import Mapping
from datetime import datetime

from dialogs.number_words import digits_for_words
from dialogs.script.format import Slot
from dialogs.spoken_time import parse_time, spoken_time
from dialogs.turn import Heard

_HEARD_AS = {"won": 1, "to": 2, "too": 2, "tree": 3, "free": 3, "for": 4, "fore": 4, "fife": 5}
"""What recognisers write for a number that was said alone."""
_ALONE = re.compile(
    r"(?:(?:well|um|uh|hmm|so|oh|ok|okay|let's|i'd|i would|maybe|i'll|give it|a|say|make it|probably)\s+)*"
    rf"(?P<number>{'|'.join(_HEARD_AS)})(?:\s+(?:i guess|i think|i'd say|please|maybe))?"
)
_SCALE = re.compile(
    r"\b(?:out of|on a scale of|from)?\s*1\s*(?:to|through|-)\s*5\b|\b(?:out of|of|over)\s+5\b|/\s*5\b"
)
_SCALE_ZH = re.compile(r"1\s*(?:到|至|-)\s*5\s*分?|满分\s*(?:是)?\s*5\s*分?|5\s*分\s*(?:制|里|中|满分)")
_CORRECTION = re.compile(r"\b(?:no|sorry|actually|make (?:it|that)|i mean|or rather)\b|不对|不是|应该是|改成")
_MAX_TEXT = 200
_YES = re.compile(
    r"^(?:yes|yeah|yep|yup|of course|correct|that's right"
    # "Okay, well, the problem is ..." only takes the turn.
    r"|(?:sure|ok(?:ay)?|right)(?!\W+(?:(?:well|so)\W+)?(?:but|first|the|my)\b))\b"
)
_NO = re.compile(r"^(?:no|nope|nah|not|never)\b")
_YES_ZH = re.compile(r"^(?:是|对|好|可以|行|嗯|没问题)")
_NO_ZH = re.compile(r"^(?:不|没|别)")


def parse_slot(slot: Slot, heard: Heard, *, now: datetime, language: str) -> str | None:
    """The slot's value in what was heard, or None. Date and time come as ISO: `2026-11-24T17:00`, or
    `2026-11-24` when no hour was named."""
    if slot.type == "rating":
        score = parse_rating(heard, language)
        return None if score is None else str(score)
    if slot.type == "datetime":
        return parse_time(heard.text, now, language)
    if slot.type == "choice":
        return _parse_choice(slot.choices, heard.text, language)
    if slot.type == "yes_no":
        return _parse_yes_no(heard, language)
    return " ".join(heard.text.split())[:_MAX_TEXT] or None


def spoken_slot(kind: str, value: str, language: str) -> str:
    """A slot's value as it is said."""
    return spoken_time(value, language) if kind == "datetime" else value


def parse_rating(heard: Heard, language: str) -> int | None:
    """A score 1..5 from a key or from words; None when it is missing, out of range or ambiguous."""
    if heard.digits:
        return int(heard.digits) if re.fullmatch("[1-5]", heard.digits) else None
    text = digits_for_words(heard.text.lower(), language)
    said = " ".join(re.sub(r"[^\w\s']", " ", heard.text.lower()).split())
    if language == "en" and (alone := _ALONE.fullmatch(said)):
        return _HEARD_AS[alone["number"]]
    text = (_SCALE_ZH if language == "zh" else _SCALE).sub(" ", text)
    if re.search(r"\b(?:not|isn't|wasn't)\s+(?:a\s+)?\d", text):
        return None
    found = [int(number) for number in re.findall(r"(?<![\d.])\d{1,6}(?![\d.]*\d)", text)]
    if len(text.split()) > 6:  # "no one told me that the first time": a pronoun, not a score
        found = [
            number for number in found if number != 1 or re.search(r"\b(?:a|give|say|it) 1\b|1 star", text)
        ]
    if len(set(found)) > 1 and _CORRECTION.search(text):
        found = found[-1:]
    return found[0] if len(set(found)) == 1 and 1 <= found[0] <= 5 else None


def _parse_choice(choices: Mapping[str, tuple[str, ...]], text: str, language: str) -> str | None:
    text = text.lower()
    found = [
        value
        for value, words in choices.items()
        if any(
            word.lower() in text if language == "zh" else re.search(rf"\b{re.escape(word.lower())}\b", text)
            for word in words
        )
    ]
    return found[0] if len(found) == 1 else None


def _parse_yes_no(heard: Heard, language: str) -> str | None:
    if heard.intent in ("yes", "no"):
        return heard.intent
    text = heard.text.strip().lower()
    yes, no = (_YES_ZH, _NO_ZH) if language == "zh" else (_YES, _NO)
    return "yes" if yes.search(text) else "no" if no.search(text) else None
