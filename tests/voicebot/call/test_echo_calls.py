"""Whole calls on lines that return our own voice, at several delays and losses, with and without a callee
who talks over it. The disclosure ends 3.9 s after the answer, the question at about 8.4 s."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from zlib import crc32

import numpy as np
import pytest
from numpy.typing import NDArray

from models.asr import Transcript, Utterance
from models.batching import Priority
from models.tts import Speech
from telephony.line import FRAME_SAMPLES, Frame
from tests.voicebot.call.scripted_call import (
    ASR_S,
    WORD_S,
    KnowsTheLines,
    Line,
    Played,
    ScriptedLeg,
    SteadyVoice,
    make_session,
)
from voicebot.call.media.media_clock import MediaClock
from voicebot.call.turn_taking import echo
from voicebot.settings import Settings

pytestmark = pytest.mark.virtual_time


@pytest.fixture(autouse=True)
def _first_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a line is first measured depends on how many calls there were before. At some of these moments an
    echo that loses less than 15 dB is heard as an utterance before it is known: docs/telephony.md says so."""
    monkeypatch.setattr(echo, "_gates", count())


LOUDEST = 6000
CALLEE = 9000
NOISE = 8
OUR_WORDS = "our own words"


@dataclass
class EchoingLeg(ScriptedLeg):
    """Returns what it plays after `delay_ticks`, `loss_db` weaker; the callee's lines come on top of it."""

    delay_ticks: int = 5
    loss_db: float = 20.0
    played: dict[int, Frame] = field(default_factory=dict)

    def _tick(self, offset_s: float = 0.0) -> int:
        return round((asyncio.get_running_loop().time() + offset_s) * 50)

    def write_frame(self, frame: Frame) -> None:
        now = asyncio.get_running_loop().time()
        self.played[self._tick(max(self._wire_until - now, 0.0))] = frame.copy()
        super().write_frame(frame)

    def flush(self) -> None:
        super().flush()
        self.played = {tick: frame for tick, frame in self.played.items() if tick < self._tick()}

    def read_frame(self, into: Frame) -> bool:
        since = asyncio.get_running_loop().time() - self.answered_s
        heard = np.resize([NOISE, -NOISE], FRAME_SAMPLES).astype(np.float64)
        if (ours := self.played.get(self._tick() - self.delay_ticks)) is not None:
            heard += ours * 10 ** (-self.loss_db / 20)
        if any(line.at_s <= since < line.at_s + line.seconds for line in self.lines):
            heard += CALLEE
        into[:] = heard
        return True


class LevelDetector:
    """Takes whatever is louder than the line's noise for speech, as a voice detector takes an echo."""

    def open(self) -> int:
        return 0

    def close(self, slot: int) -> None: ...

    def run(self, slots: NDArray[np.intp], windows: NDArray[np.float32]) -> NDArray[np.float32]:
        loud: NDArray[np.float32] = (np.abs(windows).max(axis=1) > 3 * NOISE / 32768).astype(np.float32)
        return loud


@dataclass
class HearsBoth(KnowsTheLines):
    """Recognises the callee's lines, or, when there are none in an utterance, our own words."""

    async def transcribe(
        self, utterance: Utterance, *, deadline_s: float, priority: Priority = Priority.FINAL
    ) -> Transcript:
        self.asked += 1
        now = asyncio.get_running_loop().time() - self.leg.answered_s
        since = now - len(utterance.samples) / 8000 - 0.5
        said = [line.text for line in self.lines if since < line.at_s + line.seconds and line.at_s < now]
        await asyncio.sleep(ASR_S)
        return Transcript(" ".join(said) or OUR_WORDS, -0.2, 0.0, "short_window")

    leg: EchoingLeg = field(default_factory=lambda: EchoingLeg(()))


class UnevenVoice(SteadyVoice):
    """Syllables of 60 ms, some 12 dB weaker than others, and a short pause after each word."""

    def _render(self, text: str) -> Speech:
        steady = super()._render(text)
        ticks = len(steady.samples) // FRAME_SAMPLES + 1
        rng = np.random.default_rng(crc32(text.encode()))
        syllables = np.repeat(10 ** (-rng.uniform(0, 12, ticks) / 20), 3)[:ticks]
        syllables[int(WORD_S * 50) - 1 :: int(WORD_S * 50)] = 0.001
        level = np.repeat(syllables, FRAME_SAMPLES)[: len(steady.samples)]
        wave = np.where(np.arange(level.size) % 2, LOUDEST, -LOUDEST) * level
        return Speech(text, wave.astype(np.int16), steady.word_ends)


async def play(*lines: Line, delay_ticks: int, loss_db: float, hang_up_s: float = 30.0) -> Played:
    return await play_on(EchoingLeg(lines, (), hang_up_s, delay_ticks=delay_ticks, loss_db=loss_db), lines)


async def play_on(leg: EchoingLeg, lines: Sequence[Line]) -> Played:
    clock = MediaClock(LevelDetector())
    session = make_session(leg, clock, recogniser=HearsBoth(lines, leg=leg), voice=UnevenVoice())
    ticking = asyncio.create_task(clock.run())
    try:
        return Played(await session.run(), leg, session)
    finally:
        ticking.cancel()


ON_ALL_LINES = pytest.mark.parametrize(
    ("delay_ticks", "loss_db"),
    [(1, 6.5), (1, 20), (7, 8), (7, 14), (7, 20), (7, 30), (15, 7), (15, 20), (15, 34)],
)


@ON_ALL_LINES
async def test_the_bot_does_not_talk_to_itself(delay_ticks: int, loss_db: float) -> None:
    call = await play(delay_ticks=delay_ticks, loss_db=loss_db)
    silent = await play(delay_ticks=delay_ticks, loss_db=100)
    assert call.said == silent.said, "as on a line without an echo: asked again twice, then goodbye"
    assert (call.result.barge_ins, call.result.false_stops) == (0, 0)
    assert [loud for _, loud in call.leg.sound] == [loud for _, loud in silent.leg.sound]
    assert call.result.media["echo_suppressed"] >= 1
    assert "echo_suppressed" not in silent.result.media


@ON_ALL_LINES
async def test_who_talks_over_it_stops_the_bot(delay_ticks: int, loss_db: float) -> None:
    began = 5.0
    call = await play(Line(began, "no stop", 1.2), delay_ticks=delay_ticks, loss_db=loss_db, hang_up_s=20)
    speech_s = Settings().barge_in.speech_ms / 1000
    window_s = 0.06  # The detector looks at 32 ms, and the words begin between two ticks.
    assert not call.leg.heard_between(began + speech_s + window_s, 6.3)
    assert call.leg.heard_between(began, began + 0.3)
    assert call.result.outcome == "refused"
    assert (call.result.barge_ins, call.result.false_stops) == (1, 0)
    assert [text for speaker, text in call.said if speaker == "customer"] == ["no stop"]


@ON_ALL_LINES
async def test_a_short_no_over_it_is_heard(delay_ticks: int, loss_db: float) -> None:
    call = await play(Line(5.0, "no", 0.4), delay_ticks=delay_ticks, loss_db=loss_db, hang_up_s=20)
    assert call.result.outcome == "refused"
    assert [text for speaker, text in call.said if speaker == "customer"] == ["no"]


@ON_ALL_LINES
async def test_an_answer_right_after_the_question_is_not_taken_for_its_echo(
    delay_ticks: int, loss_db: float
) -> None:
    call = await play(Line(8.75, "no", 0.5), delay_ticks=delay_ticks, loss_db=loss_db, hang_up_s=20)
    assert call.result.outcome == "refused"
