"""Mandarin text as it is said, word by word: numbers, prices, dates and phone numbers in Hanzi."""

import re
from collections.abc import Sequence

_DIGITS = "零一二三四五六七八九"
_MEASURES = frozenset("个块元位次天年月周分份张台套件家条项遍点层折倍千万亿辆")
"""In front of these two is 两; not in dates (2月) and hours of the clock are said 两点."""
_UNITS = {"kWh": "千瓦时", "kW": "千瓦", "km": "公里", "kg": "公斤", "℃": "摄氏度", "°C": "摄氏度"}
_CURRENCIES = {"¥": "元", "￥": "元", "$": "美元", "€": "欧元"}

_AMOUNTS = frozenset("元块万亿美欧个份台套件项倍人次")
"""What is in front of these is an amount, however many digits it has. 天 and 周 are not among them: a phone
number may be followed by 周一到周五."""
_FOUR = 4
"""Digits: what is longer and is no amount is a phone number."""

_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_DASH = r"[-~～–—\u2212\uff0d]"
_UNIT = "|".join(_UNITS)
_TOKEN = re.compile(
    r"(?P<date>(?<!\d)\d{4}[-/](?:1[0-2]|0?[1-9])[-/](?:3[01]|[12]\d|0?[1-9])(?!\d))"
    r"|(?P<clock>\d{1,2}[:：]\d{2}(?!\d))"
    rf"|(?:(?P<percent_low>{_NUMBER}){_DASH})?(?P<percent>{_NUMBER})[%％]"
    rf"|(?P<currency>[¥￥$€])(?:(?P<amount_low>{_NUMBER}){_DASH})?(?P<amount>{_NUMBER})"
    rf"|(?<![A-Za-z\d.+])(?P<low>{_NUMBER}){_DASH}(?P<high>{_NUMBER})(?P<range_unit>{_UNIT})?"
    rf"(?!\d|{_DASH}\d|[:：]\d)"
    rf"|(?P<phone>\+?\d{{1,4}}(?:-\d{{2,11}})+(?!\d|[:：]\d)|\d{{7,}}(?!\d|[.,]\d|{_UNIT}))"
    rf"|(?P<number>{_NUMBER})(?P<unit>{_UNIT})?"
    rf"|(?P<to>(?:(?<=[\d%％])|{'|'.join(rf'(?<=[0-9]{unit})' for unit in _UNITS)}){_DASH}"
    r"(?=[-\u2212¥￥$€]?\d))"
    r"|(?<![\w%％])(?P<minus>[-~～–—\u2212\uff0d])(?=[¥￥$€]?\d)"
)
_COUNTED_BEFORE = re.compile(
    r"[\d零一二两三四五六七八九十百千万][个小元块次位天日年月周分秒时点半刻号度岁]{1,3}$"
)
"""A dash after this reaches from there to what follows: 8点-10点. In 温度-5℃ it is a minus."""
_PHONE = re.compile(r"1[3-9]\d{9}|0\d+|[48]00\d{7}")


def mandarin_spoken_forms(words: Sequence[str]) -> list[str]:
    """For each of `words_of(text)` how it is said, in Hanzi; punctuation stays: it makes the melody."""
    following = [*words, ""][1:]
    return [
        _spoken(word, after[:1], "".join(words[max(0, place - 4) : place]))
        if re.search(r"\d", word)
        else word
        for place, (word, after) in enumerate(zip(words, following, strict=True))
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


def _spoken(word: str, after: str, before: str) -> str:
    """`after`: the character that follows the word; `before`: what stands in front of it."""

    def said(match: re.Match[str]) -> str:
        rest = word[match.end() :]
        if match["to"]:
            return "到"
        if match["minus"]:
            return _minus(match["minus"], rest, after, before)
        return _token(match, "" if rest or before.endswith("第") else after)

    return _TOKEN.sub(said, word)


def _minus(sign: str, rest: str, after: str, before: str) -> str:
    if _COUNTED_BEFORE.search(before):
        return "到"
    if re.search("℃|°C", rest) or after == "度":
        return "零下"
    if re.search(r"[%％¥￥$€]", rest) or after in ("元", "块"):
        return "负"
    return sign


def _token(match: re.Match[str], after: str) -> str:
    if match["date"]:
        year, month, day = re.split("[-/]", match["date"])
        return f"{digits(year)}年{whole_number(int(month))}月{whole_number(int(day))}日"
    if match["clock"]:
        return _clock(*map(int, re.split("[:：]", match["clock"])))
    if match["percent"]:
        return _from(match["percent_low"], "百分之") + "百分之" + _number(match["percent"])
    if match["amount"]:
        amount = _counted(match["amount"], "元") + _CURRENCIES[match["currency"]]
        return _from(match["amount_low"]) + amount
    if match["low"]:
        return _range(match, after)
    if match["phone"]:
        long = match["phone"]
        return _number(long) if long.isdigit() and _is_amount(long, after) else digits(long)
    number = match["number"]
    if after == "年" and re.fullmatch(r"\d{4}", number):
        return digits(number)
    unit = _UNITS.get(match["unit"] or "", "")
    return _counted(number, after or unit[:1]) + unit


def _clock(hour: int, minute: int) -> str:
    spoken_hour = "两" if hour == 2 else whole_number(hour)
    minutes = {0: "", 30: "半"}.get(minute, ("零" if minute < 10 else "") + whole_number(minute) + "分")
    return f"{spoken_hour}点{minutes}"


def _from(low: str | None, sign: str = "") -> str:
    return f"{sign}{_number(low)}到" if low else ""


def _range(match: re.Match[str], after: str) -> str:
    """From low to high, or a phone number with one dash: 0755-88881234, 400-8208820, 8888-1234."""
    low, high = match["low"], match["high"]
    unit = _UNITS.get(match["range_unit"] or "", "")
    longest = max(len(low), len(high))
    falling = _value(low) >= _value(high) and longest == _FOUR
    if any(re.match(r"0\d", end) for end in (low, high)) or (
        not unit and (longest > _FOUR or falling) and not _is_amount(high, after)
    ):
        return digits(match[0])
    if after == "年" and all(re.fullmatch(r"\d{4}", end) for end in (low, high)):
        return f"{digits(low)}到{digits(high)}"
    counted = after or unit[:1]
    return f"{_counted(low, counted)}到{_counted(high, counted)}{unit}"


def _is_amount(number: str, after: str) -> bool:
    """Of a long number: money and counts are; else it is dialled."""
    if not after or after not in _AMOUNTS:
        return bool(re.search("[,.]", number))
    return after in "元块万亿美欧" or not _PHONE.fullmatch(number)


def _value(number: str) -> float:
    return float(number.replace(",", ""))


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
