"""The gate: may this person be called now? Pure, asked at the moment of dialling, and the answer
to everything unknown is no. Every verdict names the rule and what it looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from voicebot.campaign.hours import is_open, next_opening
from voicebot.campaign.plan import Caller, CallingWindow, Purpose
from voicebot.campaign.rules import Consent, FrequencyRule, HoursRule, RegionRules, Rulebook
from voicebot.campaign.whereabouts import Whereabouts, whereabouts

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ContactFacts:
    """What is known about the person."""

    number: str
    """E.164."""
    region: str = ""
    """'US' or 'US-CA'; empty when only the number tells."""
    time_zone: str = ""
    consent: str = ""
    """'', 'express' or 'written'."""
    on_do_not_call_list: bool = False
    dialled_at: tuple[datetime, ...] = ()
    """Earlier calls to the number, by all campaigns."""


@dataclass(frozen=True, slots=True)
class CampaignFacts:
    """What is known about the campaign."""

    running: bool
    purpose: Purpose
    caller: Caller
    window: CallingWindow


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's answer."""

    allowed: bool
    rule: str
    reason: str = ""
    """Why not, in the words of the not_dialled taxonomy."""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """What the rule looked at, fit for JSON."""
    next_legal: datetime | None = None
    """When to ask again; None with a refusal: never."""


def decide(contact: ContactFacts, campaign: CampaignFacts, rules: Rulebook, now: datetime) -> Verdict:
    """Ask every rule, in the order campaign, consent, do-not-call, caller number, hours, frequency;
    the first that refuses answers."""
    if not campaign.running:
        return Verdict(False, "CAMPAIGN-STATE", "stopped", next_legal=now)
    place = _place(contact, campaign, rules)
    region = rules.of_country(place.country)
    if region is None:
        return Verdict(False, "NO-RULES", "predial_denied", {"country": place.country})
    refusal = _permanent_refusal(contact, campaign, region)
    if refusal is not None:
        return refusal
    hours = (*_hours(region, place.state), HoursRule(rule="CAMPAIGN-WINDOW", open=(campaign.window,)))
    refusal = _outside_hours(hours, place, now) or _too_often(region.frequency, contact.dialled_at, now)
    if refusal is None:
        return Verdict(True, "ALL", inputs={"version": rules.version, "country": place.country})
    free_at = max((now, *(_free_at(rule, contact.dialled_at) for rule in region.frequency)))
    return replace(refusal, next_legal=_opening(hours, place, free_at))


def _place(contact: ContactFacts, campaign: CampaignFacts, rules: Rulebook) -> Whereabouts:
    states = {code: state.name for region in rules.regions.values() for code, state in region.states.items()}
    return whereabouts(contact.number, contact.region, contact.time_zone, campaign.window.time_zone, states)


def _permanent_refusal(contact: ContactFacts, campaign: CampaignFacts, region: RegionRules) -> Verdict | None:
    given, needed = Consent(contact.consent or "none"), region.consent.needed(campaign.purpose)
    if not given.covers(needed):
        inputs: dict[str, Any] = {"purpose": campaign.purpose, "needed": needed, "given": given}
        return Verdict(False, region.consent.rule, "no_consent", inputs)
    if contact.on_do_not_call_list:
        return Verdict(False, "DO-NOT-CALL", "blocklist")
    if region.caller_registered and campaign.purpose not in campaign.caller.registered_for:
        inputs = {"caller": campaign.caller.number, "purpose": campaign.purpose}
        return Verdict(False, region.caller_registered, "caller_not_registered", inputs)
    return None


def _hours(region: RegionRules, state: str | None) -> tuple[HoursRule, ...]:
    """The region's hours and its states'; of every state when it is not known which."""
    in_states = [rules for code, rules in region.states.items() if state is None or code == state]
    return (*region.hours, *(rule for rules in in_states for rule in rules.hours))


def _outside_hours(hours: tuple[HoursRule, ...], place: Whereabouts, now: datetime) -> Verdict | None:
    closed = [rule.rule for rule in hours if not is_open(rule.open, place.zones, now)]
    if place.zones and not closed:
        return None
    inputs = {"rules": closed, "zones": list(place.zones), "state": place.state, "now": now.isoformat()}
    return Verdict(False, closed[0] if closed else "NO-ZONE", "window_closed", inputs)


def _too_often(
    frequency: tuple[FrequencyRule, ...], dialled_at: tuple[datetime, ...], now: datetime
) -> Verdict | None:
    for rule in frequency:
        if _free_at(rule, dialled_at) > now:
            inputs = {"dialled_at": [at.isoformat() for at in dialled_at], "limit": rule.calls}
            return Verdict(False, rule.rule, "daily_limit", inputs)
    return None


def _free_at(rule: FrequencyRule, dialled_at: tuple[datetime, ...]) -> datetime:
    """When the rule lets the next call through: when the last but `calls - 1` is old enough."""
    if len(dialled_at) < rule.calls:
        return _LONG_AGO
    return sorted(dialled_at)[-rule.calls] + timedelta(hours=rule.within_h)


def _opening(hours: tuple[HoursRule, ...], place: Whereabouts, after: datetime) -> datetime | None:
    if not place.zones:
        return None
    return next_opening([rule.open for rule in hours], place.zones, after)
