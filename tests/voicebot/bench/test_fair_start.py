"""What others run under is what ours runs under, and what they come with."""

import ast
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.embedded_weights import embedded_weights
from voicebot.bench.error import BenchError
from voicebot.bench.talk import run
from voicebot.bench.talk.contenders import PIPECAT
from voicebot.bench.talk.process import bench_process
from voicebot.service import AHEAD, media_first, weights_for
from voicebot.settings import Settings

CHILD_OF_CHILD = """
import json, os, subprocess, sys
own = os.getpriority(os.PRIO_PROCESS, 0)
tell = "import os; print(os.getpriority(os.PRIO_PROCESS, 0))"
child = subprocess.check_output([sys.executable, "-c", tell])
print(json.dumps({"event": "nice", "levels": [own, int(child)]}), flush=True)
input()
"""


@pytest.mark.parametrize("ahead", [True, False])
async def test_a_peer_and_its_children_run_at_the_nice_level_of_our_media(
    ahead: bool, tmp_path: Path
) -> None:
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    with media_first():
        ours = os.getpriority(os.PRIO_PROCESS, 0)
    if ours != usual - AHEAD:
        pytest.skip("needs the right to raise priorities (CAP_SYS_NICE)")
    command = [sys.executable, "-c", CHILD_OF_CHILD]
    async with bench_process("peer", command, tmp_path / "log", ahead=ahead) as peer:
        levels = (await peer.said("nice", 10))["levels"]
        assert levels == [ours if ahead else usual] * 2
        assert peer.nice() == levels[0]
    assert os.getpriority(os.PRIO_PROCESS, 0) == usual


async def test_pipecat_is_started_that_way(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[bool] = []

    @asynccontextmanager
    async def start(
        name: str, command: Sequence[str], log: Path, *, ahead: bool = False
    ) -> AsyncIterator[Any]:
        started.append(ahead)
        raise BenchError("enough is known")
        yield

    monkeypatch.setattr(run, "bench_process", start)
    monkeypatch.setattr(run, "pipecat_python", lambda: Path(sys.executable))
    settings = Settings(weights=embedded_weights(*weights_for("en")))
    with pytest.raises(BenchError, match="enough"):
        await run.run_once(PIPECAT[0], run.Plan("websocket", 1, 1, 1, ""), settings, "")
    assert started == [True]


def test_pipecat_s_recogniser_is_loaded_as_it_loads_it() -> None:
    """Its `WhisperSTTService._load` names a device and a compute type and nothing else."""
    source = Path(run.__file__).with_name("pipecat_peer.py").read_text()
    (loading,) = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "WhisperModel"
    ]
    assert {named.arg for named in loading.keywords} == {"device", "compute_type"}
