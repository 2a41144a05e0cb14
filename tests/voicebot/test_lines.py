"""Which way out calls take, as whom, and settings that cannot stand side by side."""

from typing import Any

import pytest

from dialogs.problem import InputError
from telephony.line import LineError
from telephony.routing.group import TrunkGroup
from telephony.websocket.bridge import MediaBridge
from voicebot.bridge_settings import BrowserBridge
from voicebot.lines import (
    ALL_TRUNKS,
    LineChoice,
    build_line,
    caller_id,
    check_line,
    port_clashes,
    trunk_config,
    trunk_member,
)
from voicebot.settings import Settings
from voicebot.trunk_settings import TrunkSettings

OURS = "+12025550143"


def settings(**trunks: dict[str, Any]) -> Settings:
    return Settings(trunks={name: TrunkSettings(**values) for name, values in trunks.items()})


def test_all_trunks_one_of_them_or_a_bridge() -> None:
    both = settings(one={"local_port": 6070}, two={"local_port": 6080})
    assert isinstance(build_line(both), TrunkGroup)
    assert isinstance(build_line(both, LineChoice("two")), TrunkGroup)
    page = both.model_copy(update={"bridges": {"page": BrowserBridge(provider="browser")}})
    assert isinstance(build_line(page, LineChoice(bridge="page")), MediaBridge)
    for choice, known in ((LineChoice("three"), "one, two"), (LineChoice(bridge="b"), "page")):
        with pytest.raises(InputError, match=known):
            build_line(page, choice)


def test_a_campaign_calls_as_its_own_number_or_not_at_all() -> None:
    pools = settings(one={"caller_ids": (OURS,)}, two={"caller_ids": ("12025550199",), "local_port": 6080})
    assert caller_id(pools, ALL_TRUNKS, OURS) == OURS
    assert caller_id(pools, LineChoice("two"), "+12025550199") == "12025550199"
    with pytest.raises(InputError, match=r"\+12025550143 is no number that the line may call as"):
        caller_id(pools, LineChoice("two"), OURS)


def test_a_line_without_numbers_of_its_own_shows_its_user() -> None:
    assert caller_id(settings(one={}), ALL_TRUNKS, OURS) == ""


def test_trunks_that_want_the_same_port_are_named() -> None:
    apart = {"one": TrunkSettings(local_port=6070, channels=120), "two": TrunkSettings(local_port=6072)}
    assert list(port_clashes(apart)) == []
    (clash,) = port_clashes({**apart, "three": TrunkSettings(local_port=6071)})
    assert "trunks.three" in clash
    assert "trunk one, 6070-6071" in clash
    over_tcp = {**apart, "three": TrunkSettings(local_port=6071, transport="tcp")}
    assert list(port_clashes(over_tcp)) == []
    with pytest.raises(LineError, match=r"trunks\.two.*6070"):
        check_line(settings(one={"local_port": 6070}, two={"local_port": 6070, "local_address": "0.0.0.0"}))


def test_a_fault_names_its_trunk() -> None:
    with pytest.raises(LineError, match=r"trunks\.far: caller_ids"):
        build_line(settings(far={"caller_ids": ("+1 5",)}))


def test_only_a_trunk_that_names_its_peer_is_asked_whether_it_is_there() -> None:
    assert trunk_member("main", TrunkSettings()).probe is None
    assert trunk_member("main", TrunkSettings(domain="192.0.2.1")).probe is not None
    assert trunk_member("main", TrunkSettings(domain="192.0.2.1", options_interval_s=0)).probe is None


def test_every_setting_of_a_trunk_reaches_the_trunk() -> None:
    trunk = TrunkSettings(login="two", register_s=60, redirects=("a.example",), transport="tcp")
    config = trunk_config(trunk)
    assert (config.login, config.register_s, config.redirects, config.transport) == (
        "two",
        60,
        ("a.example",),
        "tcp",
    )
