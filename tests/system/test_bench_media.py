"""The media benchmark as a command, against real sipp. What it measures is checked, never how fast it was."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.system.sipp import find_sipp
from voicebot.bench import media
from voicebot.bench.media_contenders import MEDIA_CONTENDERS, OURS
from voicebot.cli import app


def test_every_contender_is_measured_and_every_call_hears_its_tone(tmp_path: Path) -> None:
    find_sipp()
    arguments = ["bench", "media", "--calls", "2", "--seconds", "2", "--rounds", "1"]
    run = CliRunner().invoke(app, [*arguments, "--json", str(tmp_path / "media.json")])
    assert run.exit_code == 0, run.output
    report = json.loads((tmp_path / "media.json").read_text())
    assert [one["contender"] for one in report["summary"]] == [one.name for one in MEDIA_CONTENDERS]
    for one in report["summary"]:
        assert (one["tones_heard"], one["tones_due"]) == (2, 2), report["runs"]
        assert one["cpu_per_call"]["median"] > 0
        assert one["threads"] >= one["processes"] >= 1
    for one in report["runs"]:
        # 50 packets a second for each call; fewer than half means that somebody does not send.
        assert one["gaps"]["packets"] > 100, one
    assert "ours by this" in run.output


def test_without_the_others_ours_is_measured_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    find_sipp()
    others = [
        replace(one, package="not_installed_here", measured_version="9.9")
        for one in MEDIA_CONTENDERS
        if one is not OURS
    ]
    monkeypatch.setattr(media, "MEDIA_CONTENDERS", (OURS, *others))
    run = CliRunner().invoke(app, ["bench", "media", "--calls", "1", "--seconds", "2", "--rounds", "1"])
    assert run.exit_code == 0, run.output
    assert "agent-transport is left out, not installed: pip install agent-transport==9.9" in run.output
    assert "1 of 1" in run.output


def test_without_sipp_one_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    run = CliRunner().invoke(app, ["bench", "media", "--calls", "1", "--seconds", "2"])
    assert run.exit_code == 2
    assert "Install Debian's sip-tester" in run.stderr
