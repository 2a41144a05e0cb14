"""Simulated people take their calls: ring, answer, talk, hang up, and each call is written down."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TextIO

from voicebot.simulation.conversation import Conversation
from voicebot.simulation.ears import FRAME_MS, Samples
from voicebot.simulation.log import CallEnd, CallEntry, write_entry
from voicebot.simulation.mind import Mind
from voicebot.simulation.persona import Human, Persona, Pickup
from voicebot.simulation.user_agent import IncomingCall, UnknownNumber
from voicebot.simulation.voice import Lines

HANG_UP_S = 2.0


@dataclass(frozen=True, slots=True)
class Resident:
    """A person with everything that is needed to answer the telephone."""

    persona: Persona
    human: Human
    lines: Lines
    noise: Samples


class Answering:
    """Takes the calls of all residents, while `run` is running."""

    def __init__(
        self,
        residents: Mapping[str, Resident],
        *,
        beep: Samples,
        recognise: Callable[[Samples], Awaitable[str]],
        log: TextIO,
        seed: int,
    ) -> None:
        self._residents = residents
        self._beep = beep
        self._recognise = recognise
        self._log = log
        self._seed = seed
        self._tasks: asyncio.TaskGroup | None = None
        self._calls: dict[asyncio.Task[None], IncomingCall] = {}
        self._talks: dict[Conversation, float] = {}
        """And when each was answered, `time.monotonic()`."""
        self._closing = False

    async def run(self) -> None:
        """Until cancelled; then live calls are hung up and written down."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            tasks.create_task(self._tick())
            try:
                await asyncio.Event().wait()
            finally:
                self._closing = True
                await asyncio.gather(*(call.hang_up() for call in self._calls.values()))
                if self._calls:
                    await asyncio.wait(self._calls, timeout=HANG_UP_S)

    def on_call(self, number: str, call: IncomingCall) -> None:
        """A telephone rings."""
        if self._tasks is not None and not self._closing:
            task = self._tasks.create_task(self._take(self._residents[number], call))
            self._calls[task] = call
            task.add_done_callback(self._calls.pop)

    def on_unknown(self, called: UnknownNumber) -> None:
        """A number that nobody has was called."""
        entry = CallEntry(called.number, called.attempt, called.sip_call_id, end=CallEnd.NOT_FOUND)
        write_entry(self._log, entry)

    async def _take(self, resident: Resident, call: IncomingCall) -> None:
        """One call from its first ring to its line in the log."""
        taken = _Taken(resident, call, time.monotonic())
        try:
            if taken.pickup is Pickup.BUSY:
                await call.reject()
            elif taken.pickup is Pickup.ANSWER:
                await self._ring(resident, call)
                if await call.answer():
                    await self._talk(taken)
            await call.wait_ended()
            if taken.ended_at is None:
                taken.cut_off = self._closing
        finally:
            write_entry(self._log, taken.entry())

    async def _ring(self, resident: Resident, call: IncomingCall) -> None:
        """For this person's time, or until the caller gives up."""
        key = f"{self._seed}/{resident.human.number}/{call.attempt}/ring"
        try:
            async with asyncio.timeout(random.Random(key).uniform(*resident.persona.phone.rings_s)):
                await call.wait_ended()
        except TimeoutError:
            return

    async def _talk(self, taken: "_Taken") -> None:
        """Until the call is over and all that was heard is understood."""
        resident, call = taken.resident, taken.call
        async with asyncio.TaskGroup() as tasks:
            taken.answered_at = time.monotonic()
            taken.talk = talk = Conversation(
                telephone=call,
                mind=Mind(resident.persona, resident.human, seed=self._seed, attempt=call.attempt),
                lines=resident.lines,
                noise=resident.noise,
                beep=self._beep,
                recognise=self._recognise,
                spawn=tasks.create_task,
            )
            self._talks[talk] = taken.answered_at
            await call.wait_ended()
            del self._talks[talk]
            taken.ended_at = time.monotonic()
            taken.cut_off = self._closing
            talk.close((taken.ended_at - taken.answered_at) * 1000)

    async def _tick(self) -> None:
        """One clock for all conversations, on an absolute schedule."""
        due = time.monotonic()
        while True:
            now = time.monotonic()
            for talk, answered_at in self._talks.items():
                talk.tick((now - answered_at) * 1000)
            due = max(due + FRAME_MS / 1000, now)
            await asyncio.sleep(due - time.monotonic())


@dataclass(slots=True)
class _Taken:
    """One call as it goes on."""

    resident: Resident
    call: IncomingCall
    rang_at: float
    answered_at: float | None = None
    ended_at: float | None = None
    talk: Conversation | None = None
    cut_off: bool = True
    """Until its end is known to be another."""

    @property
    def pickup(self) -> Pickup:
        return self.resident.persona.phone.pickup(self.call.attempt)

    def entry(self) -> CallEntry:
        """What the log says about it."""
        now = time.monotonic()
        entry = CallEntry(
            number=self.resident.human.number,
            attempt=self.call.attempt,
            sip_call_id=self.call.sip_call_id,
            persona=self.resident.persona.persona,
            end=CallEnd.BUSY if self.pickup is Pickup.BUSY else CallEnd.CANCELLED,
            ring_ms=_ms(self.rang_at, self.answered_at or now),
        )
        if self.talk is not None and self.answered_at is not None:
            greeting_ms = self.talk.times.greeting_ms
            entry = replace(
                entry,
                answered=True,
                end=CallEnd.PERSON_HUNG_UP if self.talk.hung_up else CallEnd.BOT_HUNG_UP,
                duration_ms=_ms(self.answered_at, self.ended_at or now),
                greeting_ms=None if greeting_ms is None else round(greeting_ms, 1),
                replies_ms=tuple(round(reply_ms, 1) for reply_ms in self.talk.times.replies_ms),
                talked_over=self.talk.times.talked_over,
                pressed=self.talk.pressed,
                lines=tuple(self.talk.said),
                bot_heard=tuple(self.talk.bot_heard),
            )
        return replace(entry, end=CallEnd.CUT_OFF) if self.cut_off else entry


def _ms(start: float, end: float) -> float:
    return round((end - start) * 1000, 1)
