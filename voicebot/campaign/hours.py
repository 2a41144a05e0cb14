"""When calling is allowed: weekly hours by the clock on the wall of the person called."""

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from functools import cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

MINUTES_PER_DAY = 24 * 60


class Day(IntEnum):
    """As `datetime.weekday()` counts."""

    MON = 0
    TUE = 1
    WED = 2
    THU = 3
    FRI = 4
    SAT = 5
    SUN = 6


def _day(value: Any) -> Any:
    if isinstance(value, str) and value.upper() in Day.__members__:
        return Day[value.upper()]
    raise ValueError(f"'{value}' is no day; write mon, tue, wed, thu, fri, sat or sun")


def _minute(value: Any) -> Any:
    if isinstance(value, str):
        hours, colon, minutes = value.strip().partition(":")
        if colon and hours.isdecimal() and minutes.isdecimal() and len(minutes) == 2 and int(minutes) < 60:
            return int(hours) * 60 + int(minutes)
        raise ValueError(f"'{value}' is no time of day; write it as 09:00")
    raise ValueError('write the time of day in quotes, as "09:00"')


def is_zone(name: str) -> bool:
    """Whether this names a time zone of the tz database."""
    return name in _zone_names()


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(value: str) -> str:
    if not is_zone(value):
        raise ValueError(f"'{value}' is no time zone; write an IANA name such as America/New_York")
    return value


DayName = Annotated[Day, BeforeValidator(_day)]
MinuteOfDay = Annotated[int, BeforeValidator(_minute), Field(ge=0, le=MINUTES_PER_DAY)]
"""Minutes since local midnight; written '09:00', at most '24:00'."""
ZoneName = Annotated[str, AfterValidator(_zone)]


class Hours(BaseModel):
    """One stretch of the day, on some days of the week, from `opens` up to but not at `closes`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    days: frozenset[DayName] = frozenset(Day)
    opens: MinuteOfDay = Field(alias="from")
    closes: MinuteOfDay = Field(alias="to")

    @model_validator(mode="after")
    def _in_order(self) -> "Hours":
        if self.opens >= self.closes:
            raise ValueError("'from' must be before 'to'; write hours across midnight as two stretches")
        return self

    def contains(self, local: datetime) -> bool:
        """Whether a moment, given in the local zone, lies within."""
        return local.weekday() in self.days and self.opens <= local.hour * 60 + local.minute < self.closes


Timetable = tuple[Hours, ...]
"""Open when any of its stretches is."""


def is_open(timetable: Timetable, zones: Iterable[str], at: datetime) -> bool:
    """Whether the timetable is open in ALL zones at this moment."""
    return all(any(hours.contains(local) for hours in timetable) for local in _locals(zones, at))


def next_opening(
    timetables: Collection[Timetable], zones: Collection[str], after: datetime
) -> datetime | None:
    """The first moment from `after` on when every timetable is open in every zone; None if they
    never are together. Looks eight days ahead: a week, and a day for a clock change."""
    for at in _moments(timetables, after):
        clocks = _locals(zones, at)
        if all(any(hours.contains(clock) for hours in table) for table in timetables for clock in clocks):
            return at
    return None


def _locals(zones: Iterable[str], at: datetime) -> set[datetime]:
    """What the clocks of the zones show (naive, so that equal clocks count once)."""
    return {at.astimezone(_time_zone(zone)).replace(tzinfo=None) for zone in zones}


# ZoneInfo itself keeps only the last eight, and a country can have more.
_time_zone = cache(ZoneInfo)


def _moments(timetables: Iterable[Timetable], after: datetime) -> Iterator[datetime]:
    """Every moment at which something can open, in order. Zones lie whole quarters of an hour from
    UTC and change there, so only the minutes within the quarter matter."""
    yield after
    minutes = {0} | {hours.opens % 15 for timetable in timetables for hours in timetable}
    start = after.astimezone(UTC).replace(second=0, microsecond=0)
    for n in range(1, 8 * MINUTES_PER_DAY):
        if (start.minute + n) % 15 in minutes:
            yield start + timedelta(minutes=n)
