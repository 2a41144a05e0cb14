"""Mandarin text as it is said, word by word: numbers, prices, dates and phone numbers in Hanzi."""

import re
from collections.abc import Sequence

_DIGITS = "零一二三四五六七八九"
_MEASURES = frozenset("个块元位次天年月周分份张台套件家条项遍点层折倍千万亿辆")
"""In front of these two is 两; not in dates (2月) and hours of the clock are said 两点."""
_UNITS = {"kWh": "千瓦时", "kW": "千瓦", "km": "公里", "kg": "公斤", "℃": "摄氏度", "°C": "摄氏度"}
_CURRENCIES = {"¥": "元", "￥": "元", "$": "美元", "€": "欧元"}

_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_TOKEN = re.compile(
    rf"(?P<phone>\+?\d{{1,4}}(?:[-\s]\d{{2,8}})+|\d{{7,}})"
    rf"|(?P<date>\d{{4}}[-/]\d{{1,2}}[-/]\d{{1,2}})"
    rf"|(?P<clock>\d{{1,2}}[:：]\d{{2}})"
    rf"|(?P<percent>{_NUMBER})[%％]"
    rf"|(?P<currency>[¥￥$€])(?P<amount>{_NUMBER})"
    rf"|(?P<low>\d+)[-~～—](?P<high>\d+)"
    rf"|(?P<number>{_NUMBER})(?P<unit>{'|'.join(_UNITS)})?"
)
_DATE_FIRST = re.compile(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}")


def mandarin_spoken_forms(words: Sequence[str]) -> list[str]:
    """For each of `words_of(text)` how it is said, in Hanzi; punctuation stays: it makes the melody."""
    before, following = ["", *words][: len(words)], [*words, ""][1:]
    return [
        _spoken(word, "" if last.endswith("第") else after[:1]) if re.search(r"\d", word) else word
        for last, word, after in zip(before, words, following, strict=True)
    ]


def whole_number(value: int) -> str:
    """0 to 10^12 as it is read: 两千五百, 十二, 一百零五."""
    if value < 0 or value >= 10**12:
        return digits(str(value))
    if value == 0:
        return "零"
    said, gap = "", False
    for scale, name in ((10**8, "亿"), (10**4, "万"), (1, "")):
        part = value // scale % 10**4
        if not part:
            gap = gap or bool(said)
            continue
        if said and (gap or part < 1000):
            said += "零"
        said += ("两" if part == 2 and name else _below_ten_thousand(part)) + name
        gap = False
    return said.removeprefix("一") if said.startswith("一十") else said


def _below_ten_thousand(value: int) -> str:
    said, gap = "", False
    for scale, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = value // scale % 10
        if not digit:
            gap = gap or bool(said)
            continue
        said += ("零" if gap else "") + ("两" if digit == 2 and scale >= 100 else _DIGITS[digit]) + name
        gap = False
    return said


def digits(number: str) -> str:
    """One after the other; what is no digit is a pause."""
    return "".join(_DIGITS[int(c)] if c.isascii() and c.isdigit() else "，" for c in number.strip("+- "))


def _spoken(word: str, after: str) -> str:
    def said(match: re.Match[str]) -> str:
        return _token(match, after if match.end() == len(word) else "")

    return _TOKEN.sub(said, word)


def _token(match: re.Match[str], after: str) -> str:
    kind = match.lastgroup
    if _DATE_FIRST.fullmatch(match[0]):
        year, month, day = re.split("[-/]", match[0])
        return f"{digits(year)}年{whole_number(int(month))}月{whole_number(int(day))}日"
    if match["phone"]:
        return digits(match["phone"])
    if match["clock"]:
        hour, minute = map(int, re.split("[:：]", match["clock"]))
        spoken_hour = "两" if hour == 2 else whole_number(hour)
        minutes = {0: "", 30: "半"}.get(minute, ("零" if minute < 10 else "") + whole_number(minute) + "分")
        return f"{spoken_hour}点{minutes}"
    if match["percent"]:
        return "百分之" + _number(match["percent"])
    if match["amount"]:
        return _counted(match["amount"], "元") + _CURRENCIES[match["currency"]]
    if kind == "high":
        return f"{_number(match['low'])}到{_counted(match['high'], after)}"
    number = match["number"]
    if after == "年" and re.fullmatch(r"\d{4}", number):
        return digits(number)
    unit = _UNITS.get(match["unit"] or "", "")
    return _counted(number, after or unit[:1]) + unit


def _counted(number: str, after: str) -> str:
    """Two of something is 两, but a month and a decimal are not counted."""
    return "两" if number == "2" and after in _MEASURES - {"月"} and after else _number(number)


def _number(number: str) -> str:
    whole, _, decimals = number.replace(",", "").partition(".")
    if not decimals and len(whole) > 1 and whole.startswith("0"):
        return digits(whole)
    said = whole_number(int(whole))
    decimals = decimals.rstrip("0")
    return f"{said}点{digits(decimals)}" if decimals else said
