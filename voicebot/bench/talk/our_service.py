"""Our service under load, a process of its own: it places the calls of one run and says what it understood.

Its one argument is a `ServiceTask` as JSON. Standard output: `{"event": "ready"}` when the engines run; then
it waits for a line, places the calls, and prints `{"event": "result", ...}` when all are over. Two more lines
say when the measured time begins and ends.
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path

from pydantic import TypeAdapter
from rich.console import Console

from dialogs.policy import open_dialogue
from dialogs.prompts import contact_sayings
from dialogs.script.format import Script
from telephony.line import DialRequest
from voicebot.bench.standard_input import standard_input
from voicebot.bench.talk.dialogue import TICKET, load_dialogue, ticket
from voicebot.bench.talk.twilio_telephone import ACCOUNT
from voicebot.bridge_settings import TwilioBridge
from voicebot.call.media.media_clock import MediaClock, TickLateness
from voicebot.call.result import CallResult
from voicebot.call.session import CallSession
from voicebot.call.watching import CallWatcher
from voicebot.console.steps import Steps
from voicebot.lines import LineChoice, build_line
from voicebot.service import Service, prepare_service
from voicebot.settings import Settings, load_settings
from voicebot.trunk_settings import TrunkSettings

_CALLER = "+15550001"
_BRIDGE = "bench"
_CALLS_PER_S = 200.0
_CLOSING_S = 5.0


@dataclass(frozen=True, slots=True)
class ServiceTask:
    """One run. `port` is where calls are ordered, or the SIP port of the telephones."""

    wire: str
    calls: int
    spread_s: float
    port: int
    local_port: int
    folder: str
    secret: str = ""
    live_speech: bool = False
    settings: str = ""
    """Settings file, if any."""
    silent: bool = False
    """Nobody will speak: say nothing after the greeting."""


@dataclass(frozen=True, slots=True)
class Stages:
    """Where the time of one reply went, in ms, as the service saw it."""

    endpoint_ms: float
    asr_ms: float
    decide_ms: float
    tts_ms: float


@dataclass(frozen=True, slots=True)
class Served:
    """What the service made of the calls."""

    transcripts: tuple[tuple[str, ...], ...]
    """Of each call."""
    stages: tuple[Stages, ...]
    tick_late_p99_ms: float
    tick_late_max_ms: float
    tasks_left: int
    """Tasks that the calls began and that outlived them."""


def task_settings(task: ServiceTask) -> Settings:
    """The operator's settings, with a line to the load generator and room for all calls."""
    settings = load_settings(Path(task.settings) if task.settings else None)
    if task.wire == "sip":
        trunk = TrunkSettings(local_port=task.local_port, channels=task.calls, calls_per_second=_CALLS_PER_S)
        return settings.model_copy(update={"trunks": {"main": trunk}})
    bridge = TwilioBridge(
        provider="twilio",
        account_sid=ACCOUNT,
        auth_token=task.secret,
        api_url=f"http://127.0.0.1:{task.port}",
        local_port=task.local_port,
        public_url=f"ws://127.0.0.1:{task.local_port}",
        caller_ids=(_CALLER,),
        channels=task.calls,
        calls_per_second=_CALLS_PER_S,
    )
    return settings.model_copy(update={"bridges": {_BRIDGE: bridge}})


async def serve(task: ServiceTask) -> Served:
    """Start, wait for the word, place all calls."""
    settings, script = task_settings(task), load_dialogue(patient=task.silent)
    choice = LineChoice() if task.wire == "sip" else LineChoice(bridge=_BRIDGE)
    async with AsyncExitStack() as stack:
        steps = stack.enter_context(Steps(Console(file=StringIO())))
        line = build_line(settings, choice)
        recordings = Path(task.folder) / "recordings"
        service = await stack.enter_async_context(prepare_service(settings, script, recordings, steps, line))
        numbers = [ticket(task.live_speech) for _ in range(task.calls)]
        if not task.live_speech:
            # As a campaign does before it dials.
            await service.speaker.prerender(contact_sayings(script, {TICKET: numbers[0]}))
        told = await standard_input()
        tell(event="ready")
        if not await told.readline():
            sys.exit("whoever started this is gone")
        lateness = TickLateness()
        tasks_before = len(asyncio.all_tasks())
        measuring = asyncio.create_task(_measure(service.clock, lateness, told))
        async with asyncio.TaskGroup() as calls:
            sessions = []
            for index, number in enumerate(numbers):
                session = _session(task, service, script, index, number)
                sessions.append(calls.create_task(session.run()))
                await asyncio.sleep(task.spread_s)
        results = [session.result() for session in sessions]
        measuring.cancel()
        await asyncio.wait([measuring])
        return Served(
            tuple(_transcripts(result) for result in results),
            tuple(stages for result in results for stages in _stages(result)),
            lateness.percentile(0.99),
            lateness.max_ms,
            await _tasks_left(tasks_before),
        )


async def _tasks_left(before: int) -> int:
    """How many tasks there are more than before, after the last connections have had time to close."""
    for _ in range(50):
        if len(asyncio.all_tasks()) <= before:
            break
        await asyncio.sleep(_CLOSING_S / 50)
    return len(asyncio.all_tasks()) - before


async def _measure(clock: MediaClock, lateness: TickLateness, told: asyncio.StreamReader) -> None:
    """Count late ticks between the two words only."""
    await told.readline()
    clock.lateness = lateness
    await told.readline()
    clock.lateness = TickLateness()


def _session(task: ServiceTask, service: Service, script: Script, index: int, number: str) -> CallSession:
    telephone = f"+1555010{index:04d}"
    return CallSession(
        line=service.line,
        clock=service.clock,
        engines=service.engines,
        script=script,
        opening=open_dialogue(script, {TICKET: number}),
        request=DialRequest(f"sip:{telephone}@127.0.0.1:{task.port}" if task.wire == "sip" else telephone),
        settings=service.settings,
        watcher=CallWatcher(lambda _: None, index),
        local_now=datetime.now,
        recordings=service.recordings,
        name=f"bench-{index}",
    )


def _transcripts(result: CallResult) -> tuple[str, ...]:
    return tuple(turn.text for turn in result.turns if turn.speaker == "customer" and turn.text)


def _stages(result: CallResult) -> list[Stages]:
    return [
        Stages(turn.endpoint_ms, turn.asr_ms or 0.0, turn.decide_ms or 0.0, turn.tts_ms or 0.0)
        for turn in result.turns
        if turn.endpoint_ms is not None
    ]


def tell(**fields: object) -> None:
    """One line to whoever started this process."""
    print(json.dumps(fields), flush=True)


def main() -> None:
    """Faults end the process with their traceback on standard error, which the starter shows."""
    task = TypeAdapter(ServiceTask).validate_json(sys.argv[1])
    tell(event="result", result=asdict(asyncio.run(serve(task))))


if __name__ == "__main__":
    main()
