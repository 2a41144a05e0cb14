"""The talking benchmarks as commands, against the real service. Figures have to be there, not to be good."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.embedded_weights import embedded_weights
from voicebot.bench.talk.contenders import OURS
from voicebot.cli import app
from voicebot.service import weights_for


@pytest.fixture(autouse=True)
def _weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEBOT_WEIGHTS", str(embedded_weights(*weights_for("en"))))


@pytest.mark.parametrize("wire", ["websocket", "rtp"])
def test_callers_are_greeted_understood_and_answered(wire: str, tmp_path: Path) -> None:
    arguments = ["bench", "latency", "--calls", "2", "--turns", "2", "--wire", wire]
    files = ["--json", str(tmp_path / "latency.json"), "--plot", str(tmp_path / "latency.png")]
    run = CliRunner().invoke(app, [*arguments, *files])
    assert run.exit_code == 0, run.output
    report = json.loads((tmp_path / "latency.json").read_text())
    (row,) = report["summary"]
    assert (row["contender"], row["calls"], row["turns"]) == (OURS.name, 2, 4)
    calls = report["runs"][0]["result"]["heard"]["calls"]
    assert len(calls) == 2
    for call in calls:
        assert not call["lost"]
        assert call["greeting_s"] is not None
        assert [turn["utterance"] for turn in call["turns"]] == call["questions"]
    # A busy machine may be late; a benchmark that no reply reaches is broken.
    assert row["replied"] + row["early"] >= 3, report
    assert row["understood"] >= 2, report
    assert 0.1 < row["p50_s"] < 8
    assert row["cpu_per_call_minute"] > 0
    assert row["endpoint_ms"] > 100
    assert (tmp_path / "latency.png").read_bytes().startswith(b"\x89PNG")


def test_silent_calls_are_held_and_their_ticks_timed(tmp_path: Path) -> None:
    run = CliRunner().invoke(
        app, ["bench", "silent", "--calls", "2", "--seconds", "2", "--json", str(tmp_path / "silent.json")]
    )
    assert run.exit_code == 0, run.output
    report = json.loads((tmp_path / "silent.json").read_text())
    (row,) = report["summary"]
    assert row["lost"] == 0
    assert row["sounds"] == 0
    assert row["cpu_per_call_minute"]["median"] > 0
    assert row["tick_late_p99_ms"]["median"] > 0
    assert report["runs"][0]["result"]["window_s"] == pytest.approx(2.0, abs=0.5)
