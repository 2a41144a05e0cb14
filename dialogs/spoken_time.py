"""Dates and times as people say them on the phone, and how they are said back.

A small grammar of its own: dateparser 1.5 reads "tomorrow at five" as the present hour and "the day after
tomorrow" as tomorrow, and a callback at the wrong hour is worse than asking again."""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, time, timedelta

from dialogs.number_words import digits_for_words
from dialogs.spoken_time_zh import parse_zh, spoken_day_zh, spoken_hour_zh

WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
MONTHS = [
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
]  # fmt: skip
_DAY_PART = {"morning": 10, "lunchtime": 12, "lunch": 12, "afternoon": 15, "evening": 18, "night": 19}
_AFTER_WORK = "after work"
_WEEKDAY = "|".join(WEEKDAYS)
_MONTH = "|".join(MONTHS)
_UNITS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
}
_NEGATED = re.compile(
    rf"\b(?:not|except|don't|can't(?: do)?)\s+(?:on\s+)?(?:today|tomorrow|tonight|{_WEEKDAY})\b"
)
_SPAN = re.compile(r"\b(?:(\d+)|(half an|a couple(?: of)?|an?|a few))\s+(minute|hour|day|week)s?\b(?!\s+ago)")
_CLOCK = re.compile(
    r"\b(?P<lead>at|around|about|after|by|before|from|say|or)?\s*(?P<hour>\d{1,2})"
    r"(?:[:.](?P<minute>\d{2})|\s(?P<spoken>[0-5]\d))?\s*(?P<half>am|pm|o'clock|oclock)?\b(?!\s*(?:th|st|nd|rd|%|percent|\d))"
)
_PAST = re.compile(r"\b(?:(half|quarter) past|(quarter) to)\s+(\d{1,2})\s*(am|pm)?\b")
_BARE = re.compile(
    r"^(?:(?:uh|um|well|maybe|say|let's say|how about|ok|okay|yes|yeah|sure)[ ,]+)*"
    r"\d{1,2}(?:[:.]\d{2}| [0-5]\d)?(?:[ ,]+(?:please|then|is (?:good|fine)|would be (?:good|fine)|works))*$"
)


def parse_time(text: str, now: datetime, language: str) -> str | None:
    """The coming moment or day that a text names, as ISO, or None. `now` is the speaker's local time."""
    parse: Callable[[str, datetime], tuple[date | None, time | None] | datetime | None]
    parse = parse_zh if language == "zh" else _parse_en
    found = parse(text, now.replace(second=0, microsecond=0, tzinfo=None))
    if found is None:
        return None
    if isinstance(found, datetime):
        return found.isoformat(timespec="minutes")
    day, hour = found
    if hour is None:
        return None if day is None or day < now.date() else day.isoformat()
    moment = datetime.combine(day or now.date(), hour)
    if moment <= now.replace(tzinfo=None):
        if day is not None:
            return None
        moment += timedelta(days=1)
    return moment.isoformat(timespec="minutes")


def spoken_time(value: str, language: str) -> str:
    """An ISO date or moment as it is said: "Tuesday, November 24th at 5:30 PM"."""
    day = spoken_date(date.fromisoformat(value[:10]), language)
    if len(value) == 10:
        return day
    hour = time.fromisoformat(value[11:])
    if language == "zh":
        return day + spoken_hour_zh(hour)
    if hour == time(12):
        return f"{day} at noon"
    minutes = f":{hour.minute:02}" if hour.minute else ""
    return f"{day} at {hour.hour % 12 or 12}{minutes} {'AM' if hour.hour < 12 else 'PM'}"


def spoken_date(day: date, language: str) -> str:
    """A date as it is said: "Tuesday, November 24th"."""
    if language == "zh":
        return spoken_day_zh(day)
    ending = "th" if 11 <= day.day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    return f"{WEEKDAYS[day.weekday()].title()}, {MONTHS[day.month - 1].title()} {day.day}{ending}"


def _parse_en(text: str, now: datetime) -> tuple[date | None, time | None] | datetime | None:
    text = re.sub(r"\b([ap])\.? ?m\b\.?", r"\1m", text.lower())
    text = digits_for_words(re.sub(r"[,;!?]|\.(?!\d)", " ", text), "en", ordinals=True)
    text = _NEGATED.sub(" ", re.sub(r"\s+", " ", text).strip())
    if span := _SPAN.search(text):
        return _after_span(span, now)
    day, rest = _day_en(text, now.date())
    hour = _hour_en(rest)
    return None if day is None and hour is None else (day, hour)


def _after_span(span: re.Match[str], now: datetime) -> tuple[date, None] | datetime:
    number, words, unit = span.groups()
    if number:
        count = min(float(number), 365.0)
    else:
        count = 0.5 if words == "half an" else 2 if "couple" in words else 3 if "few" in words else 1
    moment = now + count * _UNITS[unit]
    return (moment.date(), None) if unit in ("day", "week") else moment


def _day_en(text: str, today: date) -> tuple[date | None, str]:
    """The day that is named, and the text without it."""
    for pattern, ahead in (
        (r"\bday after tomorrow\b", 2),
        (r"\btomorrow\b", 1),
        (r"\b(?:later )?today\b", 0),
    ):
        if re.search(pattern, text):
            return today + timedelta(days=ahead), re.sub(pattern, " ", text)
    if found := re.search(rf"\b({_MONTH})\s+(?:the\s+)?(\d{{1,2}})(?:th|st|nd|rd)?\b", text):
        return _next_date(today, MONTHS.index(found[1]) + 1, int(found[2])), text.replace(found[0], " ")
    if found := re.search(rf"\b(\d{{1,2}})(?:th|st|nd|rd)?\s+(?:of\s+)?({_MONTH})\b", text):
        return _next_date(today, MONTHS.index(found[2]) + 1, int(found[1])), text.replace(found[0], " ")
    if found := re.search(rf"\b({_WEEKDAY})\b", text):
        ahead = (WEEKDAYS.index(found[1]) - today.weekday() - 1) % 7 + 1
        if re.search(rf"\b(?:week on|{found[1]} week|a week)\b", text):
            ahead += 7
        return today + timedelta(days=ahead), text.replace(found[0], " ")
    if found := re.search(r"\bthe (\d{1,2})(?:th|st|nd|rd)\b", text):
        months = (today.month, today.month % 12 + 1)
        days = [_next_date(today, month, int(found[1])) for month in months]
        return min((day for day in days if day), default=None), text.replace(found[0], " ")
    if re.search(r"\bnext week\b", text):
        return today + timedelta(days=7 - today.weekday()), text
    if re.search(r"\btonight\b|\bthis (?:morning|lunchtime|afternoon|evening)\b", text):
        return today, text.replace("tonight", "night")
    return None, text


def _next_date(today: date, month: int, number: int) -> date | None:
    """The next such day, None when there is none."""
    for year in (today.year, today.year + 1):
        with suppress(ValueError):
            if (day := date(year, month, number)) >= today:
                return day
    return None


def _hour_en(text: str) -> time | None:
    part = next((name for name in _DAY_PART if re.search(rf"\b{name}\b", text)), None)
    if found := _PAST.search(text):
        past, _, hour, half = found.groups()
        minutes = int(hour) * 60 + (30 if past == "half" else 15 if past else -15)
        return _clock(minutes // 60, minutes % 60, half, part) if int(hour) <= 12 else None
    if re.search(r"\b(?:noon|midday)\b", text) and "afternoon" not in text:
        return time(12)
    bare = bool(_BARE.match(text))
    for found in _CLOCK.finditer(text):
        if bare or part or found["lead"] or found["minute"] or found["half"]:
            hour = _clock(
                int(found["hour"]), int(found["minute"] or found["spoken"] or 0), found["half"], part
            )
            if hour is not None:
                return hour
    if _AFTER_WORK in text:
        return time(18)
    return time(_DAY_PART[part]) if part else None


def _clock(hour: int, minute: int, half: str | None, part: str | None) -> time | None:
    """A clock time. Without am or pm, an hour before eight is in the afternoon: nobody asks for a call
    at five in the morning."""
    if hour > 23 or minute > 59:
        return None
    afternoon = part in ("afternoon", "evening", "night") or (
        part in (None, "lunch", "lunchtime") and 1 <= hour < 8
    )
    if hour < 12 and half != "am" and (half == "pm" or afternoon):
        hour += 12
    elif hour == 12 and half == "am":
        hour = 0
    return time(hour, minute)
