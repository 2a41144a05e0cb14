"""The load generator, a process of its own: telephones whose callers talk, one task for all of them.

Its one argument is a `Task` as JSON. On standard output come JSON lines: the port that calls are ordered
at (`port`), the first call is up (`begun`), the last is over (`over`), and the `Generated` result.
"""

import asyncio
import gc
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from pydantic import TypeAdapter

from voicebot.bench.error import BenchError
from voicebot.bench.talk.caller import AUDIBLE_DBFS, Caller, Line, Turn
from voicebot.bench.talk.dialogue import Part, parts
from voicebot.bench.talk.stream_calls import ordered_calls, own_calls
from voicebot.call.media.media_clock import TickLateness

PHASES = 2
"""Real callers do not send in step: each has one of these phases within 20 ms."""
_STEP_S = 0.02 / PHASES
_AHEAD = 15
"""Nice levels that this process goes ahead of the contender, where the system allows it."""
_LONGEST_CALL_S = 600.0
_SETTLE_S = 8.0
"""After the last silent call is up, until the greetings are over."""


@dataclass(frozen=True, slots=True)
class Task:
    """What to do. `wire` says who calls whom: our service orders each call at a Twilio of ours (`twilio`)
    or dials it (`sip`); anything else is connected to at `url` (`stream`)."""

    wire: Literal["twilio", "sip", "stream"]
    calls: int
    turns: int
    seed: int
    audio: str
    """File with the questions, mu-law."""
    url: str = ""
    secret: str = ""
    """Signs our requests as Twilio does."""
    spread_s: float = 0.0
    """Between two calls, where we connect them."""
    silent_s: float = 0.0
    """Callers say nothing, and hang up this long after all were greeted."""


@dataclass(frozen=True, slots=True)
class CallHeard:
    """One call as its caller lived it."""

    turns: tuple[Turn, ...]
    questions: tuple[int, ...]
    """All that were to be asked, in order."""
    greeting_s: float | None
    duration_s: float
    lost: bool
    """It was over before the caller hung up."""
    cleared: int


@dataclass(frozen=True, slots=True)
class Generated:
    """All calls, and how late the generator itself was."""

    calls: tuple[CallHeard, ...]
    late_p99_ms: float
    late_max_ms: float
    sounds: int
    """Audible frames heard in the measured time of silent calls; none is right."""


class Telephone(Protocol):
    """One call of the far end."""

    @property
    def polled(self) -> bool:
        """What it heard has no times of its own: ask often."""

    @property
    def closed(self) -> bool:
        """The other side has ended it."""

    @property
    def cleared(self) -> int:
        """How often the bot had what it said dropped."""

    @property
    def ahead_s(self) -> float:
        """How long what is sent now waits before it is on the wire."""

    def heard(self, now_s: float) -> Iterator[tuple[float, float]]:
        """Frames that began to play since the last time: when, and the level in dBFS."""

    def send(self, said: tuple[int, int] | None) -> None:
        """Send a frame of a question, or silence."""

    def hang_up(self) -> None:
        """End the call. Harmless when it is over."""


@dataclass(slots=True)
class _Call:
    telephone: Telephone
    caller: Caller
    part: Part
    begun_s: float
    lost: bool = False
    ended_s: float | None = None

    def heard(self, now_s: float) -> CallHeard:
        return CallHeard(
            turns=tuple(self.caller.turns),
            questions=self.part.questions,
            greeting_s=self.caller.greeting_s,
            duration_s=(self.ended_s or now_s) - self.begun_s,
            lost=self.lost,
            cleared=self.telephone.cleared,
        )


@dataclass(slots=True)
class Generator:
    """Drives all calls on one absolute schedule."""

    task: Task
    frames: tuple[int, ...]
    """Length of each question in frames."""
    _calls: list[_Call] = field(default_factory=list)
    _lateness: TickLateness = field(default_factory=TickLateness)
    _all_over: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    _step: int = 0
    _due_s: float = 0.0
    _parts: tuple[Part, ...] = ()
    _steady_s: float | None = None
    """Since when all silent calls are up and greeted."""
    _told_over: bool = False
    _sounds: int = 0

    def __post_init__(self) -> None:
        self._parts = parts(self.task.calls, self.task.turns, self.task.seed)

    def add(self, telephone: Telephone) -> None:
        """A call is up."""
        now_s = asyncio.get_running_loop().time()
        part = self._parts[len(self._calls) % len(self._parts)]
        lines = [Line(question, self.frames[question]) for question in part.questions]
        if not self._calls and not self.task.silent_s:
            tell(event="begun", at_s=now_s)
        self._calls.append(_Call(telephone, Caller(lines, part.pauses_s, now_s), part, now_s))

    async def run(self) -> Generated:
        """Until all calls are over."""
        loop = asyncio.get_running_loop()
        self._due_s = loop.time()
        loop.call_at(self._due_s, self._drive)
        await self._all_over
        self._tell_over()
        now_s = asyncio.get_running_loop().time()
        return Generated(
            tuple(call.heard(now_s) for call in self._calls),
            self._lateness.percentile(0.99),
            self._lateness.max_ms,
            self._sounds,
        )

    def _drive(self) -> None:
        """One step of the schedule; asks for the next. A callback costs half of what a sleeping task does."""
        try:
            self._take_step()
        except Exception as fault:
            self._all_over.set_exception(fault)
        if not self._all_over.done():
            self._step, self._due_s = self._step + 1, self._due_s + _STEP_S
            asyncio.get_running_loop().call_at(self._due_s, self._drive)

    def _take_step(self) -> None:
        now_s = asyncio.get_running_loop().time()
        if self._calls:
            self._lateness.add(max(0.0, (now_s - self._due_s) * 1000))
        for number, call in enumerate(self._calls):
            if call.ended_s is None and number % PHASES == self._step % PHASES:
                self._tick(call, now_s)
            elif call.ended_s is None and call.telephone.polled:
                self._hear(call, now_s)
        if self.task.silent_s:
            self._settle(now_s)
        if len(self._calls) == self.task.calls and all(call.ended_s for call in self._calls):
            self._all_over.set_result(None)

    def _tick(self, call: _Call, now_s: float) -> None:
        telephone, caller = call.telephone, call.caller
        self._hear(call, now_s)
        if self.task.silent_s:
            said, done = None, self._steady_s is not None and now_s - self._steady_s > self.task.silent_s
        else:
            said, done = caller.next_frame(now_s + telephone.ahead_s), caller.done
        call.lost = telephone.closed or now_s - call.begun_s > _LONGEST_CALL_S
        if done and self.task.silent_s:
            self._tell_over()
        if done or call.lost:
            caller.end()
            call.ended_s = now_s
            telephone.hang_up()
        else:
            telephone.send(said)

    def _hear(self, call: _Call, now_s: float) -> None:
        for at_s, level_dbfs in call.telephone.heard(now_s):
            call.caller.hear(at_s, level_dbfs)
            self._sounds += self._steady_s is not None and level_dbfs > AUDIBLE_DBFS

    def _settle(self, now_s: float) -> None:
        all_up = len(self._calls) == self.task.calls
        if self._steady_s is None and all_up and now_s - self._calls[-1].begun_s > _SETTLE_S:
            self._steady_s = now_s
            tell(event="begun", at_s=now_s)

    def _tell_over(self) -> None:
        if not self._told_over:
            self._told_over = True
            tell(event="over", at_s=asyncio.get_running_loop().time())


@asynccontextmanager
async def _connected(task: Task, audio: list[bytes], generator: Generator) -> AsyncIterator[None]:
    """Calls come in, or are made, until this is left."""
    if task.wire == "sip":
        from voicebot.bench.talk.sip_calls import answered_calls

        calls = answered_calls(task.calls, audio, generator.add)
    elif task.wire == "twilio":
        calls = ordered_calls(task.secret, audio, generator.add)
    else:
        calls = own_calls(task.url, task.calls, task.spread_s, audio, generator.add)
    async with calls as port:
        tell(event="port", port=port)
        yield


async def generate(task: Task) -> None:
    """Do it all, and stay until a line comes in. Raises BenchError."""
    with np.load(Path(task.audio)) as stored:
        audio = [stored[name].tobytes() for name in sorted(stored.files)]
    with suppress(PermissionError):
        # The far end is other people's telephones: they do not wait for this machine.
        os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) - _AHEAD)
    generator = Generator(task, tuple(len(mulaw) // 160 for mulaw in audio))
    gc.freeze()
    async with _connected(task, audio, generator):
        result = await generator.run()
        tell(event="result", result=asdict(result))
        # The other side still ends its calls.
        await asyncio.to_thread(sys.stdin.readline)


def tell(**fields: object) -> None:
    """One line to whoever started this process."""
    print(json.dumps(fields), flush=True)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def main() -> None:
    """Exit status 1 and the reason on standard error if there is no result."""
    task = TypeAdapter(Task).validate_json(sys.argv[1])
    try:
        asyncio.run(generate(task))
    except (BenchError, OSError, TimeoutError, BaseExceptionGroup) as error:
        sys.exit("; ".join(dict.fromkeys(str(leaf) or type(leaf).__name__ for leaf in _leaves(error))))


if __name__ == "__main__":
    main()
