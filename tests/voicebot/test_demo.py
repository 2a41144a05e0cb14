"""What the demo prepares: its folder and its campaign."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs.problem import InputError
from voicebot.campaign.plan import load_plan
from voicebot.demo import MARKER, _make_room, write_campaign, zone_where_it_is


@given(st.integers(0, 23), st.integers(0, 366 * 24 * 60))
def test_there_is_a_zone_for_every_hour(hour: int, minutes: int) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    assert now.astimezone(ZoneInfo(zone_where_it_is(hour, now))).hour == hour


def test_the_campaign_is_written_whole(tmp_path: Path) -> None:
    plan = load_plan(write_campaign(tmp_path, 5099, datetime.now(UTC)))
    assert plan.address("+12125550101") == "sip:+12125550101@127.0.0.1:5099"
    assert plan.script.exists()
    assert plan.contacts.exists()


def test_an_earlier_demo_is_cleared_and_nothing_else(tmp_path: Path) -> None:
    demo = tmp_path / "demo"
    _make_room(demo)
    (demo / "recordings").mkdir()
    (demo / "recordings" / "call-000001.wav").touch()
    (demo / "demo.db").touch()
    _make_room(demo)
    assert [file.name for file in demo.iterdir()] == [MARKER]


def test_a_folder_that_is_no_demos_is_left_alone(tmp_path: Path) -> None:
    recording = tmp_path / "recordings" / "call-000001.wav"
    recording.parent.mkdir()
    recording.touch()
    with pytest.raises(InputError, match="no demo"):
        _make_room(tmp_path)
    assert recording.exists()
