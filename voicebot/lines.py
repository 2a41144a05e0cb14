"""The line that calls go out on: all SIP trunks as one, one of them, or a bridge, as the settings have it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dialogs.problem import InputError, Problem
from telephony.line import Line, LineError
from telephony.routing.caller_id import CallerIds
from telephony.routing.group import Member, TrunkGroup
from telephony.sip.options import OptionsPing, OptionsTarget
from telephony.sip.trunk import SipTrunk, SipTrunkConfig
from voicebot.bridge_line import bridge_line, named_bridge
from voicebot.same_fields import same_fields
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
    members = []
    for name, trunk in chosen_trunks(settings.trunks, choice).items():
        try:
            members.append(trunk_member(name, trunk))
        except LineError as error:
            raise LineError(f"trunks.{name}: {error}") from None
    return TrunkGroup(members)


def caller_id(settings: Settings, choice: LineChoice, number: str) -> str:
    """`number` if the chosen line has numbers of its own, this among them; empty if it has none at all.

    Raises InputError if it has others: nobody may be called as somebody else than was said and checked.
    """
    if choice.bridge:
        pools = [named_bridge(choice.bridge, settings.bridges).caller_ids]
    else:
        pools = [trunk.caller_ids for trunk in chosen_trunks(settings.trunks, choice).values()]
    ours = CallerIds([each for pool in pools for each in pool])
    if not any(pools):
        return ""
    if not ours.owns(number):
        mend = "Add it to the caller_ids of the trunk or bridge if it is yours, or name one of theirs"
        raise InputError([Problem("caller", 0, f"{number} is no number that the line may call as", mend)])
    return ours.choose(number, number)


def check_line(settings: Settings, choice: LineChoice = ALL_TRUNKS) -> None:
    """Raise LineError unless the SIP ports of the chosen trunks are free, InputError for an unknown name."""
    if choice.bridge:
        named_bridge(choice.bridge, settings.bridges)
        return
    trunks = chosen_trunks(settings.trunks, choice)
    for clash in port_clashes(trunks):
        raise LineError(clash)
    for name, trunk in trunks.items():
        try:
            trunk_config(trunk).check_port()
        except LineError as error:
            raise LineError(f"trunks.{name}: {error}") from None


def port_clashes(trunks: Mapping[str, TrunkSettings]) -> Iterator[str]:
    """Trunks whose workers would want one another's SIP ports, each with the mend. Pure."""
    taken: list[tuple[str, str, bool, range]] = []
    for name, trunk in trunks.items():
        ports = range(trunk.local_port, trunk.local_port + trunk_config(trunk).worker_count)
        stream = trunk.transport != "udp"
        for other, address, other_stream, others in taken:
            same_place = address == trunk.local_address or "0.0.0.0" in (address, trunk.local_address)
            if same_place and stream == other_stream and ports[0] <= others[-1] and others[0] <= ports[-1]:
                yield (
                    f"trunks.{name}: its SIP ports {ports[0]}-{ports[-1]} are partly those of trunk {other}, "
                    f"{others[0]}-{others[-1]}. Set another local_port"
                )
        taken.append((name, trunk.local_address, stream, ports))


def chosen_trunks(trunks: Mapping[str, TrunkSettings], choice: LineChoice) -> Mapping[str, TrunkSettings]:
    """All of them, or the one that is named."""
    if not choice.trunk:
        return trunks
    if choice.trunk not in trunks:
        mend = f"Name one of: {', '.join(sorted(trunks))}; or add it to `trunks` in the settings file"
        raise InputError([Problem("trunks", 0, f"there is no trunk {choice.trunk!r}", mend)])
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
    return same_fields(SipTrunkConfig, trunk)


def options_target(trunk: TrunkSettings) -> OptionsTarget:
    """Whom to ask whether the trunk's peer is there."""
    return same_fields(OptionsTarget, trunk)
