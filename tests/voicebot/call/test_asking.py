"""A streamed answer of the language model within a call: spoken as it comes, guarded, replaceable."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

import pytest

from models.engine import EngineDown
from models.llm import ChatRequest
from tests.voicebot.call.scripted_call import Line, Played, play_call

pytestmark = pytest.mark.virtual_time

SCRIPTED = "Sorry what was that"
GOOD = json.dumps(
    {
        "act": "answer",
        "intent": "",
        "text": "It is a lovely blue sofa. People like to sit on it and to read or talk with friends. "
        "It looks good in a living room with much light and with a carpet.",
    }
)


@dataclass
class SlowModel:
    """Streams `answer` in small pieces, one each `pace_s`; notes whether it was closed early."""

    answer: str
    pace_s: float = 0.02
    first_s: float = 0.2
    fails: bool = False
    requests: list[ChatRequest] = field(default_factory=list)
    closed_early: bool = False

    async def stream(self, request: ChatRequest, *, deadline_s: float) -> AsyncGenerator[str, None]:
        self.requests.append(request)
        done = False
        try:
            await asyncio.sleep(self.first_s)
            if self.fails:
                raise EngineDown("no server")
            for start in range(0, len(self.answer), 4):
                yield self.answer[start : start + 4]
                await asyncio.sleep(self.pace_s)
            done = True
        finally:
            self.closed_early = not done


async def ask(model: SlowModel, *more: Line) -> Played:
    return await play_call(Line(9.5, "which colour is it"), *more, chat=model, hang_up_s=26)


def replies(call: Played) -> Sequence[str]:
    return [turn.text for turn in call.result.turns if turn.speaker == "agent"][1:]


async def test_the_answer_is_spoken_while_it_streams_and_the_question_follows() -> None:
    model = SlowModel(GOOD, pace_s=0.05)
    call = await ask(model)
    reply = next(turn for turn in call.result.turns if turn.reply_latency_ms is not None)
    assert reply.text.startswith("It is a lovely blue sofa")
    assert reply.text.endswith("Would you like to have it")
    assert reply.answered_by == "llm"
    whole_answer_ms = len(GOOD) / 4 * model.pace_s * 1000
    assert reply.decide_ms is not None
    assert 500 < reply.decide_ms < whole_answer_ms / 2


async def test_the_customers_words_and_the_fixed_head_reach_the_model() -> None:
    model = SlowModel(GOOD)
    await ask(model)
    head, question = model.requests[0].messages
    assert head.role == "system"
    assert "which colour is it" not in head.content
    assert "which colour is it" in question.content


@pytest.mark.parametrize(
    "answer",
    [
        "not json at all",
        json.dumps(
            {"act": "answer", "intent": "", "text": "It is free of charge for ever. I promise you that."}
        ),
        json.dumps({"act": "dance", "intent": "", "text": "La la la."}),
        json.dumps({"act": "goto", "intent": "nowhere", "text": ""}),
        '{"act": "answer", "intent": "", "text": "It never ends',
    ],
)
async def test_an_unusable_answer_is_replaced_by_the_scripts_own(answer: str) -> None:
    call = await ask(SlowModel(answer, pace_s=0.001))
    assert replies(call)[0].startswith(SCRIPTED)


async def test_a_model_that_is_down_or_late_is_replaced_by_the_scripts_own() -> None:
    down = await ask(SlowModel(GOOD, fails=True))
    late = SlowModel(GOOD, first_s=8.0)
    too_late = await ask(late)
    assert replies(down)[0].startswith(SCRIPTED)
    assert replies(too_late)[0].startswith(SCRIPTED)
    assert late.closed_early


async def test_a_model_that_stops_in_the_middle_is_not_waited_for_for_ever() -> None:
    class Stalls(SlowModel):
        async def stream(self, request: ChatRequest, *, deadline_s: float) -> AsyncGenerator[str, None]:
            yield GOOD[: GOOD.index("People like") + 20]
            await asyncio.Event().wait()

    call = await play_call(Line(9.5, "which colour is it"), chat=Stalls(GOOD), hang_up_s=32)
    reply = replies(call)[0]
    assert reply.startswith("It is a lovely blue sofa.")
    assert SCRIPTED in reply


async def test_the_model_may_move_the_dialogue_on() -> None:
    answer = json.dumps({"act": "goto", "intent": "no", "text": ""})
    call = await ask(SlowModel(answer))
    assert call.result.outcome == "refused"


async def test_an_interruption_aborts_the_generation() -> None:
    model = SlowModel(GOOD, pace_s=0.3)
    call = await ask(model, Line(14.5, "stop calling me", 1.0))
    assert model.closed_early
    assert call.result.opted_out
