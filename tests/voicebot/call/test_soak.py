"""Half an hour of calls in virtual time: twelve at once, one after the other, with everything that people and
engines do. Nobody is left in silence, every call ends, and nothing grows."""

import asyncio
import gc
import random
import tracemalloc
from collections import Counter
from itertools import count, pairwise

import pytest

from models.asr import Transcript, Utterance
from models.batching import Priority
from models.engine import EngineDown
from tests.voicebot.call.scripted_call import (
    INTENTS,
    KnowsTheLines,
    Line,
    LoudnessDetector,
    ScriptedLeg,
    SteadyVoice,
    make_session,
)
from voicebot.call.media.media_clock import MediaClock
from voicebot.call.result import CallResult
from voicebot.settings import EndpointingSettings

CALLERS = 12
MINUTES = 30
LONGEST_SILENCE_S = 9.0
"""After 4 s of silence the bot asks whether one is there; recognition may take up to 4 s before."""
LONGEST_UNHEARD_S = 2 * EndpointingSettings().longest_ms / 1000 + 5
"""Whoever makes sound without end hears the bot all the same: after the longest turn, or after two if the
second began while the first waited for its words."""
SAYINGS = [*INTENTS, "", "mm-hm", "well let me think about it", "khm", "is it blue or is it rather green"]


class UnsteadyEars(KnowsTheLines):
    """Mostly quick, sometimes slow, sometimes away."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(())
        self._chance = chance

    async def transcribe(
        self, utterance: Utterance, *, deadline_s: float, priority: Priority = Priority.FINAL
    ) -> Transcript:
        fate = self._chance.random()
        self.seconds = 0.1 if fate < 0.95 else 2.5
        if fate > 0.99:
            await asyncio.sleep(deadline_s)
            raise EngineDown("the recogniser is away")
        return await super().transcribe(utterance, deadline_s=deadline_s)


def a_person(chance: random.Random) -> ScriptedLeg:
    """Talks now and then, presses keys, puts the bot on hold, hangs up early or stays to the end."""
    lines, at_s = [], chance.uniform(0, 3)
    for _ in range(chance.randrange(8)):
        seconds = chance.choice([0.1, 0.3, 0.8, 0.8, 1.5, 3.0, 25.0, 90.0])
        lines.append(Line(at_s, chance.choice(SAYINGS), seconds))
        at_s += seconds + chance.choice([0.1, 0.3, 0.6, 2.0, 6.0, 12.0])
    digits = [(chance.uniform(3, 20), chance.choice("159"))] if chance.random() < 0.2 else []
    hold_s = chance.uniform(2, 15)
    holds = [(hold_s, hold_s + chance.choice([3.0, 20.0, 90.0]))] if chance.random() < 0.1 else []
    hangs_up_s = chance.choice([0.3, 5.0, 15.0, 40.0, 120.0, 120.0])
    return ScriptedLeg(tuple(lines), digits, hangs_up_s, ring_s=chance.uniform(0.2, 2), holds=holds)


def longest_silence_s(leg: ScriptedLeg, *, bot_only: bool = False) -> float:
    """The longest time of the call in which neither side was heard, or the bot was not. On hold nobody is."""
    spoken = [] if bot_only else [(line.at_s, line.at_s + line.seconds) for line in leg.lines]
    sounds = sorted(
        [
            *spoken,
            *leg.holds,
            *((at, at + 0.02) for at, loud in leg.sound if loud),
            (leg.ended_s, leg.ended_s),
        ]
    )
    longest = quiet_since = 0.0
    for start_s, end_s in sounds:
        longest = max(longest, min(start_s, leg.ended_s) - quiet_since)
        quiet_since = max(quiet_since, end_s)
    return longest


class Patience:
    """The longest silences of all calls."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self.unheard_s = 0.0

    def judge(self, number: int, leg: ScriptedLeg) -> None:
        silence_s, unheard_s = longest_silence_s(leg), longest_silence_s(leg, bot_only=True)
        self.longest_s, self.unheard_s = max(self.longest_s, silence_s), max(self.unheard_s, unheard_s)
        assert silence_s < LONGEST_SILENCE_S, f"call {number}: {silence_s:.1f} s without a sound"
        assert unheard_s < LONGEST_UNHEARD_S, f"call {number}: nothing of the bot for {unheard_s:.1f} s"

    def __str__(self) -> str:
        return f"at most {self.longest_s:.1f} s without a sound, {self.unheard_s:.1f} s without the bot"


class Growth:
    """Memory and tasks, every five minutes."""

    def __init__(self) -> None:
        self.memory: list[int] = []
        self.tasks: list[int] = []

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(300)
            gc.collect()
            self.memory.append(tracemalloc.get_traced_memory()[0])
            self.tasks.append(len(asyncio.all_tasks()))


@pytest.mark.virtual_time
@pytest.mark.timeout(300)
async def test_nothing_grows_and_nobody_is_left_in_silence_for_half_an_hour() -> None:
    loop = asyncio.get_running_loop()
    clock = MediaClock(LoudnessDetector())
    numbers, ends = count(), Counter[str]()
    growth, patience = Growth(), Patience()

    async def phone_people() -> None:
        while loop.time() < MINUTES * 60:
            number = next(numbers)
            leg = a_person(random.Random(number))
            ears = UnsteadyEars(random.Random(number))
            ears.lines = leg.lines
            voice = SteadyVoice(
                broken=number % 50 == 0, uncached=frozenset({"It costs one hundred dollars."})
            )
            result = await make_session(leg, clock, recogniser=ears, voice=voice).run()
            judge(number, leg, result)

    def judge(number: int, leg: ScriptedLeg, result: CallResult) -> None:
        assert leg.ended, f"call {number} is still up"
        assert result.connected, f"call {number} was answered"
        ends[result.connected] += 1
        patience.judge(number, leg)
        for before, after in pairwise(turn for turn in result.turns if turn.speaker == "agent"):
            assert before.end_ms <= after.start_ms, f"call {number}: the bot talked over itself"

    ticking, watching = asyncio.create_task(clock.run()), asyncio.create_task(growth.watch())
    tracemalloc.start()
    try:
        await asyncio.gather(*(phone_people() for _ in range(CALLERS)))
        await asyncio.sleep(1)
        left = {task.get_name() for task in asyncio.all_tasks()} - {ticking.get_name(), watching.get_name()}
    finally:
        tracemalloc.stop()
        ticking.cancel()
        watching.cancel()
    print(f"\n{next(numbers)} calls: {dict(ends)}; {patience}")
    print(f"memory {[size >> 10 for size in growth.memory]} KiB, tasks {growth.tasks}")
    assert len(left) == 1, f"only this test is left, not {left}"
    assert ends.total() > 300
    assert len(ends) >= 4, "they ended in many ways"
    assert max(growth.tasks) <= 8 * CALLERS
    # Calls that happen to be up hold half a minute of audio each.
    first, last = min(growth.memory[:3]), min(growth.memory[3:])
    assert last - first < 512 << 10, f"memory grew from {first >> 10} to {last >> 10} KiB"
