"""Three minutes of real talk, twelve callers at once: nothing grows, and nobody waits in vain.

The callers are the load generator's, over WebSocket, in a process of their own. Half an hour in virtual
time is in tests/voicebot/call/test_soak.py.
"""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.embedded_weights import embedded_weights
from voicebot.bench.process_cost import tree_cost, tree_descriptors
from voicebot.bench.talk.contenders import OURS
from voicebot.bench.talk.figures import TalkRun, summaries
from voicebot.bench.talk.questions import render_questions
from voicebot.bench.talk.run import Plan, run_once
from voicebot.service import weights_for
from voicebot.settings import Settings

CALLERS = 12
TURNS = 36
"""Of five seconds each."""
ALL_UP_S = 40.0
"""Engines are loaded and all calls have come so far that every buffer was filled once."""
SAMPLE_EVERY_S = 5.0
MOST_GROWTH_MB = 24.0
"""Of about 700; the recordings' writer and the allocators breathe."""


@dataclass(frozen=True)
class Sample:
    rss_mb: float
    threads: int
    descriptors: int


async def watch(samples: list[Sample]) -> None:
    """Of this process and all that it started."""
    await asyncio.sleep(ALL_UP_S)
    while True:
        cost = tree_cost(os.getpid())
        samples.append(Sample(cost.rss_mb, cost.threads, tree_descriptors(os.getpid())))
        await asyncio.sleep(SAMPLE_EVERY_S)


@pytest.mark.timeout(420)
async def test_twelve_talk_for_three_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = embedded_weights(*weights_for("en"))
    monkeypatch.setenv("VOICEBOT_WEIGHTS", str(weights))
    await render_questions(weights, tmp_path, tmp_path / "questions.npz")
    plan = Plan("websocket", CALLERS, TURNS, 1, str(tmp_path / "questions.npz"))
    samples: list[Sample] = []
    watching = asyncio.create_task(watch(samples))
    try:
        result = await run_once(OURS, plan, Settings(weights=weights), "")
    finally:
        watching.cancel()
    while_all_talk = samples[
        : int((min(call.duration_s for call in result.heard.calls) - ALL_UP_S) / SAMPLE_EVERY_S)
    ]
    (row,) = summaries([TalkRun(OURS.name, CALLERS, 1, 0.0, result)], TURNS)
    print(f"\n{row}\n{while_all_talk[0]} ... {while_all_talk[-1]}")

    assert result.window_s > 160
    assert row.lost == 0
    assert row.replied + row.early >= 0.98 * CALLERS * TURNS, "a turn that is stuck is not answered"
    assert result.served is not None
    assert result.served.tasks_left == 0
    assert len(while_all_talk) >= 15
    first, last = while_all_talk[: len(while_all_talk) // 3], while_all_talk[-(len(while_all_talk) // 3) :]
    assert min(s.descriptors for s in last) <= max(s.descriptors for s in first)
    assert min(s.threads for s in last) <= max(s.threads for s in first)
    assert min(s.rss_mb for s in last) <= min(s.rss_mb for s in first) + MOST_GROWTH_MB
