"""The line that calls go out on: all SIP trunks as one, one of them, or a bridge, as the settings have it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from dialogs.problem import InputError, Problem
from telephony.line import Line
from telephony.routing.group import Member, TrunkGroup
from telephony.sip.options import OptionsPing, OptionsTarget
from telephony.sip.trunk import SipTrunk, SipTrunkConfig
from voicebot.bridge_line import bridge_line, named_bridge
from voicebot.settings import Settings
from voicebot.trunk_settings import TrunkSettings


@dataclass(frozen=True, slots=True)
class LineChoice:
    """Which way out to take: a trunk or a bridge by name; all trunks if neither is named."""

    trunk: str = ""
    bridge: str = ""


ALL_TRUNKS = LineChoice()


def build_line(settings: Settings, choice: LineChoice = ALL_TRUNKS) -> Line:
    """The line, not started yet. Raises InputError for a name that the settings do not have, LineError."""
    if choice.bridge:
        return bridge_line(choice.bridge, named_bridge(choice.bridge, settings.bridges))
    return TrunkGroup(
        [trunk_member(name, trunk) for name, trunk in chosen_trunks(settings.trunks, choice).items()]
    )


def caller_id(settings: Settings, choice: LineChoice, number: str) -> str:
    """`number` if the chosen line may call as it; empty otherwise: then the line shows the nearest it has."""
    if choice.bridge:
        ours = named_bridge(choice.bridge, settings.bridges).caller_ids
        return number if number in ours else ""
    trunks = chosen_trunks(settings.trunks, choice).values()
    return number if all(number in trunk.caller_ids for trunk in trunks) else ""


def check_line(settings: Settings, choice: LineChoice = ALL_TRUNKS) -> None:
    """Raise LineError unless the SIP ports of the chosen trunks are free, InputError for an unknown name."""
    if choice.bridge:
        named_bridge(choice.bridge, settings.bridges)
    else:
        for trunk in chosen_trunks(settings.trunks, choice).values():
            trunk_config(trunk).check_port()


def chosen_trunks(trunks: Mapping[str, TrunkSettings], choice: LineChoice) -> Mapping[str, TrunkSettings]:
    """All of them, or the one that is named."""
    if not choice.trunk:
        return trunks
    if choice.trunk not in trunks:
        mend = f"Name one of: {', '.join(sorted(trunks))}; or add it to `trunks` in the settings file"
        raise InputError([Problem("trunk", 0, f"there is no trunk {choice.trunk!r}", mend)])
    return {choice.trunk: trunks[choice.trunk]}


def trunk_member(name: str, trunk: TrunkSettings) -> Member:
    """A trunk with what the group must know of it. One that names no peer of its own has nobody to ask."""
    asks = trunk.options_interval_s > 0 and trunk.model_fields_set & {"domain", "proxy"}
    return Member(
        name,
        SipTrunk(trunk_config(trunk)),
        priority=trunk.priority,
        channels=trunk.channels,
        calls_per_second=trunk.calls_per_second,
        caller_ids=trunk.caller_ids,
        probe=OptionsPing(options_target(trunk)) if asks else None,
        options_interval_s=trunk.options_interval_s,
    )


def trunk_config(trunk: TrunkSettings) -> SipTrunkConfig:
    """The telephony room's own form of the trunk settings."""
    ours = {field.name for field in fields(SipTrunkConfig)} & set(TrunkSettings.model_fields)
    return SipTrunkConfig(**{name: getattr(trunk, name) for name in ours})


def options_target(trunk: TrunkSettings) -> OptionsTarget:
    """Whom to ask whether the trunk's peer is there."""
    ours = {field.name for field in fields(OptionsTarget)} & set(TrunkSettings.model_fields)
    return OptionsTarget(**{name: getattr(trunk, name) for name in ours})
