"""The model is asked at a pause already: sooner answers, and nothing comes of what was asked in vain.

The question ends 10.3 s after the answer; it is understood and asked ahead at about 10.66 s, and the turn
is over at about 10.96 s.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from dialogs.policy import answer
from dialogs.turn import AskModel, Heard
from models.engine import EngineDown
from models.llm import ChatRequest
from tests.voicebot.call.scripted_call import (
    ASR_S,
    INTENT_S,
    SCRIPT,
    Line,
    LoudnessDetector,
    Played,
    ScriptedLeg,
    make_session,
    play_call,
)
from tests.voicebot.call.test_asking import GOOD, SCRIPTED, SlowModel
from voicebot.call.media.media_clock import MediaClock
from voicebot.call.reply.asking import Asking
from voicebot.call.reply.asking_ahead import LONGEST_SPEECH_MS, MOST_TRIES, AheadLimit, AskingAhead, Question
from voicebot.call.result import Speculation, TurnResult
from voicebot.settings import ModelServerSettings, Settings

pytestmark = pytest.mark.virtual_time

QUESTION = Line(9.5, "which colour is it")
ASKED_AHEAD_S = 10.68
TURN_OVER_S = 10.96
NOT_AHEAD = Settings(model_server=ModelServerSettings(ask_ahead=False))


async def talk(model: SlowModel, *lines: Line, hang_up_s: float = 26.0, **more: object) -> Played:
    return await play_call(*(lines or (QUESTION,)), chat=model, hang_up_s=hang_up_s, **more)  # type: ignore[arg-type]


def answers(call: Played) -> Sequence[TurnResult]:
    """The bot's turns after the greeting that answer speech."""
    return [turn for turn in call.result.turns if turn.reply_latency_ms is not None]


def figures(call: Played) -> Speculation:
    assert call.result.speculation
    return call.result.speculation


async def ask_of(text: str) -> AskModel:
    """What the model is asked after the greeting."""
    call = await play_call(hang_up_s=9.5)
    assert call.session.conversation
    state = call.session.conversation.bot.state
    ask = answer(SCRIPT, state, Heard(text), model=True, now=datetime(2026, 3, 2, 12, 0))
    assert isinstance(ask, AskModel)
    return ask


async def nobody_is_left() -> bool:
    await asyncio.sleep(0)
    names = {task.get_name() for task in asyncio.all_tasks()}
    return not names & {"ask-ahead", "understand", "speak"}


# -- what is gained ---------------------------------------------------------------------------


async def test_an_answer_asked_ahead_is_spoken_sooner_by_the_time_that_was_waited_for_the_end() -> None:
    model = SlowModel(GOOD)
    ahead, not_ahead = await talk(model), await talk(SlowModel(GOOD), settings=NOT_AHEAD)
    latencies = [answers(call)[0].reply_latency_ms or 0 for call in (ahead, not_ahead)]
    times = Settings().endpointing
    waited_ms = times.end_ms - times.speculate_ms - (ASR_S + INTENT_S) * 1000
    assert latencies[1] - latencies[0] == pytest.approx(waited_ms, abs=41)
    assert answers(ahead)[0].text == answers(not_ahead)[0].text
    assert answers(ahead)[0].decide_ms == pytest.approx(
        (answers(not_ahead)[0].decide_ms or 0) - waited_ms, abs=41
    )


async def test_the_same_words_are_asked_once_and_leave_the_same_record() -> None:
    model = SlowModel(GOOD)
    ahead = await talk(model, hang_up_s=24.0)
    not_ahead = await talk(SlowModel(GOOD), settings=NOT_AHEAD, hang_up_s=24.0)
    assert len(model.requests) == 1
    assert ahead.said[:3] == not_ahead.said[:3]
    states = [call.session.conversation.bot.state for call in (ahead, not_ahead) if call.session.conversation]
    assert states[0] == states[1]
    assert figures(ahead).asked_ahead == figures(ahead).asked_ahead_used == 1
    assert figures(ahead).asked_ahead_void == figures(not_ahead).asked_ahead == 0


async def test_an_answer_that_is_whole_before_the_turn_is_over_is_spoken_at_once() -> None:
    call = await talk(SlowModel(GOOD, first_s=0.05, pace_s=0.0001))
    assert answers(call)[0].decide_ms == pytest.approx(0, abs=20)
    assert answers(call)[0].text.endswith("Would you like to have it")


async def test_the_end_of_a_prompt_that_was_talked_over_does_not_make_the_question_another() -> None:
    model = SlowModel(GOOD)
    call = await talk(model, Line(5.0, "which colour is it", 1.2))
    assert len(model.requests) == 1
    assert figures(call).asked_ahead_used == 1
    assert answers(call)[0].answered_by == "llm"


# -- nothing comes of it before the turn is over -----------------------------------------------


async def test_nothing_is_said_written_or_told_before_the_turn_is_over() -> None:
    leg, clock = ScriptedLeg([QUESTION], hang_up_s=15.0), MediaClock(LoudnessDetector())
    model = SlowModel(GOOD, first_s=0.01, pace_s=0.0001)
    session = make_session(leg, clock, chat=model)
    async with asyncio.TaskGroup() as group:
        ticking = group.create_task(clock.run())
        call = group.create_task(session.run())
        await asyncio.sleep(leg.ring_s + 10.5)
        assert session.conversation
        before, turns = session.conversation.bot.state, session.conversation._log.turns
        await asyncio.sleep(ASKED_AHEAD_S + 0.2 - 10.5)
        assert len(model.requests) == 1
        assert not model.closed_early
        assert session.conversation.bot.state == before
        assert session.conversation._log.turns == turns
        assert not leg.heard_between(9.0, ASKED_AHEAD_S + 0.2)
        await call
        ticking.cancel()


# -- what makes it void ------------------------------------------------------------------------


async def test_who_goes_on_is_answered_once_and_to_all_they_said() -> None:
    model = SlowModel(GOOD, pace_s=0.05)
    call = await talk(model, QUESTION, Line(10.75, "and is it soft", 0.8))
    assert len(model.requests) == 2
    assert "which colour is it and is it soft" in model.requests[1].messages[1].content
    assert [turn.text for turn in answers(call)] == [answers(call)[0].text]
    assert [text for speaker, text in call.said if speaker == "customer"] == [
        "which colour is it and is it soft"
    ]
    assert call.said[2][1].count("It is a lovely blue sofa.") == 1
    speculation = figures(call)
    assert (speculation.asked_ahead, speculation.asked_ahead_used, speculation.asked_ahead_void) == (2, 1, 1)
    assert (speculation.guesses, speculation.guesses_void) == (2, 1)
    assert 0 < speculation.decoded_void_s < speculation.decoded_s


async def test_the_request_is_aborted_as_soon_as_the_speaker_goes_on() -> None:
    class Closing(SlowModel):
        closed_s: float = 0.0

        async def stream(self, request: ChatRequest, *, deadline_s: float) -> AsyncGenerator[str, None]:
            try:
                async for piece in super().stream(request, deadline_s=deadline_s):
                    yield piece
            except asyncio.CancelledError:
                self.closed_s = self.closed_s or asyncio.get_running_loop().time() - 0.5
                raise

    model = Closing(GOOD, pace_s=0.1)
    await talk(model, QUESTION, Line(10.8, "and is it soft", 0.8))
    assert model.closed_s == pytest.approx(10.8 + 0.1, abs=0.06)
    assert len(model.requests) == 2


async def test_pieces_of_a_dropped_answer_that_come_late_are_not_spoken() -> None:
    class Stubborn(SlowModel):
        async def stream(self, request: ChatRequest, *, deadline_s: float) -> AsyncGenerator[str, None]:
            self.requests.append(request)
            text = "first" if len(self.requests) == 1 else "second"
            try:
                await asyncio.sleep(0.4)
            except asyncio.CancelledError:
                await asyncio.sleep(0.4)
            yield f'{{"act": "answer", "intent": "", "text": "This is the {text} one. It is blue."}}'

    model = Stubborn(GOOD)
    call = await talk(model, QUESTION, Line(10.75, "and is it soft", 0.8))
    assert len(model.requests) == 2
    spoken = " ".join(text for _, text in call.said)
    assert "This is the second one." in spoken
    assert "first one" not in spoken


@pytest.mark.parametrize("digit_s", [ASKED_AHEAD_S + 0.1, ASKED_AHEAD_S + 0.2])
async def test_a_key_makes_it_void(digit_s: float) -> None:
    model = SlowModel(GOOD, pace_s=0.1)
    call = await talk(model, digits=[(digit_s, "9")])
    assert call.result.connected == "opt_out"
    assert model.closed_early
    assert figures(call).asked_ahead_void == 1
    assert "sofa." not in " ".join(text for speaker, text in call.said[1:] if speaker == "agent")


async def test_being_put_on_hold_makes_it_void() -> None:
    model = SlowModel(GOOD, pace_s=0.1)
    call = await talk(model, holds=[(ASKED_AHEAD_S + 0.1, 14.0)], hang_up_s=17.0)
    assert model.closed_early
    assert len(model.requests) == 1
    assert not call.leg.heard_between(9.0, 14.0)
    assert [speaker for speaker, _ in call.said] == ["agent"]


async def test_an_interruption_of_an_answer_asked_ahead_aborts_it() -> None:
    model = SlowModel(GOOD, pace_s=0.3)
    call = await talk(model, QUESTION, Line(14.5, "stop calling me", 1.0))
    assert model.closed_early
    assert figures(call).asked_ahead_used == 1
    assert call.result.opted_out


@pytest.mark.parametrize("hang_up_s", [10.75, 10.8, 10.9, 11.0, 11.5, 13.0])
async def test_a_hang_up_at_any_moment_of_it_leaves_nothing_behind(hang_up_s: float) -> None:
    model = SlowModel(GOOD, pace_s=0.2)
    limit = AheadLimit(4)
    call = await talk(model, hang_up_s=hang_up_s, ahead=limit)
    assert model.requests
    assert model.closed_early
    assert limit.under_way == 0
    assert await nobody_is_left()
    assert call.leg.ended_s == pytest.approx(hang_up_s)
    speculation = figures(call)
    assert speculation.asked_ahead == speculation.asked_ahead_used + speculation.asked_ahead_void


# -- a model that is slow or down --------------------------------------------------------------


async def test_the_budget_of_the_first_clause_counts_from_the_end_of_the_turn() -> None:
    model = SlowModel(GOOD, first_s=1.2, pace_s=0.02)
    call = await talk(model)
    first_clause_s = 1.2 + GOOD.index(" People") / 4 * 0.02
    assert first_clause_s > Settings().model_server.first_clause_s - 0.1
    assert answers(call)[0].answered_by == "llm"


@pytest.mark.parametrize("first_s", [0.0, 0.3, 1.0, 1.3, 1.6, 2.0, 8.0])
async def test_asking_ahead_never_makes_the_silence_longer(first_s: float) -> None:
    ahead = await talk(SlowModel(GOOD, first_s=first_s))
    not_ahead = await talk(SlowModel(GOOD, first_s=first_s), settings=NOT_AHEAD)
    longest, usual = (answers(call)[0].reply_latency_ms or 0 for call in (ahead, not_ahead))
    assert longest <= usual + 1


async def test_a_request_that_failed_ahead_counts_for_nothing() -> None:
    class FailsOnce(SlowModel):
        async def stream(self, request: ChatRequest, *, deadline_s: float) -> AsyncGenerator[str, None]:
            if not self.requests:
                self.requests.append(request)
                raise EngineDown("not just now")
            async for piece in super().stream(request, deadline_s=deadline_s):
                yield piece

    model = FailsOnce(GOOD)
    call = await talk(model)
    assert len(model.requests) == 2
    assert answers(call)[0].answered_by == "llm"
    assert figures(call).asked_ahead_void == 1


async def test_a_server_that_is_down_leads_to_the_scripts_own_answer() -> None:
    call = await talk(SlowModel(GOOD, fails=True))
    assert answers(call)[0].text.startswith(SCRIPTED)


# -- caps --------------------------------------------------------------------------------------


async def test_who_pauses_often_is_asked_about_ahead_only_a_few_times() -> None:
    pauses = [Line(9.5 + 1.35 * n, f"well number {n}") for n in range(5)]
    model = SlowModel(GOOD, pace_s=0.1)
    call = await talk(model, *pauses)
    assert figures(call).asked_ahead == MOST_TRIES
    assert len(model.requests) == MOST_TRIES + 1
    assert figures(call).guesses == 5


async def test_the_next_turn_has_its_tries_again() -> None:
    model = SlowModel(GOOD, first_s=0.1, pace_s=0.001)
    lines = [Line(9.5 + 18.0 * n, f"which colour is it {n}") for n in range(MOST_TRIES + 1)]
    call = await talk(model, *lines, hang_up_s=65.0)
    assert figures(call).asked_ahead == figures(call).asked_ahead_used == MOST_TRIES + 1


async def test_after_a_long_speech_nothing_is_asked_ahead() -> None:
    model = SlowModel(GOOD)
    call = await talk(model, Line(9.5, "so as I was saying", LONGEST_SPEECH_MS / 1000 + 0.5), hang_up_s=32)
    assert figures(call).asked_ahead == 0
    assert len(model.requests) == 1


@pytest.mark.parametrize("limit", [AheadLimit(0), AheadLimit(9, healthy=lambda: False)])
async def test_beyond_the_bound_or_with_a_failing_server_the_model_is_asked_at_the_end(
    limit: AheadLimit,
) -> None:
    model = SlowModel(GOOD)
    call = await talk(model, ahead=limit)
    assert figures(call).asked_ahead == 0
    assert len(model.requests) == 1
    assert answers(call)[0].answered_by == "llm"


async def test_all_calls_share_the_bound_and_give_their_places_back() -> None:
    limit = AheadLimit(2)
    models = [SlowModel(GOOD) for _ in range(4)]
    calls = await asyncio.gather(*(talk(model, ahead=limit) for model in models))
    assert sum(figures(call).asked_ahead for call in calls) == 2
    assert all(answers(call)[0].answered_by == "llm" for call in calls)
    assert limit.under_way == 0


async def test_an_answer_that_was_taken_but_never_begun_is_aborted_too() -> None:
    ask = await ask_of("which colour is it")
    model = SlowModel(GOOD)
    async with asyncio.TaskGroup() as group:
        limit = AheadLimit(1)
        ahead = AskingAhead(group, model, limit)
        asking = Asking(model, SCRIPT, ModelServerSettings(), lambda event: None, ahead)
        asking.ask_ahead(Question(1, ask), 500)
        await asyncio.sleep(0.3)
        asking.sayings(Question(1, ask))
        asking.abort()
        before_s = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() == before_s
    assert model.closed_early
    assert (len(model.requests), limit.under_way) == (1, 0)


# -- the number of the question ---------------------------------------------------------------


async def test_only_the_very_same_question_takes_the_answer() -> None:
    ask = await ask_of("which colour is it")
    question = Question(7, ask)
    others = [
        replace(question, utterance=8),
        replace(question, ask=replace(ask, messages=(*ask.messages, ("user", "and more")))),
        replace(question, ask=replace(ask, state=replace(ask.state, slots={"day": "monday"}))),
    ]
    for other in others:
        model = SlowModel(GOOD)
        async with asyncio.TaskGroup() as group:
            ahead = AskingAhead(group, model, AheadLimit(1))
            ahead.ask(question, 500)
            await asyncio.sleep(0.1)
            assert ahead.take(other) is None
            assert (ahead.used, ahead.dropped) == (0, 1)
        assert model.closed_early
    async with asyncio.TaskGroup() as group:
        model = SlowModel(GOOD)
        ahead = AskingAhead(group, model, AheadLimit(1))
        ahead.ask(question, 500)
        ahead.ask(question, 500)
        taken = ahead.take(Question(7, ask))
        assert taken
        assert "".join([piece async for piece in taken.pieces()]) == GOOD
        assert len(model.requests) == 1
