"""What the talking benchmarks share: who takes part, the callers' voice, one run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console

from voicebot import __version__
from voicebot.bench.error import BenchError
from voicebot.bench.machine import load_average
from voicebot.bench.talk.contenders import Contender, contenders, pipecat_version
from voicebot.bench.talk.figures import TalkRun, summaries
from voicebot.bench.talk.questions import render_questions
from voicebot.bench.talk.run import Plan, run_once
from voicebot.console.steps import Steps
from voicebot.service import fetch_weights, weights_for
from voicebot.settings import Settings, load_settings

Wire = Literal["websocket", "rtp"]
WIRES: dict[str, Wire] = {"websocket": "websocket", "rtp": "rtp"}


@dataclass(frozen=True, slots=True)
class TalkBench:
    """What was asked for on the command line, and who takes part."""

    settings: Settings
    settings_file: str
    wire: Wire
    peer: str
    turns: int
    live_speech: bool
    console: Console
    contenders: tuple[Contender, ...]

    @property
    def versions(self) -> dict[str, str]:
        """Of everybody who takes part."""
        return {"voicebot": __version__} | ({"pipecat-ai": pipecat_version()} if self.peer else {})

    async def questions(self, folder: Path) -> str:
        """Render the callers' voice into the folder, fetching weights first where they are missing."""
        file = folder / "questions.npz"
        with Steps(self.console) as steps:
            await fetch_weights(weights_for("en"), self.settings.weights, steps)
            with steps.step("Render the callers' questions"):
                await render_questions(self.settings.weights, self.settings.cache / "speech", file)
        return str(file)

    async def run(self, contender: Contender, plan: Plan, number: int) -> TalkRun:
        """One run, told on the console. A fault is part of it."""
        load = load_average()
        say = f"{plan.calls} calls, round {number}: {contender.name}"
        try:
            with self.console.status(f"{say} ..."):
                result = await run_once(contender, plan, self.settings, self.settings_file)
        except BenchError as fault:
            self.console.print(f"{say}: {fault}", markup=False, highlight=False)
            return TalkRun(contender.name, plan.calls, number, load, fault=str(fault))
        run = TalkRun(contender.name, plan.calls, number, load, result)
        if plan.turns:
            (row,) = summaries([run], plan.turns)
            waited = (
                f"p50 {row.p50_s:.2f} s, p95 {row.p95_s:.2f} s" if row.p50_s and row.p95_s else "no reply"
            )
            say += f": {waited}, {row.replied} of {row.turns} replied"
        self.console.print(say, markup=False, highlight=False)
        return run


def talk_bench(
    settings_file: Path | None, wire: str, peer: str, turns: int, live_speech: bool = False
) -> TalkBench:
    """From the command line. Raises BenchError for what cannot be measured, InputError for bad settings."""
    if wire not in WIRES:
        raise BenchError(f"--wire {wire!r} is not known. Write --wire {' or '.join(WIRES)}")
    if peer and wire == "rtp":
        raise BenchError("Pipecat has no SIP. Leave out --peer, or write --wire websocket")
    return TalkBench(
        load_settings(settings_file),
        str(settings_file.absolute()) if settings_file else "",
        WIRES[wire],
        peer,
        turns,
        live_speech,
        Console(),
        contenders(peer),
    )


def require_folder(file: Path | None) -> None:
    """Raise BenchError before anything is measured that could not be written."""
    if file and not file.parent.is_dir():
        raise BenchError(f"{file.parent} is no folder. Make it, or name another file")
