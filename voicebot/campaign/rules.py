"""The calling rules of each country, loaded from `rules.yaml`."""

from enum import StrEnum
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dialogs.problem import InputError
from dialogs.yaml_places import load_yaml, problems_from_validation
from voicebot.campaign.hours import Timetable
from voicebot.campaign.plan import Purpose


class Consent(StrEnum):
    """What a person agreed to; each level includes those before it."""

    NONE = "none"
    EXPRESS = "express"
    WRITTEN = "written"

    def covers(self, needed: "Consent") -> bool:
        """Whether this much consent is enough."""
        levels = list(Consent)
        return levels.index(self) >= levels.index(needed)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ConsentRule(_Part):
    """The consent that each purpose needs."""

    rule: str
    marketing: Consent
    service: Consent

    def needed(self, purpose: Purpose) -> Consent:
        """For a campaign of this purpose."""
        return self.marketing if purpose is Purpose.MARKETING else self.service


class HoursRule(_Part):
    """When calls may be placed, by the callee's clock."""

    rule: str
    open: Timetable = Field(min_length=1)


class FrequencyRule(_Part):
    """At most so many calls to a number within so many hours."""

    rule: str
    calls: int = Field(ge=1)
    within_h: float = Field(gt=0)


class StateRules(_Part):
    """What a state adds to its country's rules."""

    name: str
    """In English, as `phonenumbers` describes the state's numbers."""
    hours: tuple[HoursRule, ...]


class RegionRules(_Part):
    """The rules of one jurisdiction."""

    countries: tuple[str, ...]
    consent: ConsentRule
    hours: tuple[HoursRule, ...] = Field(min_length=1)
    frequency: tuple[FrequencyRule, ...] = Field(min_length=1)
    caller_registered: str = ""
    """The rule that asks for a caller number registered for the purpose; empty when none does."""
    states: dict[str, StateRules] = Field(default_factory=dict)


class Rulebook(_Part):
    """All jurisdictions. A country that none of them names is not called."""

    version: str
    regions: dict[str, RegionRules]

    @model_validator(mode="after")
    def _each_country_once(self) -> "Rulebook":
        countries = [country for region in self.regions.values() for country in region.countries]
        twice = sorted({country for country in countries if countries.count(country) > 1})
        if twice:
            raise ValueError(f"in two regions: {', '.join(twice)}")
        return self

    def of_country(self, country: str) -> RegionRules | None:
        """The rules that hold in an ISO country."""
        return next((region for region in self.regions.values() if country in region.countries), None)

    @property
    def longest_memory_h(self) -> float:
        """How far back calls to a number matter."""
        return max(rule.within_h for region in self.regions.values() for rule in region.frequency)


def load_rules(path: Path) -> Rulebook:
    """Read a rule file. Raises InputError with the line of each fault."""
    data, places = load_yaml(path)
    try:
        return Rulebook.model_validate(data)
    except ValidationError as error:
        raise InputError(problems_from_validation(path, places, error)) from None


@cache
def house_rules() -> Rulebook:
    """The rules that come with voicebot."""
    return load_rules(Path(__file__).with_name("rules.yaml"))
