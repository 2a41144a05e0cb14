"""Hanzi to the phonetic alphabet that Kokoro was taught, by way of pinyin.

The symbols are those of misaki.zh (hexgrad, Apache-2.0), which follow pinyin-to-ipa (Stefan Taubert, MIT).
Neutral tones and the sandhi of 不, 一 and third tones are pypinyin's.
"""

import re
from collections.abc import Sequence

from models.tts import HANZI
from models.tts.mandarin_spoken_form import mandarin_spoken_forms

TONES = {"1": "→", "2": "↗", "3": "↓", "4": "↘", "5": ""}

INITIALS = {
    **{"b": "p", "p": "pʰ", "m": "m", "f": "f", "d": "t", "t": "tʰ", "n": "n", "l": "l"},
    **{"g": "k", "k": "kʰ", "h": "x", "j": "ʨ", "q": "ʨʰ", "x": "ɕ"},
    **{"zh": "ꭧ", "ch": "ꭧʰ", "sh": "ʂ", "r": "ɻ", "z": "ʦ", "c": "ʦʰ", "s": "s"},
}

# "0" is where the tone goes: behind the vowel that carries it.
FINALS = {
    **{"a": "a0", "ai": "ai0", "an": "a0n", "ang": "a0ŋ", "ao": "au0"},
    **{"e": "ɤ0", "ei": "ei0", "en": "ə0n", "eng": "ə0ŋ", "er": "ɚ0", "ê": "ɛ0"},
    **{"i": "i0", "ia": "ja0", "ian": "jɛ0n", "iang": "ja0ŋ", "iao": "jau0", "ie": "je0"},
    **{"in": "i0n", "ing": "i0ŋ", "io": "jɔ0", "iong": "jʊ0ŋ", "iou": "jou0", "iu": "jou0"},
    **{"o": "wo0", "ong": "ʊ0ŋ", "ou": "ou0"},
    **{"u": "u0", "ua": "wa0", "uai": "wai0", "uan": "wa0n", "uang": "wa0ŋ", "uei": "wei0", "ui": "wei0"},
    **{"uen": "wə0n", "un": "wə0n", "ueng": "wə0ŋ", "uo": "wo0"},
    **{"v": "y0", "ve": "ɥe0", "van": "ɥɛ0n", "vn": "y0n"},
}
_BUZZED = "ɨ0"
"""The vowel of zi, ci, si and of zhi, chi, shi, ri."""
_ALONE = {"o": "ɔ0", "m": "m0", "n": "n0", "ng": "ŋ0", "hm": "hm0", "hng": "hŋ0"}
"""Interjections: 哦, 嗯."""

_SYLLABLE = re.compile(r"(zh|ch|sh|[bpmfdtnlgkhjqxrzcs])?([a-zê]+)")
_WITHOUT_INITIAL = {
    **{"y": "i", "yi": "i", "ya": "ia", "yan": "ian", "yang": "iang", "yao": "iao", "ye": "ie", "yin": "in"},
    **{"ying": "ing", "yo": "io", "yong": "iong", "you": "iou", "yu": "v", "yue": "ve", "yuan": "van"},
    **{"yun": "vn", "w": "u", "wu": "u", "wa": "ua", "wai": "uai", "wan": "uan", "wang": "uang"},
    **{"wei": "uei", "wen": "uen", "weng": "ueng", "wo": "uo"},
}


def syllable_sounds(pinyin: str) -> str:
    """The symbols of one syllable such as "zhong1" (ü is v); empty for what is no pinyin."""
    name, tone = (pinyin[:-1], pinyin[-1]) if pinyin[-1:].isdigit() else (pinyin, "5")
    symbols = _symbols(name.replace("ü", "v"))
    return symbols.replace("0", TONES.get(tone, ""))


def _symbols(name: str) -> str:
    if name in _ALONE:
        return _ALONE[name]
    if name in _WITHOUT_INITIAL:
        return FINALS[_WITHOUT_INITIAL[name]]
    match = _SYLLABLE.fullmatch(name)
    if match is None:
        return ""
    initial, final = match[1] or "", match[2]
    if final == "i" and initial in ("z", "c", "s", "zh", "ch", "sh", "r"):
        return INITIALS[initial] + _BUZZED
    if initial in ("j", "q", "x") and final.startswith("u"):
        final = "v" + final[1:]
    return INITIALS.get(initial, "") + FINALS[final] if final in FINALS else ""


_LETTERS = dict(
    zip(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "ˈA bˈi sˈi dˈi ˈi ˈɛf ʤˈi ˈAʧ ˈI ʤˈA kˈA ˈɛl ˈɛm ˈɛn ˈO pˈi kjˈu ˈɑɹ ˈɛs tˈi jˈu vˈi dˈʌbᵊlju ˈɛks "
        "wˈI zˈi".split(),
        strict=True,
    )
)
"""Names of Latin letters, in Kokoro's own signs for English (misaki.en): words in Latin letters are spelt."""
_PUNCTUATION = {
    **{"，": ", ", "、": ", ", "：": ": ", "；": "; ", "。": ". ", "！": "! ", "？": "? ", "…": "… "},
    **{",": ", ", ":": ": ", ";": "; ", ".": ". ", "!": "! ", "?": "? ", "—": "— "},
}


def word_sounds(words: Sequence[str]) -> list[str]:
    """For each of `words_of(text)` the symbols that Kokoro is given for it, its punctuation among them."""
    spoken = mandarin_spoken_forms(words)
    owners = [number for number, word in enumerate(spoken) for _ in word]
    sounds = [""] * len(words)
    for run in re.finditer(rf"[{HANZI}]+|[^{HANZI}]+", "".join(spoken)):
        symbols = _hanzi(run[0]) if re.match(rf"[{HANZI}]", run[0]) else map(_other, run[0])
        for at, symbol in enumerate(symbols, start=run.start()):
            sounds[owners[at]] += symbol
    return sounds


def _other(character: str) -> str:
    return _PUNCTUATION.get(character) or _LETTERS.get(character.upper(), "")


def _hanzi(run: str) -> list[str]:
    """The symbols of each character; empty for one that has no reading. Together: readings depend on it."""
    from pypinyin import Style, lazy_pinyin

    def read(text: str) -> list[str]:
        return lazy_pinyin(
            text,
            style=Style.TONE3,
            errors="ignore",
            neutral_tone_with_five=True,
            tone_sandhi=True,
        )

    syllables = read(run)
    if len(syllables) != len(run):
        syllables = ["".join(read(character)) for character in run]
    return [syllable_sounds(each) for each in syllables]
