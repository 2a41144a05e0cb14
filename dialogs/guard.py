"""What a language model may not say on a call: anything that commits the company and is not written down."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from dialogs.number_words import digits_for_words

MAX_WORDS = 45
MAX_CHARACTERS_ZH = 80

_MARKUP = re.compile(r"[*#<>\[\]{}`|_~\\^=]|^\s*[-•]\s|\n")
_ADDRESS = re.compile(
    r"https?:|www\.|\S@\S|\d(?:[ -]?\d){6,}"
    r"|\b[\w-]+\s?(?:\.|\bdot\b)\s?(?:com|net|org|io|co|cn|uk|info|shop)\b"
)
_NEVER: Mapping[str, re.Pattern[str]] = {
    "denies being an AI": re.compile(
        r"\b(?:i am|i'm|it's|(?:talking|speaking) (?:to|with)) (?:a |an )?(?:(?:real|actual|live) )*"
        r"(?:human|person|people)\b"
        r"|\bnot (?:really )?(?:a |an )?(?:robot|bot|machine|ai|computer|recording)\b"
        r"|我(?:是|就是)(?:真)?人(?!工)|我不是(?:机器人|人工智能|ai)"
    ),
    "speaks about its instructions": re.compile(
        r"\b(?:language model|system prompt|my (?:instructions|prompt)|instructed to|json|openai|llama)\b"
        r"|语言模型|系统提示|我的指令"
    ),
}
_PROMISES = {
    "en": re.compile(
        r"\b(?:guarantee[ds]?|promise[ds]?|refund(?:s|ed|able)?|money[- ]back|free|gratis|complimentary"
        r"|for life|warrant(?:y|ies)|lifetime|forever|unlimited|cheapest|lowest|best price|no risk"
        r"|risk[- ]free|no charge|no cost|waive[ds]?|compensat\w+|legal(?:ly)?|lawsuit|insur\w+|cash ?back"
        r"|credit|gift|half[- ]price"
        r"|half off|price match\w*|definitely|certainly|absolutely|always|never|discount\w*|voucher|coupon"
        r"|cancel\w*)\b"
    ),
    "zh": re.compile(
        "保证|承诺|退款|退钱|免费|赠送|终身|永久|最低价|最便宜|全额|包退|包换|零风险|赔偿|补偿|一定|绝对|折|优惠"
        "|返现|代金券"
    ),
}
_DATES = {
    "en": re.compile(
        r"\b(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday|january|february|march|april|june|july|august"
        r"|september|october|november|december|today|tonight|tomorrow|overnight|midnight|noon"
        r"|(?:next|this|within an?|in an?) (?:hour|day|week|weekend|month|year))s?\b"
    ),
    "zh": re.compile(
        r"星期[一二三四五六日天1-6]|周[一二三四五六日1-6]|今天|明天|后天|今晚|下周|下个月|月底|年底"
    ),
}
_AMOUNT = re.compile(
    r"(?P<before>[$€£¥]|usd|eur|gbp)?\s*(?P<number>\d[\d,]*(?:\.\d+)?)\s*"
    r"(?P<unit>%|percent|per cent|dollars?|bucks|euros?|pounds?|cents?|pence|usd|eur|gbp|yuan|元|块|毛|折"
    r"|(?:business |working )?(?:minute|hour|day|week|month|year|item|piece|time)s?"
    r"|分钟|小时|天|周|个月|年|件|次)?"
)
_FRACTION = re.compile(r"\b(?:half|third|quarter|twice|double|triple|dozen|couple|few)\b")
_UNIT_NAME = {
    "%": "percent", "per cent": "percent", "$": "dollar", "buck": "dollar", "usd": "dollar",
    "€": "euro", "eur": "euro", "£": "pound", "gbp": "pound", "¥": "元", "yuan": "元", "块": "元",
}  # fmt: skip
_CURRENCIES = {"dollar", "euro", "pound", "元"}
_WORD = re.compile(r"[a-z']+|[一-鿿]")
_FUNCTION_WORDS = {
    "a", "all", "an", "and", "any", "are", "as", "at", "be", "but", "by", "can", "do", "for", "from", "get",
    "gets", "give", "has", "have", "i", "i'll", "i'm", "if", "in", "is", "it", "it's", "its", "just", "may",
    "no", "not", "of", "off", "on", "or", "our", "really", "so", "that", "that's", "the", "their", "them",
    "then", "there", "they", "this", "to", "up", "us", "very", "was", "we", "we'll", "we're", "will",
    "with", "yes", "you", "you'll", "you're", "your",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a text may be spoken, and if not, why."""

    allowed: bool
    reason: str = ""


def check(text: str, known: str, language: str) -> Verdict:
    """Judge a model's text. `known` holds everything the script states: facts, prompts, values."""
    plain, known = _normal(text, language), _normal(known, language)
    if not plain:
        return Verdict(False, "says nothing")
    if _too_long(plain, language):
        return Verdict(False, "too long")
    if _MARKUP.search(unicodedata.normalize("NFKC", text).strip()) or _strange(text, language):
        return Verdict(False, "holds markup or characters that are not speech")
    for reason, pattern in _NEVER.items():
        if pattern.search(plain):
            return Verdict(False, reason)
    pages = [_Claims.of(sentence, language) for sentence in _sentences(known)]
    for sentence in _sentences(plain):
        claims = _Claims.of(sentence, language)
        if not any(claims.backed_by(page) for page in pages) and (said := claims.first()):
            return Verdict(False, f"claims what the script does not: {said}")
    return Verdict(True)


@dataclass(frozen=True, slots=True)
class _Claims:
    """What a sentence commits to. `promises` come with the content word they are about."""

    words: frozenset[str]
    amounts: frozenset[tuple[str, str]]
    promises: frozenset[tuple[str, str]]
    stems: frozenset[str]

    @classmethod
    def of(cls, sentence: str, language: str) -> "_Claims":
        plain = (_ADDRESS, _DATES[language], _FRACTION)
        words = frozenset(m[0].strip() for pattern in plain for m in pattern.finditer(sentence))
        promises = frozenset(
            (m[0], _about(sentence[m.end() :], sentence[: m.start()]))
            for m in _PROMISES[language].finditer(sentence)
        )
        stems = frozenset(_stem(word) for word in _WORD.findall(sentence))
        return cls(words, _amounts(sentence), promises, stems)

    def backed_by(self, page: "_Claims") -> bool:
        """Whether one written sentence says all of this."""
        same_promises = {word for word, _ in self.promises} <= {word for word, _ in page.promises}
        same_things = all(thing in page.stems for _, thing in self.promises if thing)
        # "Delivery is free" leaves out "over 50 dollars", and would be a promise that nobody made.
        prices = {amount for amount in page.amounts if amount[1] in _CURRENCIES}
        whole = not self.promises or prices <= self.amounts
        said = self.words <= page.words and self.amounts <= page.amounts
        return said and same_promises and same_things and whole

    def first(self) -> str:
        """A claim to name in the reason; empty when there is none."""
        amounts = {f"{number} {unit}".rstrip() for number, unit in self.amounts}
        return min(self.words | amounts | {word for word, _ in self.promises}, default="")


def _about(after: str, before: str) -> str:
    """The content word nearest to a promise, after it or else before it."""
    for words in (_WORD.findall(after), reversed(_WORD.findall(before))):
        for word in words:
            if word not in _FUNCTION_WORDS and word.isascii():
                return _stem(word)
    return ""


def _stem(word: str) -> str:
    return word[:5].rstrip("s")


def _sentences(text: str) -> list[str]:
    pieces = re.split(r"(?<=[.!?;])\s+|(?<=[。！？；])\s*|\n", text)
    return [piece for piece in pieces if piece.strip()]


def _normal(text: str, language: str) -> str:
    text = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    text = re.sub(r"(?<=\d)(?:st|nd|rd|th)\b", "", digits_for_words(text, language))
    return "\n".join(" ".join(line.split()) for line in text.splitlines())


def _too_long(text: str, language: str) -> bool:
    if language == "zh":
        return len(re.findall(r"\w", text)) > MAX_CHARACTERS_ZH
    return len(text.split()) > MAX_WORDS or len(text) > 8 * MAX_WORDS


def _strange(text: str, language: str) -> bool:
    for c in text:
        kind = unicodedata.category(c)
        if kind[0] == "C" or kind in ("So", "Sk", "Sm"):
            return True
        if language == "en" and kind[0] == "L" and "LATIN" not in unicodedata.name(c, ""):
            return True
    return False


def _amounts(text: str) -> frozenset[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for match in _AMOUNT.finditer(text):
        unit = (match["unit"] or match["before"] or "").removeprefix("business ").removeprefix("working ")
        unit = unit.rstrip("s") if unit.isascii() and len(unit) > 3 else unit
        unit = _UNIT_NAME.get(unit, unit)
        number = match["number"].replace(",", "").rstrip(".")
        number = number.rstrip("0").rstrip(".") if "." in number else number
        if number == "1" and unit in ("", "time", "次", "件", "item", "piece"):
            continue  # "that one", "one moment", "one more time"
        found.add((number, unit))
    return frozenset(found)
