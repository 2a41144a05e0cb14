"""One run: a contender answers a number of callers, and both sides say what came of it."""

import json
import secrets
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from models.asr.service import weights_for as recogniser_for
from models.registry.catalogue import weights_path
from models.tts.service import VOICE
from voicebot.bench.error import BenchError
from voicebot.bench.process_cost import ProcessCost
from voicebot.bench.talk.contenders import Contender, pipecat_python
from voicebot.bench.talk.dialogue import answers, greeting, load_dialogue, ticket
from voicebot.bench.talk.generator import Generated, Task
from voicebot.bench.talk.our_service import Served, ServiceTask
from voicebot.bench.talk.process import BenchProcess, bench_process
from voicebot.free_port import free_udp_port
from voicebot.settings import Settings

SPREAD_S = 0.7
"""Between the beginnings of two calls, so that callers do not speak in step. With many calls less."""
LONGEST_SPREAD_S = 12.0
_READY_S = 90.0
_BEGIN_S = 30.0
_TURN_S = 16.0
"""No turn takes longer, whatever happens."""
_GREETING_S = 25.0
_RESULT_S = 30.0
_HOST = "127.0.0.1"
_PEER = Path(__file__).with_name("pipecat_peer.py")

_GENERATED = TypeAdapter(Generated)
_SERVED = TypeAdapter(Served)


@dataclass(frozen=True, slots=True)
class Plan:
    """What all contenders of a run do."""

    wire: Literal["websocket", "rtp"]
    calls: int
    turns: int
    seed: int
    questions: str
    """File with the callers' voice."""
    live_speech: bool = False
    silent_s: float = 0.0

    @property
    def spread_s(self) -> float:
        """Between the beginnings of two calls."""
        return min(SPREAD_S, LONGEST_SPREAD_S / self.calls)

    @property
    def longest_s(self) -> float:
        """From the first call to the end of the last."""
        return _GREETING_S + self.turns * _TURN_S + self.silent_s + self.calls * self.spread_s


@dataclass(frozen=True, slots=True)
class TalkResult:
    """One contender in one run. CPU and memory are those of its processes, without the generator."""

    heard: Generated
    transcripts: tuple[tuple[str, ...], ...]
    served: Served | None
    """What our service tells of itself."""
    cpu_s: float
    cpu_by_name: dict[str, float]
    """The same by what each of its processes runs."""
    window_s: float
    rss_mb: float
    processes: int
    threads: int
    generator_cpu_s: float
    nice: int
    """Nice level of the contender's own process while calls were up; lower goes first."""


async def run_once(contender: Contender, plan: Plan, settings: Settings, settings_file: str) -> TalkResult:
    """Start both, let them talk, end both. Raises BenchError."""
    with tempfile.TemporaryDirectory() as folder:
        if contender.peer:
            return await _run_peer(contender, plan, settings, Path(folder))
        return await _run_ours(plan, settings_file, Path(folder))


async def _run_ours(plan: Plan, settings_file: str, folder: Path) -> TalkResult:
    secret = secrets.token_hex(16)
    wire: Literal["sip", "twilio"] = "sip" if plan.wire == "rtp" else "twilio"
    generator_task = _generator_task(plan, wire, secret=secret)
    async with _generator(generator_task, folder) as (generator, port):
        task = ServiceTask(
            wire,
            plan.calls,
            plan.spread_s,
            port,
            free_udp_port(_HOST),
            str(folder),
            secret,
            plan.live_speech,
            settings_file,
            silent=plan.silent_s > 0,
        )
        command = [sys.executable, "-m", "voicebot.bench.talk.our_service", json.dumps(asdict(task))]
        async with bench_process("voicebot", command, folder / "service.log") as service:
            await service.said("ready", _READY_S)
            service.tell("go")
            talk = await _talk(plan, generator, service, contender_listens=True)
            served = _SERVED.validate_python((await service.said("result", _RESULT_S))["result"])
    return _result(talk, served.transcripts, served)


async def _run_peer(contender: Contender, plan: Plan, settings: Settings, folder: Path) -> TalkResult:
    script = load_dialogue()
    task = {
        "turn_end": contender.turn_end,
        "whisper": str(weights_path(recogniser_for("en"), "model.bin", settings.weights).parent),
        "piper": str(weights_path(VOICE, "voice.onnx", settings.weights).parent),
        "greeting": "" if plan.silent_s else greeting(script),
        "answers": dict(answers(script, ticket(plan.live_speech))),
    }
    command = [str(pipecat_python()), str(_PEER), json.dumps(task)]
    async with bench_process(contender.name, command, folder / "peer.log", ahead=True) as peer:
        port = (await peer.said("ready", _READY_S))["port"]
        generator_task = _generator_task(plan, "stream", url=f"ws://{_HOST}:{port}/ws")
        async with _generator(generator_task, folder) as (generator, _):
            talk = await _talk(plan, generator, peer)
        peer.tell("enough")
        told = (await peer.said("result", _RESULT_S))["transcripts"]
    return _result(talk, tuple(tuple(call) for call in told), None)


def _generator_task(
    plan: Plan, wire: Literal["twilio", "sip", "stream"], *, url: str = "", secret: str = ""
) -> Task:
    return Task(
        wire=wire,
        calls=plan.calls,
        turns=plan.turns,
        seed=plan.seed,
        audio=plan.questions,
        url=url,
        secret=secret,
        spread_s=plan.spread_s,
        silent_s=plan.silent_s,
    )


@asynccontextmanager
async def _generator(task: Task, folder: Path) -> AsyncIterator[tuple[BenchProcess, int]]:
    command = [sys.executable, "-m", "voicebot.bench.talk.generator", json.dumps(asdict(task))]
    async with bench_process("the load generator", command, folder / "generator.log") as generator:
        yield generator, (await generator.said("port", _BEGIN_S))["port"]


@dataclass(frozen=True, slots=True)
class _Talk:
    heard: Generated
    before: ProcessCost
    after: ProcessCost
    cpu_by_name: dict[str, float]
    window_s: float
    generator_cpu_s: float
    nice: int


async def _talk(
    plan: Plan, generator: BenchProcess, contender: BenchProcess, contender_listens: bool = False
) -> _Talk:
    """From the first call to the end of the last; both processes are looked at then, and only then."""
    begun = await generator.said("begun", plan.longest_s if plan.silent_s else _BEGIN_S)
    before, own_before, names_before = contender.cost(), generator.cost(), contender.cpu_by_name()
    if contender_listens:
        contender.tell("begun")
    nice = contender.nice()
    over = await generator.said("over", plan.longest_s)
    after, own_after, names_after = contender.cost(), generator.cost(), contender.cpu_by_name()
    if contender_listens:
        contender.tell("over")
    heard = _GENERATED.validate_python((await generator.said("result", _RESULT_S))["result"])
    return _Talk(
        heard=heard,
        before=before,
        after=after,
        cpu_by_name={name: cpu_s - names_before.get(name, 0.0) for name, cpu_s in names_after.items()},
        window_s=over["at_s"] - begun["at_s"],
        generator_cpu_s=own_after.cpu_s - own_before.cpu_s,
        nice=nice,
    )


def _result(talk: _Talk, transcripts: Sequence[tuple[str, ...]], served: Served | None) -> TalkResult:
    if not talk.heard.calls:
        raise BenchError("no call came about")
    return TalkResult(
        heard=talk.heard,
        transcripts=tuple(transcripts),
        served=served,
        cpu_s=talk.after.cpu_s - talk.before.cpu_s,
        cpu_by_name=talk.cpu_by_name,
        window_s=talk.window_s,
        rss_mb=talk.after.rss_mb,
        processes=talk.after.processes,
        threads=talk.after.threads,
        generator_cpu_s=talk.generator_cpu_s,
        nice=talk.nice,
    )
