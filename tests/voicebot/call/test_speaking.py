"""Speaking clause by clause: the first sound comes early, the next clause in time, and little is wasted."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest

from dialogs.turn import Saying
from models.engine import EngineDown
from models.tts import Speech, words_of
from models.tts.clauses import clauses
from tests.voicebot.call.scripted_call import Line, SteadyVoice, play_call
from voicebot.call.reply.playout import Playout
from voicebot.call.reply.speaking import AHEAD_S, Speaking, SpeechFailed

pytestmark = pytest.mark.virtual_time

WORD_S = 0.3
TEXT = (
    "I can offer you a discount, which starts with the next month of your contract, and if you like it "
    "you may keep it for the whole of the next year. Would that be something for you?"
)


@dataclass
class Voice:
    """Needs `per_word_s` for each word; knows nothing ahead but what is in `known`."""

    per_word_s: float = 0.02
    broken_after: int = 99
    known: frozenset[str] = frozenset()
    asked: list[tuple[float, str]] = field(default_factory=list)
    cancelled: int = 0

    def cached(self, text: str) -> Speech | None:
        return self._render(text) if text in self.known else None

    async def speak(self, text: str, *, deadline_s: float) -> Speech:
        self.asked.append((asyncio.get_running_loop().time(), text))
        if len(self.asked) > self.broken_after:
            raise EngineDown("the voice is away")
        try:
            await asyncio.sleep(self.per_word_s * len(words_of(text)))
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self._render(text)

    def _render(self, text: str) -> Speech:
        word, count = int(WORD_S * 8000), len(words_of(text))
        return Speech(text, np.full(word * count, 100, np.int16), tuple(word * (n + 1) for n in range(count)))


@dataclass
class Seat:
    """A playout that is played at one frame each 20 ms."""

    voice: Voice
    playout: Playout = field(default_factory=Playout)
    sounds: list[tuple[float, bool]] = field(default_factory=list)
    faults: list[SpeechFailed] = field(default_factory=list)

    async def listen(self, speaking: Speaking, seconds: float = 60.0) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        while self.playout.active and loop.time() < start + seconds:
            frame = self.playout.next_frame()
            self.sounds.append((loop.time() - start, frame is not None and bool(frame.any())))
            await asyncio.sleep(0.02)

    @property
    def first_sound_s(self) -> float:
        return next(at for at, loud in self.sounds if loud)

    @property
    def longest_silence_s(self) -> float:
        """Between two sounds."""
        loud = [at for at, is_loud in self.sounds if is_loud]
        return max(b - a for a, b in pairwise(loud))


async def say(voice: Voice, *texts: str, seconds: float = 60.0) -> tuple[Seat, Speaking]:
    seat = Seat(voice)
    async with asyncio.TaskGroup() as group:
        speaking = Speaking(group, voice, seat.playout, seat.faults.append)
        speaking.say([Saying(text, "node") for text in texts])
        await seat.listen(speaking, seconds)
        speaking.stop()
    return seat, speaking


async def test_the_first_sound_does_not_wait_for_the_sentence() -> None:
    seat, speaking = await say(Voice(), TEXT)
    whole_s = 0.02 * len(TEXT.split())
    assert seat.first_sound_s <= whole_s / 4
    assert seat.playout.heard_words() == TEXT
    assert speaking.metrics.late == 0
    assert seat.playout.starved_samples == 0
    assert seat.longest_silence_s <= 0.3, "only the pauses between clauses and sentences"


async def test_the_next_clause_is_asked_for_shortly_before_it_is_needed() -> None:
    voice = Voice()
    _, speaking = await say(voice, TEXT)
    parts = clauses(TEXT)
    assert [text for _, text in voice.asked] == [part.text for part in parts]
    ends_s = voice.asked[0][0] + 0.02 * len(words_of(parts[0].text))
    for part, (asked_s, _) in zip(parts, voice.asked[1:], strict=False):
        ends_s += WORD_S * len(words_of(part.text)) + (part.pause or 0) / 1000
        left_s = ends_s - asked_s
        assert 0.5 < left_s <= AHEAD_S + 0.05
    assert speaking.metrics.rendered == len(parts)


async def test_a_slow_voice_is_asked_earlier() -> None:
    seat, speaking = await say(Voice(per_word_s=0.15), TEXT)
    assert speaking.metrics.late <= 1, "only while its pace is not known"
    assert seat.longest_silence_s <= 0.6


async def test_a_clause_that_comes_too_late_is_counted_and_leaves_silence() -> None:
    seat, speaking = await say(Voice(per_word_s=0.4), TEXT)
    assert speaking.metrics.late >= 1
    assert seat.playout.starved_samples > 8000
    figures = speaking.figures()
    assert set(figures) == {"clauses_rendered", "clauses_late", "speech_starved_s"}, "nothing was wasted"
    assert figures["speech_starved_s"] == pytest.approx(seat.playout.starved_samples / 8000, abs=0.01)
    assert seat.playout.heard_words() == TEXT


async def test_an_interruption_wastes_little_and_asks_for_nothing_more() -> None:
    voice = Voice()
    seat, speaking = await say(voice, TEXT, seconds=1.0)
    assert len(voice.asked) <= 2
    assert speaking.metrics.wasted_s < AHEAD_S + WORD_S * 14
    assert speaking.figures()["speech_wasted_s"] == pytest.approx(speaking.metrics.wasted_s, abs=0.01)
    await asyncio.sleep(10)
    assert len(voice.asked) <= 2
    assert TEXT.startswith(seat.playout.heard_words())


async def test_an_interruption_takes_back_what_is_being_rendered() -> None:
    voice = Voice(per_word_s=1.0)
    _, speaking = await say(voice, TEXT, seconds=0.5)
    assert voice.cancelled == 1
    assert speaking.metrics.wasted_s == 0


async def test_what_is_cached_is_said_at_once_and_not_parted() -> None:
    voice = Voice(known=frozenset({TEXT}))
    seat, speaking = await say(voice, TEXT)
    assert seat.first_sound_s == 0
    assert not voice.asked
    assert speaking.figures() == {}


async def test_a_clause_known_from_before_is_not_rendered_again() -> None:
    voice = Voice(known=frozenset({clauses(TEXT)[0].text}))
    seat, _ = await say(voice, TEXT)
    assert seat.first_sound_s <= 0.02, "the next tick"
    assert [text for _, text in voice.asked] == [part.text for part in clauses(TEXT)[1:]]
    assert seat.playout.heard_words() == TEXT


async def test_when_the_voice_dies_between_clauses_what_was_said_is_known() -> None:
    seat, _ = await say(Voice(broken_after=1), TEXT)
    assert [fault.reply for fault in seat.faults] == [1]
    assert seat.playout.heard_words() == clauses(TEXT)[0].text


async def test_hanzi_are_parted_and_heard_character_by_character() -> None:
    text = "您好，我是绿色能源公司的小王，请问您现在方便吗？"
    seat, _ = await say(Voice(), text)
    assert seat.playout.heard_words() == text
    seat, _ = await say(Voice(), text, seconds=1.3)
    heard = seat.playout.heard_words()
    assert text.startswith(heard)
    assert 2 <= len(words_of(heard)) <= 4


async def test_thinking_is_not_held_up_by_speaking() -> None:
    thought: list[float] = []

    async def think() -> AsyncIterator[Saying]:
        for sentence in (TEXT, TEXT, "Goodbye."):
            await asyncio.sleep(0.1)
            yield Saying(sentence, "node")
        thought.append(asyncio.get_running_loop().time())

    seat = Seat(Voice())
    async with asyncio.TaskGroup() as group:
        start = asyncio.get_running_loop().time()
        speaking = Speaking(group, seat.voice, seat.playout, seat.faults.append)
        speaking.say_stream(think())
        await seat.listen(speaking)
    assert thought[0] - start == pytest.approx(0.3, abs=0.01)
    assert seat.playout.heard_words() == f"{TEXT} {TEXT} Goodbye."


async def test_a_stopped_reply_ends_the_thinking_too() -> None:
    ended = asyncio.Event()

    async def think() -> AsyncIterator[Saying]:
        try:
            yield Saying("Let me see.", "node")
            await asyncio.sleep(100)
        finally:
            ended.set()

    seat = Seat(Voice())
    async with asyncio.TaskGroup() as group:
        speaking = Speaking(group, seat.voice, seat.playout, seat.faults.append)
        speaking.say_stream(think())
        await seat.listen(speaking, 2.0)
        speaking.stop()
    assert ended.is_set()


async def test_the_record_of_a_call_keeps_what_was_made_during_it() -> None:
    price = "It costs one hundred dollars."
    asking = Line(9.5, "wait how much is it")
    call = await play_call(asking, voice=SteadyVoice(uncached=frozenset({price})), hang_up_s=20)
    assert ("agent", price) in [(who, text[: len(price)]) for who, text in call.said]
    assert call.result.media["clauses_rendered"] == 1
    assert "clauses_late" not in call.result.media
    known = await play_call(asking, hang_up_s=20)
    assert not {"clauses_rendered", "speech_wasted_s"} & set(known.result.media)
