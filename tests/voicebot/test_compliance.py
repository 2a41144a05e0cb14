"""The gate: every rule, the order they are asked in, midnight, clock changes, unknown places."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from voicebot.campaign.compliance import CampaignFacts, ContactFacts, Verdict, decide
from voicebot.campaign.hours import Hours, is_open, next_opening
from voicebot.campaign.plan import Caller, CallingWindow, Purpose
from voicebot.campaign.rules import house_rules

ALWAYS = {"from": "00:00", "to": "24:00"}
MONDAY_NOON_NEW_YORK = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
NEW_YORKER = ContactFacts("+12125550100", region="US-NY", time_zone="America/New_York", consent="written")


def campaign(
    purpose: Purpose = Purpose.MARKETING, running: bool = True, registered: bool = False, **window: Any
) -> CampaignFacts:
    caller = Caller(
        name="Shop", number="+15555550100", registered_for=frozenset({purpose} if registered else ())
    )
    return CampaignFacts(running, purpose, caller, CallingWindow.model_validate({**ALWAYS, **window}))


def ask(
    person: ContactFacts, facts: CampaignFacts | None = None, at: datetime = MONDAY_NOON_NEW_YORK
) -> Verdict:
    return decide(person, facts or campaign(), house_rules(), at)


def person(**changes: Any) -> ContactFacts:
    known = {
        "number": "+12125550100",
        "region": "US-NY",
        "time_zone": "America/New_York",
        "consent": "written",
    }
    return ContactFacts(**{**known, **changes})


def test_a_person_with_consent_in_the_open_hours_is_called() -> None:
    assert ask(NEW_YORKER).allowed


@pytest.mark.parametrize(
    ("who", "facts", "reason", "rule"),
    [
        (person(consent=""), campaign(running=False), "stopped", "CAMPAIGN-STATE"),
        (person(region="JP"), campaign(), "predial_denied", "NO-RULES"),
        (person(consent="", on_do_not_call_list=True), campaign(), "no_consent", "US-CONSENT"),
        (person(consent="express"), campaign(), "no_consent", "US-CONSENT"),
        (person(consent=""), campaign(Purpose.SERVICE), "no_consent", "US-CONSENT"),
        (person(on_do_not_call_list=True), campaign(to="00:01"), "blocklist", "DO-NOT-CALL"),
        (person(region="GB", consent=""), campaign(), "no_consent", "UK-PECR19"),
        (person(region="CN", consent="express"), campaign(), "caller_not_registered", "CN-NUMBER"),
    ],
)
def test_permanent_refusals_and_their_order(
    who: ContactFacts, facts: CampaignFacts, reason: str, rule: str
) -> None:
    verdict = ask(who, facts)
    assert (verdict.allowed, verdict.reason, verdict.rule) == (False, reason, rule)
    assert (verdict.next_legal is None) == (reason != "stopped")


def test_consent_that_is_enough() -> None:
    assert ask(person(consent="express"), campaign(Purpose.SERVICE)).allowed
    british = person(number="+442079460123", region="", time_zone="", consent="express")
    assert ask(british).allowed
    assert ask(person(region="GB", consent=""), campaign(Purpose.SERVICE)).allowed


def test_china_needs_a_registered_number_and_keeps_the_noon_break() -> None:
    chinese = ContactFacts("+8613812345678", consent="express")
    morning = datetime(2026, 3, 3, 3, 59, tzinfo=UTC)  # 11:59 in Shanghai
    assert ask(chinese, campaign(registered=True), morning).allowed
    verdict = ask(chinese, campaign(registered=True), morning + timedelta(minutes=1))
    assert (verdict.rule, verdict.next_legal) == ("CN-HOURS", datetime(2026, 3, 3, 6, 0, tzinfo=UTC))
    again = ContactFacts("+8613812345678", consent="express", dialled_at=(morning - timedelta(hours=1),))
    verdict = ask(again, campaign(registered=True), morning)
    assert (verdict.reason, verdict.rule) == ("daily_limit", "CN-FREQ-4H")
    assert verdict.next_legal == morning + timedelta(hours=3)


@pytest.mark.parametrize(
    ("region", "local", "allowed"),
    [
        ("US-NY", "2026-03-02 07:59", False),
        ("US-NY", "2026-03-02 08:00", True),
        ("US-NY", "2026-03-02 20:59", True),
        ("US-NY", "2026-03-02 21:00", False),
        ("US-FL", "2026-03-02 20:00", False),
        ("US-TX", "2026-03-01 11:59", False),
        ("US-TX", "2026-03-01 12:00", True),
        ("US-LA", "2026-03-01 12:00", False),
        ("US-RI", "2026-03-02 18:00", False),
    ],
)
def test_hours_of_the_states(region: str, local: str, allowed: bool) -> None:
    at = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("America/New_York"))
    verdict = ask(person(region=region), at=at)
    assert verdict.allowed is allowed
    if not allowed:
        assert verdict.reason == "window_closed"
        assert verdict.next_legal is not None
        assert ask(person(region=region), at=verdict.next_legal).allowed


def test_the_state_comes_from_the_number_and_an_unknown_one_counts_as_the_strictest() -> None:
    evening = datetime(2026, 3, 2, 20, 30, tzinfo=ZoneInfo("America/New_York"))
    assert ask(person(region="US"), at=evening).allowed  # 212 is New York
    assert ask(person(region="", number="+13055550100"), at=evening).rule == "US-FL-HOURS"
    unknown = ask(person(region="", number="+15555550101"), at=evening)
    assert unknown.inputs["state"] is None
    assert {"US-FL-HOURS", "US-RI-HOURS"} <= set(unknown.inputs["rules"])


def test_an_unknown_zone_must_be_open_in_all_candidates() -> None:
    nowhere = person(number="+18005550100", time_zone="", region="US-NY")
    nine_in_new_york = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
    assert ask(person(), at=nine_in_new_york).allowed
    verdict = ask(nowhere, at=nine_in_new_york)
    assert verdict.reason == "window_closed"
    assert {"Pacific/Honolulu", "America/New_York"} <= set(verdict.inputs["zones"])
    assert verdict.next_legal == datetime(2026, 3, 2, 18, 0, tzinfo=UTC)  # eight in Honolulu
    fictional = person(number="+15555550101", time_zone="")
    assert not ask(fictional, at=nine_in_new_york).allowed
    assert ask(fictional, campaign(time_zone="America/New_York"), nine_in_new_york).allowed


def test_the_narrower_of_law_and_campaign_wins() -> None:
    window: dict[str, Any] = {"from": "10:00", "to": "23:00", "days": ["mon", "tue"]}
    facts = campaign(**window)
    local = datetime(2026, 3, 2, 9, 0, tzinfo=ZoneInfo("America/New_York"))
    verdict = ask(NEW_YORKER, facts, local)
    assert (verdict.rule, verdict.next_legal) == ("CAMPAIGN-WINDOW", local.replace(hour=10))
    assert ask(NEW_YORKER, facts, local.replace(hour=21)).rule == "US-HOURS"
    wednesday = local.replace(day=4, hour=12)
    assert ask(NEW_YORKER, facts, wednesday).next_legal == datetime(
        2026, 3, 9, 10, 0, tzinfo=ZoneInfo("America/New_York")
    )


def test_hours_that_never_meet_refuse_for_good() -> None:
    window: dict[str, Any] = {"from": "22:00", "to": "23:00"}
    verdict = ask(NEW_YORKER, campaign(**window))
    assert (verdict.reason, verdict.next_legal) == ("window_closed", None)


def test_too_many_calls_wait_until_one_is_old_enough() -> None:
    noon = MONDAY_NOON_NEW_YORK
    calls = tuple(noon - timedelta(hours=hours) for hours in (30, 23, 5, 1))
    verdict = ask(person(dialled_at=calls), at=noon)
    assert (verdict.reason, verdict.rule, verdict.inputs["limit"]) == ("daily_limit", "US-FREQ", 3)
    assert verdict.next_legal == noon + timedelta(hours=1)
    assert ask(person(dialled_at=calls), at=verdict.next_legal).allowed
    # The fourth hour from now is after closing time: the next morning then.
    late = tuple(noon - timedelta(hours=hours) for hours in (14, 13, 12))
    assert ask(person(dialled_at=late), at=noon).next_legal == datetime(2026, 3, 3, 13, 0, tzinfo=UTC)


ZONES = ["America/New_York", "America/Los_Angeles", "Australia/Lord_Howe", "Asia/Kathmandu", "Europe/London"]
minutes = st.integers(0, 24 * 60)


@st.composite
def timetables(draw: st.DrawFn) -> tuple[Hours, ...]:
    def stretch() -> Hours:
        opens, closes = sorted(draw(st.lists(minutes, min_size=2, max_size=2, unique=True)))
        days = draw(st.frozensets(st.integers(0, 6), min_size=1))
        return Hours.model_construct(days=days, opens=opens, closes=closes)

    return tuple(stretch() for _ in range(draw(st.integers(1, 2))))


around_clock_changes = st.builds(
    lambda day, minute: datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minute),
    st.sampled_from(
        [date(2026, 3, 7), date(2026, 3, 28), date(2026, 4, 4), date(2026, 10, 3), date(2026, 10, 31)]
    ),
    st.integers(0, 3 * 24 * 60),
)


@settings(max_examples=60, deadline=None)
@given(timetables(), st.sets(st.sampled_from(ZONES), min_size=1, max_size=2), around_clock_changes)
@example(
    (Hours.model_validate({"from": "02:30", "to": "03:30"}),),
    {"America/New_York"},
    datetime(2026, 3, 8, 6, 59, tzinfo=UTC),
)
def test_the_next_opening_is_the_first_open_minute(
    timetable: tuple[Hours, ...], zones: set[str], now: datetime
) -> None:
    """Against the plain search, minute by minute."""
    minute_by_minute = (now + timedelta(minutes=minute) for minute in range(3 * 24 * 60))
    first = next((at for at in minute_by_minute if is_open(timetable, zones, at)), None)
    found = next_opening([timetable], zones, now)
    if first is not None:
        assert found == first
    else:
        assert found is None or found >= now + timedelta(days=3)


@settings(max_examples=100, deadline=None)
@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),
    st.sampled_from(
        [
            ("+12125550100", ["America/New_York"]),
            ("+12065550100", ["America/Los_Angeles"]),
            ("+18005550100", ["America/New_York", "Pacific/Honolulu"]),
            ("+15555550101", ["America/New_York", "Pacific/Honolulu"]),
        ]
    ),
    st.lists(st.integers(0, 40 * 60), max_size=4),
)
def test_nobody_in_america_is_ever_called_at_night_or_too_often(
    now: datetime, place: tuple[str, list[str]], minutes_ago: list[int]
) -> None:
    number, zones = place
    dialled_at = tuple(now - timedelta(minutes=ago) for ago in minutes_ago)
    who = ContactFacts(number, consent="written", dialled_at=dialled_at)
    verdict = ask(who, at=now)
    at = now if verdict.allowed else verdict.next_legal
    assert at is not None
    assert at >= now
    for zone in zones:
        assert 8 <= at.astimezone(ZoneInfo(zone)).hour < 21
    assert len([call for call in dialled_at if call > at - timedelta(hours=24)]) < 3
    if not verdict.allowed:
        assert ask(who, at=at).allowed
