"""A whole call under virtual time: a callee who follows a timeline, and engines that take known time.

Each line of the callee sounds as a constant sample value, so that the fake recogniser can tell
which line an utterance holds and the fake detector what is speech.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dialogs.policy import open_dialogue
from dialogs.script.load import load_script
from models.asr import Transcript, Utterance
from models.batching import Priority
from models.end_of_turn import EndOfTurnDetector
from models.engine import EngineDown
from models.intent import IntentResult
from models.llm import ChatModel
from models.tts import Speech
from telephony.line import (
    FRAME_SAMPLES,
    Answered,
    DialRequest,
    DigitPressed,
    Ended,
    EndKind,
    Frame,
    Held,
    LegEvent,
    Ringing,
    Unheld,
)
from voicebot.call.engines import Engines
from voicebot.call.media.media_clock import MediaClock
from voicebot.call.reply.asking_ahead import AheadLimit
from voicebot.call.result import CallResult
from voicebot.call.session import CallSession
from voicebot.call.watching import CallWatcher
from voicebot.console.events import ignore
from voicebot.settings import Settings

SCRIPT = load_script(Path(__file__).parent / "sofa.en.yaml")
WORD_S = 0.25
ASR_S = 0.1
INTENT_S = 0.02
INTENTS = {
    "stop calling me": "opt_out",
    "no stop": "no",
    "who is this": "who_are_you",
    "wait how much is it": "price",
    "yes": "yes",
    "yes of course": "yes",
    "no": "no",
    "are you a robot": "are_you_robot",
}


@dataclass(frozen=True)
class Line:
    """The callee says `text` from `at_s` after the answer, for `seconds`."""

    at_s: float
    text: str
    seconds: float = 0.8


@dataclass
class ScriptedLeg:
    """Implements `telephony.line.Leg`: answers after `ring_s`, speaks its lines, hangs up at the end."""

    lines: Sequence[Line]
    digits: Sequence[tuple[float, str]] = ()
    hang_up_s: float = 120.0
    ring_s: float = 0.5
    holds: Sequence[tuple[float, float]] = ()
    """(from, until) in seconds since the answer: the callee has us on hold."""
    events: asyncio.Queue[LegEvent] = field(default_factory=asyncio.Queue)
    leg_id: str = "scripted"
    answered_s: float = 0.0
    sound: list[tuple[float, bool]] = field(default_factory=list)
    """(time a frame left, whether it had sound) as the callee heard it."""
    _wire_until: float = 0.0
    ended: bool = False
    ended_s: float = 0.0
    """When, since the answer."""

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self.answered_s = now + self.ring_s
        self._at(0.1, Ringing(now + 0.1))
        self._at(self.ring_s, Answered(self.answered_s))
        for at_s, digit in self.digits:
            self._at(self.ring_s + at_s, DigitPressed(self.answered_s + at_s, digit))
        for start_s, end_s in self.holds:
            self._at(self.ring_s + start_s, Held(self.answered_s + start_s))
            self._at(self.ring_s + end_s, Unheld(self.answered_s + end_s))
        loop.call_later(self.ring_s + self.hang_up_s, self._end, EndKind.REMOTE_HANGUP)

    def _at(self, delay: float, event: LegEvent) -> None:
        asyncio.get_running_loop().call_later(delay, self.events.put_nowait, event)

    def _end(self, kind: EndKind) -> None:
        if not self.ended:
            self.ended = True
            self.ended_s = asyncio.get_running_loop().time() - self.answered_s
            self.events.put_nowait(Ended(asyncio.get_running_loop().time(), kind))

    async def next_event(self) -> LegEvent:
        return await self.events.get()

    def read_frame(self, into: Frame) -> bool:
        since = asyncio.get_running_loop().time() - self.answered_s
        into[:] = 0
        for number, line in enumerate(self.lines, start=1):
            if line.at_s <= since < line.at_s + line.seconds:
                into[:] = number
                return True
        return False

    def write_frame(self, frame: Frame) -> None:
        now = asyncio.get_running_loop().time()
        leaves = max(self._wire_until, now)
        self._wire_until = leaves + 0.02
        self.sound.append((leaves - self.answered_s, bool(frame.any())))

    def flush(self) -> None:
        now = asyncio.get_running_loop().time()
        self.sound = [(at, loud) for at, loud in self.sound if at + self.answered_s < now]
        self._wire_until = min(self._wire_until, now)

    def queued_samples(self) -> int:
        now = asyncio.get_running_loop().time()
        return max(0, round((self._wire_until - now) / 0.02)) * FRAME_SAMPLES

    async def send_digits(self, digits: str) -> None:
        raise NotImplementedError

    async def transfer(self, to: str) -> None:
        raise NotImplementedError

    async def hang_up(self) -> None:
        self._end(EndKind.LOCAL_HANGUP)

    def heard_between(self, start_s: float, end_s: float) -> bool:
        """Whether the callee heard anything then."""
        return any(loud for at, loud in self.sound if start_s <= at < end_s)


@dataclass
class ScriptedLine:
    """Implements `telephony.line.Line` for one leg."""

    leg: ScriptedLeg

    async def start(self) -> None: ...

    async def dial(self, request: DialRequest) -> ScriptedLeg:
        self.leg.start()
        return self.leg

    async def close(self) -> None: ...


class LoudnessDetector:
    """Speech is where the samples are not zero."""

    def __init__(self) -> None:
        self._slots = count()
        self._free: list[int] = []

    def open(self) -> int:
        return self._free.pop() if self._free else next(self._slots)

    def close(self, slot: int) -> None:
        self._free.append(slot)

    def run(self, slots: NDArray[np.intp], windows: NDArray[np.float32]) -> NDArray[np.float32]:
        loud: NDArray[np.float32] = (np.abs(windows).max(axis=1) > 0).astype(np.float32)
        return loud


@dataclass
class KnowsTheLines:
    """Recognises which line is heard, after `seconds`; the first `broken` requests fail."""

    lines: Sequence[Line]
    seconds: float = ASR_S
    broken: int = 0
    asked: int = 0

    expected_wait_s: float = 0.0

    async def transcribe(
        self, utterance: Utterance, *, deadline_s: float, priority: Priority = Priority.FINAL
    ) -> Transcript:
        self.asked += 1
        await asyncio.sleep(self.seconds)
        if self.asked <= self.broken:
            raise EngineDown("the recogniser is away")
        heard = [int(v) for v in np.unique(utterance.samples) if v]
        text = " ".join(filter(None, (self.lines[number - 1].text for number in heard)))
        return Transcript(text, -0.2, 0.0, "short_window" if text else "empty")


@dataclass
class KnowsTheIntents:
    """Looks the intent of a line up, or fails."""

    broken: bool = False

    async def classify(self, text: str, allowed: Collection[str], *, deadline_s: float) -> IntentResult:
        await asyncio.sleep(INTENT_S)
        if self.broken:
            raise EngineDown("the classifier is away")
        intent = INTENTS.get(text)
        return IntentResult(intent, 0.99) if intent in allowed else IntentResult(None, 0.2)


@dataclass
class SteadyVoice:
    """A quarter of a second per word; what is not in the cache takes `seconds` or fails."""

    broken: bool = False
    seconds: float = 0.2
    uncached: frozenset[str] = frozenset()
    word_s: float = WORD_S

    def cached(self, text: str) -> Speech | None:
        parts = any(text.rstrip(",") in whole for whole in self.uncached)
        return None if parts else self._render(text)

    async def speak(self, text: str, *, deadline_s: float) -> Speech:
        await asyncio.sleep(self.seconds)
        if self.broken:
            raise EngineDown("the voice is away")
        return self._render(text)

    def _render(self, text: str) -> Speech:
        word = int(self.word_s * 8000)
        count = len(text.split())
        return Speech(text, np.full(word * count, 100, np.int16), tuple(word * (n + 1) for n in range(count)))


def spoken_s(text: str) -> float:
    """How long the voice takes for a text."""
    return len(text.split()) * WORD_S


@dataclass
class Played:
    """A call that is over: its record and what the callee heard."""

    result: CallResult
    leg: ScriptedLeg
    session: CallSession

    @property
    def said(self) -> list[tuple[str, str]]:
        """(speaker, text) of all turns."""
        return [(turn.speaker, turn.text) for turn in self.result.turns]


def make_session(
    leg: ScriptedLeg,
    clock: MediaClock,
    *,
    recogniser: KnowsTheLines | None = None,
    voice: SteadyVoice | None = None,
    classifier: KnowsTheIntents | None = None,
    chat: ChatModel | None = None,
    ahead: AheadLimit | None = None,
    end_of_turn: EndOfTurnDetector | None = None,
    settings: Settings | None = None,
    variables: Mapping[str, str] | None = None,
) -> CallSession:
    """A session that is ready to run."""
    engines = Engines(
        recogniser or KnowsTheLines(leg.lines),
        classifier or KnowsTheIntents(),
        voice or SteadyVoice(),
        chat,
        end_of_turn=end_of_turn,
        ahead=ahead or AheadLimit((settings or Settings()).model_server.ahead_at_once),
    )
    return CallSession(
        line=ScriptedLine(leg),
        clock=clock,
        engines=engines,
        script=SCRIPT,
        opening=open_dialogue(SCRIPT, variables or {"first_name": "Sam"}),
        request=DialRequest("sip:sam@127.0.0.1"),
        settings=settings or Settings(),
        watcher=CallWatcher(ignore, 1),
        local_now=lambda: datetime(2026, 3, 2, 12, 0),
    )


async def play_call(
    *lines: Line,
    digits: Sequence[tuple[float, str]] = (),
    hang_up_s: float = 120.0,
    holds: Sequence[tuple[float, float]] = (),
    recogniser: KnowsTheLines | None = None,
    voice: SteadyVoice | None = None,
    classifier: KnowsTheIntents | None = None,
    chat: ChatModel | None = None,
    ahead: AheadLimit | None = None,
    end_of_turn: EndOfTurnDetector | None = None,
    settings: Settings | None = None,
    on_start: Callable[[CallSession], None] = lambda _: None,
) -> Played:
    """Run a whole call on the running (virtual) loop. `on_start` is given its session."""
    leg = ScriptedLeg(lines, digits, hang_up_s, holds=holds)
    clock = MediaClock(LoudnessDetector())
    if recogniser:
        recogniser.lines = lines
    session = make_session(
        leg,
        clock,
        recogniser=recogniser,
        voice=voice,
        classifier=classifier,
        chat=chat,
        ahead=ahead,
        end_of_turn=end_of_turn,
        settings=settings,
    )
    ticking = asyncio.create_task(clock.run())
    on_start(session)
    try:
        return Played(await session.run(), leg, session)
    finally:
        ticking.cancel()
