"""The chat client against a real small model, and against servers that stall, break or misbehave."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx2
import pytest

from models.engine import EngineDown, EngineLate
from models.llm import ChatMessage, ChatRequest
from models.llm.circuit_breaker import CircuitBreaker
from models.llm.json_stream import JsonTextStream
from models.llm.openai_client import ChatModelSettings, OpenAiChatModel
from tests.system.small_model import running_small_model

SCHEMA = {
    "type": "object",
    "properties": {
        "act": {"type": "string", "enum": ["answer", "end_call", "transfer"]},
        "text": {"type": "string", "maxLength": 120},
        "sure": {"type": "boolean"},
    },
    "required": ["act", "text", "sure"],
    "additionalProperties": False,
}
REQUEST = ChatRequest(
    [
        ChatMessage("system", "You work for a shop. Answer the customer in one short sentence, as JSON."),
        ChatMessage("user", "How much discount do I get when I come back?"),
    ],
    SCHEMA,
    max_tokens=80,
)
WITHOUT_END = {"type": "object", "properties": {"text": {"type": "string"}}}
LONG = ChatRequest([ChatMessage("user", "Tell me a very long story.")], WITHOUT_END, max_tokens=1000)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Base URL of the small model's server."""
    with running_small_model() as (url, _):
        yield url


def client(url: str, **settings: Any) -> OpenAiChatModel:
    settings = {"first_token_s": 20.0, **settings}
    return OpenAiChatModel(ChatModelSettings(f"{url}/v1", "small", api_key="secret", **settings))


async def stats(url: str) -> dict[str, Any]:
    async with httpx2.AsyncClient() as http:
        answer: dict[str, Any] = (await http.get(f"{url}/stats")).json()
    return answer


async def until(url: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The server's stats as soon as they fulfil the condition."""
    async with asyncio.timeout(10):
        while not condition(now := await stats(url)):  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.02)
    return now


async def collect(
    model: OpenAiChatModel, request: ChatRequest = REQUEST, deadline_s: float = 20
) -> list[str]:
    async with aclosing(model.stream(request, deadline_s=deadline_s)) as pieces:
        return [piece async for piece in pieces]


async def test_the_models_answer_streams_and_obeys_the_schema(server: str) -> None:
    async with client(server) as model:
        reader = JsonTextStream()
        early = []
        async with aclosing(model.stream(REQUEST, deadline_s=20)) as pieces:
            async for piece in pieces:
                new = reader.feed(piece)
                if new and not reader.text_complete:
                    early.append(new)
    answer = reader.finish()
    print("\n", answer)
    assert set(answer) == {"act", "text", "sure"}
    assert answer["act"] in SCHEMA["properties"]["act"]["enum"]  # type: ignore[index]
    assert isinstance(answer["sure"], bool)
    assert len(early) > 3
    assert "".join(early) == answer["text"]


async def test_the_text_is_the_models_own(server: str) -> None:
    """Another question, another answer; the same question, the same answer (decoding is greedy)."""
    other = ChatRequest([ChatMessage("user", "Name three animals.")], SCHEMA, max_tokens=80)
    async with client(server) as model:
        first, second, third = [await collect(model, each) for each in (REQUEST, other, REQUEST)]
    assert first == third != second


async def test_leaving_mid_stream_stops_the_generation(server: str) -> None:
    before = (await stats(server))["tokens_written"]
    async with client(server) as model:
        async with aclosing(model.stream(LONG, deadline_s=20)) as pieces:
            async for _ in pieces:
                if (await stats(server))["tokens_written"] - before > 12:
                    break
        stopped = (await until(server, lambda now: not now["busy"]))["tokens_written"]
        assert stopped - before < 100
        await asyncio.sleep(0.3)
        assert (await stats(server))["tokens_written"] == stopped
        assert model.breaker.closed


async def test_cancelling_the_task_stops_the_generation(server: str) -> None:
    async with client(server) as model:
        before = (await stats(server))["tokens_written"]
        task = asyncio.create_task(collect(model, LONG))
        await until(server, lambda now: now["tokens_written"] > before)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (await until(server, lambda now: not now["busy"]))["tokens_written"] - before < 200


async def test_an_answer_without_end_is_late(server: str) -> None:
    async with client(server) as model:
        started = time.monotonic()
        with pytest.raises(EngineLate, match="no end"):
            await collect(model, LONG, deadline_s=1.5)
    assert time.monotonic() - started < 5


async def test_an_answer_cut_at_max_tokens_is_no_answer(server: str) -> None:
    async with client(server) as model:
        with pytest.raises(EngineDown, match="longer than was asked for"):
            await collect(model, ChatRequest(REQUEST.messages, SCHEMA, max_tokens=15))


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


@asynccontextmanager
async def serving(handler: Handler, port: int = 0) -> AsyncIterator[str]:
    """Base URL of a server that treats each connection as `handler` does."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
            await reader.readexactly(int(length.split(b":")[1]))
            await handler(reader, writer)
        writer.close()

    listening = await asyncio.start_server(connected, "127.0.0.1", port)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()


def says(*bodies: bytes, status: str = "200 OK", headers: str = "") -> Handler:
    """Each connection gets the next body; the last one is repeated."""
    left = list(bodies)

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = left.pop(0) if len(left) > 1 else left[0]
        if body:
            writer.write(f"HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n".encode() + body)
            await writer.drain()

    return handler


def event(content: str | None, reason: str | None = None) -> bytes:
    return (
        b"data: %s\n\n"
        % json.dumps({"choices": [{"delta": {"content": content}, "finish_reason": reason}]}).encode()
    )


WHOLE = event("{}") + event(None, "stop") + b"data: [DONE]\n\n"


async def stalls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def test_a_stalled_server_is_late_at_the_first_token_deadline() -> None:
    async with serving(stalls) as url, client(url, first_token_s=0.3) as model:
        started = time.monotonic()
        with pytest.raises(EngineLate, match="no first token"):
            await collect(model)
        assert 0.25 < time.monotonic() - started < 3


async def test_a_server_that_is_down_is_noticed_at_once_and_left_alone_until_it_is_back() -> None:
    async with serving(says(WHOLE)) as url:
        pass
    settings = ChatModelSettings(f"{url}/v1", "small")
    breaker = CircuitBreaker(failures=3, window_s=60, open_s=0.3)
    async with OpenAiChatModel(settings, breaker) as model:
        started = time.monotonic()
        for _ in range(3):
            with pytest.raises(EngineDown, match="ConnectError"):
                await collect(model)
        with pytest.raises(EngineDown, match="left alone"):
            await collect(model)
        assert time.monotonic() - started < 3
        assert not breaker.closed
        async with serving(says(WHOLE), int(url.rpartition(":")[2])):
            await asyncio.sleep(0.3)
            assert await collect(model) == ["{}"]
        assert breaker.closed


async def test_one_retry_before_the_first_token_and_none_after_it() -> None:
    async with serving(says(b"", WHOLE)) as url, client(url) as model:
        assert await collect(model) == ["{}"]
    async with serving(says(b"", b"", WHOLE)) as url, client(url) as model:
        with pytest.raises(EngineDown, match="RemoteProtocolError"):
            await collect(model)
    async with serving(says(event("{"), WHOLE)) as url, client(url) as model:
        with pytest.raises(EngineDown, match="broke off"):
            await collect(model)


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (says(b"our secret prompt", status="401 Unauthorized"), "refused with 401"),
        (says(b"x" * 100_000, status="503 Service Unavailable"), "answered 503"),
        (says(WHOLE, headers="Location: http://127.0.0.1:1/\r\n", status="302 Found"), "refused with 302"),
        (says(WHOLE, headers="Content-Encoding: gzip\r\n"), "compresses unasked"),
        (says(event("a" * 900) * 200), "exceeds 65536 bytes"),
        (says(b"data: " + b"a" * 100_000), "exceeds 65536 bytes"),
        (says(b"<html>hello</html>"), "broke off"),
        (says(b"data: not json\n\n"), "no chat completion"),
        (says(b"data: " + b"[" * 50_000 + b"\n\n"), "no chat completion"),
        (says(b'data: {"error": {"message": "our secret prompt"}}\n\n'), "no chat completion"),
        (says(b'data: {"choices": [{"delta": {"content": 7}}]}\n\n'), "no chat completion"),
        (says(event("{}")), "broke off"),
    ],
)
async def test_a_misbehaving_server_is_down_and_is_not_quoted(handler: Handler, message: str) -> None:
    async with serving(handler) as url, client(url, max_bytes=1 << 16) as model:
        with pytest.raises(EngineDown, match=message) as caught:
            await collect(model)
    assert "secret" not in str(caught.value)


def test_the_key_is_not_shown() -> None:
    assert "secret" not in repr(ChatModelSettings("http://127.0.0.1/v1", "small", api_key="secret"))
