"""Dates and times in spoken Mandarin; the frame is in `spoken_time`."""

import re
from datetime import date, datetime, time, timedelta

from dialogs.number_words import digits_for_words

_DAYS = {"大后天": 3, "后天": 2, "明天": 1, "明早": 1, "明晚": 1, "今天": 0, "今晚": 0}
_DAY_PARTS = {
    "早上": 10, "上午": 10, "明早": 10, "中午": 12, "下午": 15, "傍晚": 18, "晚上": 19, "今晚": 19, "明晚": 19
}  # fmt: skip
_WEEKDAYS = "一二三四五六日"
_SPAN = re.compile(r"(半|\d+)\s*(?:个)?(半)?\s*(分钟|小时|钟头|天|星期|礼拜|周)(?:以后|之后|后|再)")
_WEEKDAY = re.compile(r"(下个?)?(?:周|星期|礼拜)([1-6日天])")
_DATE = re.compile(r"(\d{1,2})月(\d{1,2})[号日]")
_CLOCK = re.compile(r"(\d{1,2})\s*(?:点钟?|:|时)\s*(半|[123]刻|\d{1,2}(?=\s*分|\D|$))?")


def parse_zh(text: str, now: datetime) -> tuple[date | None, time | None] | datetime | None:
    """As `spoken_time.parse_time`, before the past is ruled out."""
    text = digits_for_words(text, "zh")
    if span := _SPAN.search(text):
        count = 0.5 if span[1] == "半" else min(float(span[1]), 365.0) + (0.5 if span[2] else 0)
        if span[3] == "分钟":
            return now + timedelta(minutes=count)
        if span[3] in ("小时", "钟头"):
            return now + timedelta(hours=count)
        return (now + timedelta(days=count * (1 if span[3] == "天" else 7))).date(), None
    day, hour = _day(text, now.date()), _hour(text)
    return None if day is None and hour is None else (day, hour)


def spoken_day_zh(day: date) -> str:
    """11月24日星期二"""
    return f"{day.month}月{day.day}日星期{_WEEKDAYS[day.weekday()]}"


def spoken_hour_zh(hour: time) -> str:
    """下午5点半"""
    part = "上午" if hour.hour < 12 else "中午" if hour.hour == 12 else "下午" if hour.hour < 18 else "晚上"
    minutes = "" if not hour.minute else "半" if hour.minute == 30 else f"{hour.minute}分"
    return f"{part}{hour.hour - 12 if hour.hour > 12 else hour.hour}点{minutes}"


def _day(text: str, today: date) -> date | None:
    for word, ahead in _DAYS.items():
        if word in text:
            return today + timedelta(days=ahead)
    if found := _DATE.search(text):
        for year in (today.year, today.year + 1):
            try:
                day = date(year, int(found[1]), int(found[2]))
            except ValueError:
                continue
            if day >= today:
                return day
        return None
    if found := _WEEKDAY.search(text):
        weekday = 6 if found[2] in "日天" else int(found[2]) - 1
        if found[1]:
            return today + timedelta(days=7 - today.weekday() + weekday)
        return today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)
    if re.search(r"下个?(?:周|星期|礼拜)", text):
        return today + timedelta(days=7 - today.weekday())
    return None


def _hour(text: str) -> time | None:
    part = next((name for name in _DAY_PARTS if name in text), None)
    found = _CLOCK.search(text)
    if not found:
        return time(_DAY_PARTS[part]) if part else None
    hour, rest = int(found[1]), found[2] or "0"
    minute = 30 if rest == "半" else int(rest[0]) * 15 if rest.endswith("刻") else int(rest)
    if hour > 23 or minute > 59:
        return None
    afternoon = part in ("下午", "傍晚", "晚上", "今晚", "明晚") or (part is None and 1 <= hour < 8)
    if hour < 12 and (afternoon or (part == "中午" and hour < 3)):
        hour += 12
    return time(hour, minute)
