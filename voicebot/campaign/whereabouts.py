"""Where the owner of a number may be: country, state, time zones. Only what can be excluded is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import phonenumbers
from phonenumbers import geocoder
from phonenumbers import timezone as number_zones


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What is known; every candidate counts."""

    country: str
    """ISO country; empty when unknown."""
    state: str | None
    """Code of a state within the country; '' for one without rules of its own; None when unknown."""
    zones: tuple[str, ...]


def whereabouts(
    number: str, region: str, time_zone: str, fallback_zone: str | None, states: Mapping[str, str]
) -> Whereabouts:
    """Place a number (E.164). What the contact list says (`region` as 'US' or 'US-CA', `time_zone`)
    counts before what the number tells; then the campaign's fallback, then all of the country.

    `states` names, by code, the states that matter, in English."""
    parsed = phonenumbers.parse(number)
    country, _, state = region.partition("-")
    country = country or country_of(parsed)
    return Whereabouts(
        country,
        state or _state_of(parsed, states),
        (time_zone,) if time_zone else _zones_of(parsed, country, fallback_zone),
    )


def warm_up() -> None:
    """Load the library's number plans (those of +1 are two dozen modules) before calls are in the air."""
    geocoder.country_name_for_number(phonenumbers.parse("+12125550100"), "en")


def country_of(number: phonenumbers.PhoneNumber) -> str:
    """The country of a number, or the main one of its country code; empty when there is none."""
    main = phonenumbers.region_code_for_country_code(number.country_code or 0)
    return (phonenumbers.region_code_for_number(number) or main).replace("ZZ", "")


def _state_of(number: phonenumbers.PhoneNumber, states: Mapping[str, str]) -> str | None:
    """From a description such as 'Florida' or 'Los Angeles, CA'."""
    description = geocoder.description_for_valid_number(number, "en")
    if not description or description == geocoder.country_name_for_number(number, "en"):
        return None
    code = re.search(r", ([A-Z]{2})$", description)
    if code is not None:
        return code[1]
    return next((code for code, name in states.items() if description in (name, f"{name} State")), "")


def _zones_of(number: phonenumbers.PhoneNumber, country: str, fallback: str | None) -> tuple[str, ...]:
    of_country = zones_of_country(country)
    of_number = [zone for zone in number_zones.time_zones_for_number(number) if zone != "Etc/Unknown"]
    # A toll-free number names every zone of its numbering plan, which is larger than its country.
    within = tuple(zone for zone in of_number if zone in of_country) or tuple(of_number)
    return within or ((fallback,) if fallback else of_country)


@cache
def zones_of_country(country: str) -> tuple[str, ...]:
    """All time zones of an ISO country, by the table of the tz database."""
    table = (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return tuple(row[2] for row in rows if row[0] == country)
