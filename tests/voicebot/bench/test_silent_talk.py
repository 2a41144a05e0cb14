"""Silent calls are silent while they are measured."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from dialogs.policy import expectation, open_dialogue
from voicebot.bench.error import BenchError
from voicebot.bench.talk import run
from voicebot.bench.talk.contenders import OURS
from voicebot.bench.talk.dialogue import TICKET, load_dialogue, ticket
from voicebot.bench.talk.generator import Generated, Generator, Task
from voicebot.settings import Settings

SILENT_S = 60.0
LOUD, FAINT = -20.0, -60.0


class Telephone:
    """Hears the greeting for three seconds, and again after each `asks_again_s` of silence."""

    polled, closed, cleared, ahead_s = False, False, 0, 0.0

    def __init__(self, asks_again_s: float) -> None:
        self._asks_again_s = asks_again_s
        self._since_s: float | None = None
        self.sent: list[tuple[int, int] | None] = []
        self.hung_up = False

    def heard(self, now_s: float) -> Iterator[tuple[float, float]]:
        self._since_s = now_s if self._since_s is None else self._since_s
        spoken = (now_s - self._since_s) % (3 + self._asks_again_s) < 3
        yield now_s, LOUD if spoken else FAINT

    def send(self, said: tuple[int, int] | None) -> None:
        self.sent.append(said)

    def hang_up(self) -> None:
        self.hung_up = True


async def generated(asks_again_s: float) -> tuple[Generated, list[Telephone]]:
    generator = Generator(Task("stream", 2, 0, 1, "", silent_s=SILENT_S), (50,) * 8)
    telephones = [Telephone(asks_again_s) for _ in range(2)]
    for telephone in telephones:
        generator.add(telephone)
    return await generator.run(), telephones


@pytest.mark.virtual_time
async def test_calls_in_which_nobody_speaks_are_measured_after_the_greeting() -> None:
    heard, telephones = await generated(asks_again_s=1_000)
    assert heard.sounds == 0
    for telephone, call in zip(telephones, heard.calls, strict=True):
        assert telephone.hung_up
        assert not call.lost
        assert call.duration_s >= SILENT_S
        assert set(telephone.sent) == {None}


@pytest.mark.virtual_time
async def test_a_bot_that_asks_whether_anybody_is_there_is_noticed() -> None:
    heard, _ = await generated(asks_again_s=20)
    assert heard.sounds >= 2 * 2 * 3 * 50


def test_our_script_does_not_ask_whether_anybody_is_there() -> None:
    for patient, waits_s in ((False, 20), (True, 3600)):
        script = load_dialogue(patient=patient)
        state, _ = open_dialogue(script, {TICKET: ticket(live_speech=False)})
        assert expectation(script, state).silence_s == waits_s


class ListeningGenerator:
    async def said(self, event: str, within_s: float) -> dict[str, Any]:
        return {"port": 1}


@pytest.mark.parametrize("silent_s", [0.0, 5.0])
async def test_our_service_is_told_whether_anybody_will_speak(
    silent_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks: list[dict[str, Any]] = []

    @asynccontextmanager
    async def start(
        name: str, command: Sequence[str], log: Path, *, ahead: bool = False
    ) -> AsyncIterator[Any]:
        if name == OURS.name:
            tasks.append(json.loads(command[-1]))
            raise BenchError("enough is known")
        yield ListeningGenerator()

    monkeypatch.setattr(run, "bench_process", start)
    plan = run.Plan("websocket", 1, 1, 1, "", silent_s=silent_s)
    with pytest.raises(BenchError, match="enough"):
        await run.run_once(OURS, plan, Settings(), "")
    assert [task["silent"] for task in tasks] == [silent_s > 0]
