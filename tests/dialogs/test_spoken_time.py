"""Dates and times the way people say them; it is Monday, 23 November 2026, 15:42."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs.spoken_time import parse_time, spoken_time
from tests.dialogs.talk import NOW


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("tomorrow at five", "2026-11-24T17:00"),
        ("call me tomorrow at 5 pm please", "2026-11-24T17:00"),
        ("tomorrow at 9 a.m.", "2026-11-24T09:00"),
        ("tomorrow at half past five", "2026-11-24T17:30"),
        ("tomorrow evening at 7:30", "2026-11-24T19:30"),
        ("the day after tomorrow", "2026-11-25"),
        ("tuesday", "2026-11-24"),
        ("monday at two thirty p m", "2026-11-30T14:30"),
        ("next week", "2026-11-30"),
        ("sometime next week maybe thursday around eleven", "2026-11-26T11:00"),
        ("monday week", "2026-12-07"),
        ("saturday at ten in the morning", "2026-11-28T10:00"),
        ("december 3rd at noon", "2026-12-03T12:00"),
        ("the twenty first of december at ten", "2026-12-21T10:00"),
        ("on the 5th", "2026-12-05"),
        ("the 31st", "2026-12-31"),
        ("in ten minutes", "2026-11-23T15:52"),
        ("give me five minutes", "2026-11-23T15:47"),
        ("half an hour", "2026-11-23T16:12"),
        ("in a couple of hours", "2026-11-23T17:42"),
        ("in two weeks", "2026-12-07"),
        ("five", "2026-11-23T17:00"),
        ("uh around six o'clock", "2026-11-23T18:00"),
        ("quarter to six", "2026-11-23T17:45"),
        ("two", "2026-11-24T14:00"),
        ("this evening", "2026-11-23T18:00"),
        ("tonight at 8", "2026-11-23T20:00"),
        ("after work", "2026-11-23T18:00"),
        ("in the morning", "2026-11-24T10:00"),
        ("not tomorrow, wednesday at four", "2026-11-25T16:00"),
        ("today at 2", None),
        ("february 30th", None),
        ("at 25", None),
        ("later", None),
        ("I told you yesterday", None),
        ("2 days ago", None),
        ("I have two kids", None),
        ("I may sit on it now", None),
        ("call me at 5 5 5 1 2 3 4", None),
        ("never call me again", None),
        ("one second please", None),
        ("", None),
    ],
)
def test_english(text: str, value: str | None) -> None:
    assert parse_time(text, NOW, "en") == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("明天下午三点", "2026-11-24T15:00"),
        ("后天上午十点", "2026-11-25T10:00"),
        ("晚上八点", "2026-11-23T20:00"),
        ("明晚七点一刻", "2026-11-24T19:15"),
        ("两点二十分", "2026-11-24T14:20"),
        ("十二月三号下午两点", "2026-12-03T14:00"),
        ("明天中午十二点", "2026-11-24T12:00"),
        ("下周二", "2026-12-01"),
        ("周五上午", "2026-11-27T10:00"),
        ("十分钟以后", "2026-11-23T15:52"),
        ("半个小时后", "2026-11-23T16:12"),
        ("明天", "2026-11-24"),
        ("昨天打过了", None),
        ("再说吧", None),
    ],
)
def test_mandarin(text: str, value: str | None) -> None:
    assert parse_time(text, NOW, "zh") == value


@pytest.mark.parametrize(
    ("value", "language", "spoken"),
    [
        ("2026-11-24T17:00", "en", "Tuesday, November 24th at 5 PM"),
        ("2026-12-03T09:05", "en", "Thursday, December 3rd at 9:05 AM"),
        ("2026-12-21T12:00", "en", "Monday, December 21st at noon"),
        ("2026-12-12", "en", "Saturday, December 12th"),
        ("2026-12-22", "en", "Tuesday, December 22nd"),
        ("2026-11-24T15:30", "zh", "11月24日星期二下午3点半"),
        ("2026-11-24T19:15", "zh", "11月24日星期二晚上7点15分"),
        ("2026-11-24", "zh", "11月24日星期二"),
    ],
)
def test_said_back(value: str, language: str, spoken: str) -> None:
    assert spoken_time(value, language) == spoken


MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31))
WORDS = (
    "tomorrow|at|five|25|12|am|pm|tuesday|next|week|in|two|hours|not|the|31st|february|29|noon|night"
    "|half past|quarter to|days|:|30|o'clock"
)
PIECES = st.lists(st.sampled_from(WORDS.split("|")), max_size=7).map(" ".join)


@given(PIECES | st.text(max_size=40), MOMENTS, st.sampled_from(["en", "zh"]))
def test_whatever_is_said_gives_a_time_to_come_or_nothing(text: str, now: datetime, language: str) -> None:
    value = parse_time(text, now, language)
    if value is not None:
        assert value >= now.isoformat()[: len(value)]
        assert spoken_time(value, language)


@given(MOMENTS)
def test_what_is_said_back_is_understood(moment: datetime) -> None:
    """A person who repeats the confirmation word for word gets the same time."""
    now = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    value = moment.replace(second=0, microsecond=0).isoformat(timespec="minutes")
    if moment.hour:
        assert parse_time(spoken_time(value, "en"), now, "en") == value
        assert parse_time(spoken_time(value, "zh"), now, "zh") == value
