"""What comes late of an older guess is never answered and never written down.

Each test stops a call at some moment, hands over a result by its number, and looks at the call.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from models.asr import Transcript
from models.intent import IntentResult
from models.llm import ChatModel
from telephony.line import DigitPressed, EndKind
from tests.voicebot.call.scripted_call import (
    KnowsTheLines,
    Line,
    LoudnessDetector,
    ScriptedLeg,
    make_session,
    play_call,
)
from tests.voicebot.call.test_asking import GOOD, SlowModel
from voicebot.call.conversation import Conversation
from voicebot.call.listening.hearing import Understood
from voicebot.call.media.media_clock import MediaClock
from voicebot.call.session import CallSession
from voicebot.call.turn_taking.endpointing import TurnEnded

pytestmark = pytest.mark.virtual_time


SAID = {"yes": "yes that would be nice", "no": "no I do not think so", "price": "wait how much is it"}
"""Long enough to be answered without waiting for more."""


def late(guess: int, utterance: int, intent: str = "yes") -> Understood:
    """A sure answer, as it would come of a guess."""
    words = Transcript(SAID[intent], -0.2, 0.0, "short_window")
    return Understood(guess, utterance, 9500, 10300, 10_500, 10_600, words, IntentResult(intent, 0.99))


@dataclass
class Stopped:
    """A call in which time stands still."""

    session: CallSession
    leg: ScriptedLeg

    @property
    def talk(self) -> Conversation:
        assert self.session.conversation
        return self.session.conversation

    def hand_over(self, *results: Understood) -> None:
        for words in results:
            self.talk.handle(words, self.session.clock.now_ms)

    def left_alone_by(self, *results: Understood) -> bool:
        """Whether the results change nothing."""
        before = (self.talk.bot.state, self.talk._log.turns, self.talk._channel.playout.reply)
        self.hand_over(*results)
        return before == (self.talk.bot.state, self.talk._log.turns, self.talk._channel.playout.reply)


@asynccontextmanager
async def call_at(
    seconds: float,
    *lines: Line,
    digits: Sequence[tuple[float, str]] = (),
    holds: Sequence[tuple[float, float]] = (),
    asr_s: float = 0.1,
    chat: ChatModel | None = None,
) -> AsyncIterator[Stopped]:
    """A call, `seconds` after the answer; hung up at the end."""
    leg = ScriptedLeg(lines, digits, 60.0, holds=holds)
    clock = MediaClock(LoudnessDetector())
    session = make_session(leg, clock, recogniser=KnowsTheLines(lines, asr_s), chat=chat)
    async with asyncio.TaskGroup() as group:
        ticking = group.create_task(clock.run())
        running = group.create_task(session.run())
        await asyncio.sleep(leg.ring_s + seconds)
        yield Stopped(session, leg)
        leg._end(EndKind.REMOTE_HANGUP)
        await running
        ticking.cancel()


async def test_a_result_of_an_older_guess_is_not_taken_for_the_newest() -> None:
    # Guess 1 became void at 10.7 s; guess 2 of the same utterance is being made.
    async with call_at(11.6, Line(9.5, "well"), Line(10.75, "you know", 0.5), asr_s=0.4) as call:
        assert call.talk._hearing.guesses == 2
        assert call.left_alone_by(late(1, 1))
        call.hand_over(late(2, 1, "price"))
        assert call.talk._log.turns[-1].text == "wait how much is it"


async def test_results_out_of_order_leave_the_newest_standing() -> None:
    async with call_at(11.6, Line(9.5, "well"), Line(10.75, "you know", 0.5), asr_s=0.4) as call:
        call.hand_over(late(2, 1, "price"))
        assert call.left_alone_by(late(1, 1, "no"), late(2, 1, "no"))
        assert call.talk.bot.state.outcome is None


async def test_a_result_while_the_speaker_goes_on_is_void() -> None:
    async with call_at(11.0, Line(9.5, "well"), Line(10.75, "you know", 0.9), asr_s=0.4) as call:
        assert call.left_alone_by(late(1, 1))


async def test_a_result_after_the_answer_is_ignored() -> None:
    async with call_at(12.0, Line(9.5, "wait how much is it")) as call:
        assert call.talk._log.turns[-1].text == "wait how much is it"
        assert call.left_alone_by(late(1, 1, "no"))


async def test_a_result_after_a_hold_is_ignored() -> None:
    async with call_at(12.0, Line(9.5, "yes"), holds=[(10.6, 11.5)], asr_s=0.5) as call:
        assert call.talk._hearing.guesses_void == 1
        assert call.left_alone_by(late(1, 1))


async def test_a_result_after_a_key_is_ignored() -> None:
    async with call_at(11.0, Line(9.5, "yes"), digits=[(10.6, "9")], asr_s=0.8) as call:
        assert call.talk.opted_out
        assert call.left_alone_by(late(1, 1))
        assert call.talk.bot.state.outcome == "opted_out"


async def test_a_result_after_the_hang_up_is_ignored() -> None:
    call = await play_call(Line(9.5, "wait how much is it"), hang_up_s=13.0)
    ended = Stopped(call.session, call.leg)
    assert ended.left_alone_by(late(1, 1, "no"), late(2, 2))
    assert call.session.result().outcome == ""


async def test_a_result_of_an_utterance_that_never_was_is_ignored() -> None:
    async with call_at(9.2) as call:
        assert call.left_alone_by(late(1, 1), late(0, 0), late(5, 3))


async def test_the_last_words_are_those_of_the_newest_guess() -> None:
    async with call_at(11.3, Line(9.5, "well"), Line(10.75, "stop calling me", 5.0), asr_s=0.3) as call:
        # What came of the pause before it lies in the queue when the callee hangs up.
        call.session._events.put_nowait(late(1, 1))
        call.leg._end(EndKind.REMOTE_HANGUP)
        await asyncio.sleep(1.0)
        assert call.session._log
        assert call.session._log.turns[-1].text == "well stop calling me"


async def test_an_answer_that_is_given_up_before_its_first_step_is_aborted() -> None:
    model = SlowModel(GOOD)
    async with call_at(10.85, Line(9.5, "which colour is it"), chat=model) as call:
        assert len(model.requests) == 1
        assert not model.closed_early
        now_ms = call.session.clock.now_ms
        # Both lie in the queue: the answer is taken and given up without a pause in between.
        call.talk.handle(TurnEnded(1, 9500, 10300), now_ms)
        call.talk.handle(DigitPressed(0.0, "9"), now_ms)
        await asyncio.sleep(0.05)
        assert model.closed_early
        assert call.talk.opted_out
