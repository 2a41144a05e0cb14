"""When the callee's turn is over, in whole calls under virtual time.

The greeting starts 0.6 s after the answer and ends at about 8.4 s; the silence clock is 4 s.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from models.asr import Transcript, Utterance
from models.batching import Priority
from models.engine import EngineDown
from models.intent import IntentResult
from tests.voicebot.call.scripted_call import (
    ASR_S,
    KnowsTheIntents,
    KnowsTheLines,
    Line,
    Played,
    SteadyVoice,
    play_call,
)
from voicebot.call.listening.hearing import Understood
from voicebot.call.result import TurnResult
from voicebot.call.session import CallSession
from voicebot.settings import EndpointingSettings

pytestmark = pytest.mark.virtual_time

TIMES = EndpointingSettings()
UNKNOWN = Line(9.5, "purple elephants")


@dataclass
class Judge:
    """Implements `models.end_of_turn.EndOfTurnDetector`: always the same opinion, after `seconds`."""

    opinion: float
    seconds: float = 0.03
    broken: bool = False
    asked: int = 0

    async def completeness(self, samples: NDArray[np.int16], *, deadline_s: float) -> float:
        self.asked += 1
        await asyncio.sleep(self.seconds)
        if self.broken:
            raise EngineDown("the detector is away")
        return self.opinion


def first_reply(call: Played) -> TurnResult:
    return next(turn for turn in call.result.turns if turn.reply_latency_ms is not None)


# -- how it sounded --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opinion", "silence_ms"),
    [(0.97, TIMES.complete_end_ms), (0.5, TIMES.end_ms), (0.03, TIMES.most_end_ms)],
)
async def test_a_turn_that_is_not_understood_ends_by_how_it_sounded(opinion: float, silence_ms: int) -> None:
    call = await play_call(UNKNOWN, end_of_turn=Judge(opinion), hang_up_s=20)
    assert first_reply(call).endpoint_ms == pytest.approx(silence_ms)
    assert first_reply(call).text.startswith("Sorry what was that")


@pytest.mark.parametrize(
    "judge", [None, Judge(0.97, broken=True), Judge(0.97, seconds=0.2), Judge(0.97, 99.0)]
)
async def test_without_a_judgement_in_time_everything_is_as_without_a_detector(judge: Judge | None) -> None:
    """Nothing waits for it: the words are there after 0.12 s."""
    call = await play_call(UNKNOWN, end_of_turn=judge, hang_up_s=20)
    assert first_reply(call).endpoint_ms == pytest.approx(TIMES.end_ms)


@pytest.mark.parametrize("text", ["yes", "yes of course", "no stop"])
async def test_an_answer_that_is_understood_is_no_slower_with_a_detector(text: str) -> None:
    latencies = [
        first_reply(await play_call(Line(9.5, text), end_of_turn=judge, hang_up_s=20)).reply_latency_ms
        for judge in (None, Judge(0.01), Judge(0.99))
    ]
    assert len(set(latencies)) == 1


async def test_it_is_asked_once_for_each_pause_that_is_guessed_at() -> None:
    judge = Judge(0.5)
    await play_call(UNKNOWN, Line(10.6, "and more"), end_of_turn=judge, hang_up_s=16)
    assert judge.asked == 2


# -- what was said ---------------------------------------------------------------------------------


async def test_a_number_that_is_dictated_in_parts_is_one_turn() -> None:
    parts = Line(9.5, "my number is five five five"), Line(11.3, "oh one two", 0.6)
    assert (parts[1].at_s - parts[0].at_s - parts[0].seconds) * 1000 > TIMES.most_end_ms
    call = await play_call(*parts, end_of_turn=Judge(0.99), hang_up_s=18)
    customer = [text for speaker, text in call.said if speaker == "customer"]
    assert customer == ["my number is five five five oh one two"]
    assert not any(turn.interrupted for turn in call.result.turns)


async def test_a_sure_answer_still_needs_a_breath_of_silence() -> None:
    quick = KnowsTheLines([], seconds=0.0)
    call = await play_call(Line(9.5, "yes of course"), recogniser=quick, hang_up_s=20)
    assert first_reply(call).endpoint_ms == pytest.approx(TIMES.commit_ms)


async def test_words_that_come_just_as_the_speaker_goes_on_are_not_the_whole_turn() -> None:
    """The guess at 10.48 s is understood at 10.60 s; what begins at 10.56 s is speech at 10.66 s."""
    call = await play_call(Line(9.5, "yes of course"), Line(10.56, "not"), hang_up_s=16)
    assert ("customer", "yes of course not") in call.said
    assert not any(turn.interrupted for turn in call.result.turns)


# -- how this caller pauses ------------------------------------------------------------------------


async def test_a_caller_who_pauses_long_is_given_longer() -> None:
    thinks = [Line(9.5 + 1.35 * n, "purple elephants") for n in range(4)]
    call = await play_call(*thinks, hang_up_s=25)
    assert (first_reply(call).endpoint_ms or 0) > TIMES.end_ms


async def test_a_caller_who_pauses_briefly_is_answered_sooner() -> None:
    hurries = [Line(9.5 + 1.05 * n, "purple elephants") for n in range(6)]
    call = await play_call(*hurries, hang_up_s=30)
    assert TIMES.least_end_ms <= (first_reply(call).endpoint_ms or 0) < TIMES.end_ms


async def test_a_caller_who_was_cut_off_is_given_longer_from_then_on() -> None:
    call = await play_call(UNKNOWN, Line(11.2, "more of it"), Line(25.0, "something else"), hang_up_s=35)
    waits = [turn.endpoint_ms or 0 for turn in call.result.turns if turn.reply_latency_ms is not None]
    assert waits[-1] > TIMES.end_ms


# -- load ------------------------------------------------------------------------------------------


@dataclass
class Swamped(KnowsTheLines):
    expected_wait_s: float = 3.0


async def test_nothing_is_guessed_while_the_recogniser_is_swamped() -> None:
    pauses = Line(9.5, "well you know"), Line(10.7, "no", 0.5)
    swamped, idle = Swamped([]), KnowsTheLines([])
    guesses = []
    for recogniser in (swamped, idle):
        call = await play_call(*pauses, recogniser=recogniser, hang_up_s=20)
        assert ("customer", "well you know no") in call.said
        assert call.result.speculation
        guesses.append(call.result.speculation.guesses)
    assert guesses == [1, 2]
    assert call.result.outcome == ""


# -- the silence clock -----------------------------------------------------------------------------


REPROMPTS = ["Are you still there", "Can you hear me", "I will leave you now"]


def agent(call: Played) -> list[str]:
    return [turn.text for turn in call.result.turns if turn.speaker == "agent"]


def assert_reprompted_and_left(call: Played, by_s: float) -> None:
    said = agent(call)[1:]
    assert [text[: len(wanted)] for text, wanted in zip(said, REPROMPTS, strict=True)] == REPROMPTS
    assert call.result.connected == "bot_hangup_after_silence"
    assert call.leg.ended_s < by_s


async def test_noises_without_words_do_not_stop_the_silence_clock() -> None:
    """A dog barks every two seconds: each time something to understand, each time nothing."""
    barks = [Line(9.0 + 2.0 * n, "", 0.4) for n in range(60)]
    assert_reprompted_and_left(await play_call(*barks), by_s=40)


async def test_a_noise_does_not_begin_the_wait_anew() -> None:
    quiet, noisy = await play_call(), await play_call(Line(11.0, "", 0.4))
    starts = [
        next(turn.start_ms for turn in call.result.turns if turn.text.startswith(REPROMPTS[0]))
        for call in (quiet, noisy)
    ]
    assert starts[1] == pytest.approx(starts[0], abs=40)


async def test_nobody_is_asked_whether_they_are_there_while_their_words_are_recognised() -> None:
    slow = KnowsTheLines([], seconds=3.0)
    call = await play_call(Line(11.8, "yes of course"), recogniser=slow, hang_up_s=25)
    assert call.result.outcome == "interested"
    assert not any(text.startswith(REPROMPTS[0]) for text in agent(call))


# -- the watchdog ----------------------------------------------------------------------------------


async def assert_endless_noise_is_silence(recognition_s: float) -> None:
    """Music on the line: the detector hears speech without end, the recogniser nothing. Its sound stops
    no prompt once it is known to hold no words."""
    call = await play_call(Line(9.5, "", 500.0), recogniser=KnowsTheLines([], seconds=recognition_s))
    assert_reprompted_and_left(call, by_s=85)
    assert not any(turn.interrupted for turn in call.result.turns)


async def test_endless_noise_is_silence() -> None:
    await assert_endless_noise_is_silence(ASR_S)


@pytest.mark.parametrize("recognition_s", [0.4, 2.0])
async def test_endless_noise_is_silence_to_slow_ears_too(recognition_s: float) -> None:
    await assert_endless_noise_is_silence(recognition_s)


@pytest.mark.parametrize("recognition_s", [ASR_S, 0.4, 2.0])
async def test_endless_noise_from_the_answer_on(recognition_s: float) -> None:
    call = await play_call(Line(0.0, "", 500.0), recogniser=KnowsTheLines([], seconds=recognition_s))
    assert 0 < (call.result.answer_to_greeting_ms or 0) < 7000
    assert_reprompted_and_left(call, by_s=100)


async def test_words_are_heard_again_when_the_noise_is_over() -> None:
    call = await play_call(Line(9.5, "", 22.0), Line(34.0, "wait how much is it", 1.2), hang_up_s=45)
    assert any(text.startswith("It costs one hundred dollars") for text in agent(call))


class Hung(KnowsTheLines):
    """Never answers, whatever the deadline says."""

    async def transcribe(
        self, utterance: Utterance, *, deadline_s: float, priority: Priority = Priority.FINAL
    ) -> Transcript:
        self.asked += 1
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_recogniser_that_never_answers_is_no_reason_to_be_silent() -> None:
    call = await play_call(*(Line(9.5 + 9 * n, "yes") for n in range(8)), recogniser=Hung([]))
    assert agent(call)[1].startswith("Sorry what was that")
    assert call.result.connected == "system_error"
    assert agent(call)[-1].startswith("I am sorry, something is wrong")


async def test_a_recogniser_that_never_answers_does_not_stop_the_greeting() -> None:
    talks = [Line(0.2 + 1.5 * n, "hello", 1.0) for n in range(20)]
    call = await play_call(*talks, recogniser=Hung([]), hang_up_s=20)
    assert (call.result.answer_to_greeting_ms or 0) > 0
    assert (call.result.answer_to_greeting_ms or 0) < 9500


async def test_a_voice_that_never_answers_is_given_up() -> None:
    hung = SteadyVoice(seconds=1e6, uncached=frozenset(["It costs one hundred dollars."]))
    call = await play_call(Line(9.5, "wait how much is it"), voice=hung)
    assert call.result.connected == "system_error"
    assert agent(call)[-1].startswith("I am sorry, something is wrong")


async def test_a_classifier_that_never_answers_is_no_reason_to_be_silent() -> None:
    class HungClassifier(KnowsTheIntents):
        async def classify(self, text: str, allowed: Collection[str], *, deadline_s: float) -> IntentResult:
            await asyncio.Event().wait()
            raise AssertionError

    call = await play_call(Line(9.5, "yes of course"), classifier=HungClassifier(), hang_up_s=20)
    assert agent(call)[1].startswith("Sorry what was that")


# -- results that come too late --------------------------------------------------------------------


def understood(utterance: int, text: str, intent: str) -> Understood:
    transcript = Transcript(text, -0.2, 0.0, "short_window")
    return Understood(1, utterance, 9500, 10300, 10500, 10600, transcript, IntentResult(intent, 0.99))


async def heard_when(at_s: float, late: Understood, *lines: Line) -> Played:
    """A call in which `late` comes out of the engines at a time when it must not count any more."""
    sessions: list[CallSession] = []
    playing = asyncio.create_task(play_call(*lines, hang_up_s=16, on_start=sessions.append))
    await asyncio.sleep(0.5 + at_s)
    talk = sessions[0].conversation
    assert talk is not None
    talk.handle(late, (0.5 + at_s) * 1000)
    return await playing


async def test_words_of_an_utterance_that_was_answered_are_ignored() -> None:
    call = await heard_when(13.0, understood(1, "yes", "yes"), Line(9.5, "purple elephants"))
    assert agent(call)[1].startswith("Sorry what was that")
    assert call.result.outcome == ""


async def test_words_of_a_speaker_who_went_on_are_ignored() -> None:
    call = await heard_when(11.0, understood(1, "yes", "yes"), Line(9.5, "purple elephants", 2.5))
    assert [text for speaker, text in call.said if speaker == "customer"] == ["purple elephants"]
    assert not any("Wonderful" in text for text in agent(call))
    assert call.result.outcome == ""


# -- first and last words --------------------------------------------------------------------------


@pytest.mark.parametrize("at_s", [0.0, 0.1, 0.3, 0.5, 0.58])
async def test_first_words_right_after_the_answer_are_heard(at_s: float) -> None:
    call = await play_call(Line(at_s, "hello who is this", 0.7), hang_up_s=14)
    assert call.said[0] == ("customer", "hello who is this")
    assert not call.leg.heard_between(-1.0, 0.59)


async def test_a_single_short_hello_is_heard() -> None:
    call = await play_call(Line(0.0, "hello", 0.3), hang_up_s=12)
    assert call.said[0] == ("customer", "hello")


async def test_the_last_word_before_a_hang_up_is_kept() -> None:
    call = await play_call(Line(9.5, "purple elephants", 0.6), hang_up_s=10.15)
    assert call.said[-1] == ("customer", "purple elephants")


async def test_our_last_word_is_not_clipped() -> None:
    call = await play_call(Line(9.5, "no"))
    assert call.said[-1] == ("agent", "No problem at all and goodbye.")
    last_sound_s = max(at for at, loud in call.leg.sound if loud)
    assert call.leg.ended_s - last_sound_s > 0.25


async def test_nobody_is_spoken_to_before_the_answer() -> None:
    call = await play_call(hang_up_s=12)
    assert min(at for at, _ in call.leg.sound) > 0
