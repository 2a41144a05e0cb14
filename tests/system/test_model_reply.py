"""Whole calls in which a real small model is asked: what it writes is spoken, or the script's own answer.

The callee is scripted and the other engines are simple; the model, its server, the client and the guard are
real, and so is the time. All calls run at once.
"""

import asyncio
import copy
import json
import subprocess
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import pytest

from models.llm import ChatModel, ChatRequest
from models.llm.openai_client import ChatModelSettings, OpenAiChatModel
from tests.system.small_model import running_small_model
from tests.voicebot.call.scripted_call import Line, Played, play_call
from voicebot.call.result import TurnResult
from voicebot.settings import ModelServerSettings, Settings

QUESTION = "which colour is it"
OPEN_QUESTION = "Would you like to have it"
ASKED_AGAIN = f"Sorry what was that {OPEN_QUESTION}"
PATIENT = Settings(model_server=ModelServerSettings(first_clause_s=15))
HANG_UP_S = 30.0
FALSE_PROMISES = ("You get 70 percent off.", "It costs 5 dollars and comes on Monday.")


@dataclass
class Overheard:
    """Passes a model's answer on and keeps it. A model of this size chooses badly between the acts, so it is
    left one; the words are its own unless it is given `texts` to choose from."""

    model: ChatModel
    act: str = "answer"
    texts: tuple[str, ...] = ()
    answer: str = ""
    requests: list[ChatRequest] = field(default_factory=list)

    async def stream(self, request: ChatRequest, *, deadline_s: float) -> AsyncGenerator[str, None]:
        schema = copy.deepcopy(dict(request.json_schema or {}))
        members = schema["properties"]
        members["act"]["enum"], members["intent"]["enum"] = [self.act], [""]
        members["text"]["maxLength"] = 60
        if self.texts:
            members["text"]["enum"] = list(self.texts)
        self.requests.append(request)
        narrowed = ChatRequest(request.messages, schema, request.max_tokens)
        async for piece in self.model.stream(narrowed, deadline_s=deadline_s):
            self.answer += piece
            yield piece


@dataclass
class Doomed(Overheard):
    """Its server is killed as soon as it has begun to answer."""

    server: subprocess.Popen[str] | None = None

    async def stream(self, request: ChatRequest, *, deadline_s: float) -> AsyncGenerator[str, None]:
        async for piece in super().stream(request, deadline_s=deadline_s):
            assert self.server
            self.server.kill()
            yield piece


@dataclass(frozen=True)
class Asked:
    """A call, and what the model wrote in it."""

    call: Played
    chat: Overheard

    @property
    def reply(self) -> TurnResult:
        """The bot's turn after the question."""
        return [turn for turn in self.call.result.turns if turn.speaker == "agent"][1]


async def place_calls() -> dict[str, Asked]:
    with running_small_model() as (url, _), running_small_model() as (doomed_url, doomed_server):
        async with client(url) as model, client(doomed_url) as doomed:
            chats = {
                "server killed": Doomed(doomed, server=doomed_server),
                "its own words": Overheard(model),
                "no intent named": Overheard(model, act="goto"),
                "false promises": Overheard(model, texts=FALSE_PROMISES),
            }
            calls = await asyncio.gather(
                *(
                    # One after the other: the server answers one at a time, and an answer may take 12 s.
                    play_call(Line(9 + 0.9 * n, QUESTION), chat=chat, settings=PATIENT, hang_up_s=HANG_UP_S)
                    for n, chat in enumerate(chats.values())
                )
            )
    return {name: Asked(call, chats[name]) for name, call in zip(chats, calls, strict=True)}


def client(url: str) -> OpenAiChatModel:
    return OpenAiChatModel(ChatModelSettings(f"{url}/v1", "small", first_token_s=15.0))


@pytest.fixture(scope="module")
def calls() -> dict[str, Asked]:
    return asyncio.run(place_calls())


def test_what_the_model_writes_is_spoken_and_the_open_question_follows(calls: dict[str, Asked]) -> None:
    asked = calls["its own words"]
    written = json.loads(asked.chat.answer)["text"]
    print("\n", written)
    turn = asked.reply
    assert turn.answered_by == "llm"
    assert len(written.split()) >= 3
    assert turn.text == f"{' '.join(written.split())} {OPEN_QUESTION}"
    assert asked.call.leg.heard_between(turn.start_ms / 1000, turn.end_ms / 1000 - 0.1)
    assert turn.decide_ms is not None
    assert turn.decide_ms > 0


def test_the_model_is_told_what_was_said_and_what_it_may_claim(calls: dict[str, Asked]) -> None:
    (request,) = calls["its own words"].chat.requests
    head, question = request.messages
    assert "The sofa is blue and soft." in head.content
    assert QUESTION in question.content


@pytest.mark.parametrize("name", ["no intent named", "false promises", "server killed"])
def test_what_cannot_be_used_is_replaced_by_the_scripts_own_answer(
    calls: dict[str, Asked], name: str
) -> None:
    turn = calls[name].reply
    assert calls[name].chat.answer, "the model had begun to answer"
    assert (turn.text, turn.answered_by) == (ASKED_AGAIN, "script")
    assert turn.reply_latency_ms is not None
    assert turn.reply_latency_ms < 15_000


def test_the_guard_refused_a_whole_and_valid_answer(calls: dict[str, Asked]) -> None:
    answer = json.loads(calls["false promises"].chat.answer)
    assert answer["act"] == "answer"
    assert answer["text"] in FALSE_PROMISES
