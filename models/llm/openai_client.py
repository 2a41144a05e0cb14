"""A chat model behind an OpenAI-compatible endpoint (vLLM, llama.cpp, a hosted service), over HTTP.

Plain HTTP instead of the vendor's client: an answer of a server that may be broken or hostile is then bounded
in bytes and time at one place, errors included, and nothing retries behind our back.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx2

from models.engine import EngineDown, EngineError, EngineLate
from models.llm import ChatRequest
from models.llm.circuit_breaker import CircuitBreaker


@dataclass(frozen=True)
class ChatModelSettings:
    """`base_url` ends in '/v1'. `api_key` never appears in a log or a repr."""

    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    temperature: float = 0.2
    first_token_s: float = 1.5
    """An answer that has not begun by then is too late for a conversation."""
    max_connections: int = 64
    max_bytes: int = 1 << 20
    """Longest answer as sent: about 200 bytes a token."""


class _Unreachable(EngineDown):
    """The server did not take or finish the request: worth a second try."""


class _TooLong(EngineDown):
    """The model talks too much: no use to this call, but no fault of the server."""


class OpenAiChatModel:
    """A `ChatModel`. One for all calls: it holds the connection pool and the circuit breaker.

    Use as `async with OpenAiChatModel(settings) as model`.
    """

    def __init__(self, settings: ChatModelSettings, breaker: CircuitBreaker | None = None) -> None:
        self.breaker = breaker or CircuitBreaker()
        self._settings = settings
        headers = {"Accept-Encoding": "identity"}
        if settings.api_key:
            headers["Authorization"] = f"Bearer {settings.api_key}"
        self._client = httpx2.AsyncClient(
            base_url=settings.base_url,
            headers=headers,
            limits=httpx2.Limits(max_connections=settings.max_connections),
            timeout=None,  # Deadlines are kept in `_attempt`, over connecting, waiting and reading together.
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def stream(self, request: ChatRequest, *, deadline_s: float) -> AsyncGenerator[str, None]:
        """Pieces of the JSON answer as they come; iterate inside `contextlib.aclosing`, so that leaving early
        aborts the generation on the server.

        Raises EngineLate (no first token within `first_token_s`, or no end within `deadline_s`) or EngineDown
        (unreachable, refused, broken off, cut at `max_tokens`, malformed, or the circuit is open).
        """
        loop = asyncio.get_running_loop()
        started = loop.time()
        ticket = self.breaker.admit(started)
        if ticket is None:
            raise EngineDown("the language model kept failing and is left alone for a while")
        answered = False
        try:
            async with aclosing(self._answer(self._body(request), started, deadline_s)) as pieces:
                async for piece in pieces:
                    answered = True
                    yield piece
        except _TooLong:
            self.breaker.succeeded(ticket)
            raise
        except EngineError:
            self.breaker.failed(ticket, loop.time())
            raise
        except (asyncio.CancelledError, GeneratorExit):
            if answered:
                self.breaker.succeeded(ticket)
            raise
        else:
            self.breaker.succeeded(ticket)
        finally:
            self.breaker.abandoned(ticket)  # Says nothing if the outcome was told.

    def _body(self, request: ChatRequest) -> Mapping[str, Any]:
        # `response_format`, not vLLM's `guided_json`: newer servers ignore that one without a word.
        schema = {"name": "reply", "strict": True, "schema": dict(request.json_schema)}
        return {
            "model": self._settings.model,
            "messages": [{"role": each.role, "content": each.content} for each in request.messages],
            "max_tokens": request.max_tokens,
            "temperature": self._settings.temperature,
            "stream": True,
            "response_format": {"type": "json_schema", "json_schema": schema},
        }

    async def _answer(
        self, body: Mapping[str, Any], started: float, deadline_s: float
    ) -> AsyncGenerator[str, None]:
        """With one retry, as long as nothing was said."""
        end = started + deadline_s
        first = min(end, started + self._settings.first_token_s)
        for last_try in (False, True):
            answered = False
            try:
                async with aclosing(self._attempt(body, first, end)) as pieces:
                    async for piece in pieces:
                        answered = True
                        yield piece
                return
            except _Unreachable:
                if answered or last_try:
                    raise

    async def _attempt(self, body: Mapping[str, Any], first: float, end: float) -> AsyncGenerator[str, None]:
        deadline = first
        async with AsyncExitStack() as stack:
            # No timeout may be running at a `yield`: it would fire in whatever the caller does meanwhile.
            try:
                async with asyncio.timeout_at(deadline):
                    response = await stack.enter_async_context(
                        self._client.stream("POST", "chat/completions", json=body)
                    )
                    _check(response)
                    pieces = await stack.enter_async_context(
                        aclosing(_pieces(response, self._settings.max_bytes))
                    )
                while True:
                    async with asyncio.timeout_at(deadline):
                        piece = await anext(pieces, None)
                    if piece is None:
                        break
                    deadline = end
                    yield piece
            except TimeoutError:
                raise EngineLate(f"no {'end' if deadline == end else 'first token'} in time") from None
            except httpx2.HTTPError as error:
                # Not the message: it may quote what a customer said.
                raise _Unreachable(f"the language model's server failed: {type(error).__name__}") from None


def _check(response: httpx2.Response) -> None:
    """Without reading an error's body, which may be endless and may quote the prompt."""
    if response.status_code >= 500 or response.status_code == 429:
        raise _Unreachable(f"the language model's server answered {response.status_code}")
    if response.status_code != 200:
        raise EngineDown(f"the language model's server refused with {response.status_code}")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise EngineDown("the language model's server compresses unasked")


async def _pieces(response: httpx2.Response, max_bytes: int) -> AsyncGenerator[str, None]:
    """The text of each server-sent event. Reads to the end, so that the connection can be used again."""
    received = 0
    rest = b""
    reason: str | None = None
    async for chunk in response.aiter_raw():
        received += len(chunk)
        if received > max_bytes:
            raise EngineDown(f"the language model's answer exceeds {max_bytes} bytes")
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            data = line.removeprefix(b"data:").strip()
            if data == line.strip() or data == b"[DONE]":
                continue
            piece, stopped = _event(data)
            reason = stopped or reason
            if piece:
                yield piece
    if reason == "length":
        raise _TooLong("the language model's answer is longer than was asked for")
    if reason != "stop":
        raise EngineDown(f"the language model's answer broke off ({reason})")


def _event(data: bytes) -> tuple[str, str | None]:
    """Text and finish reason of one streamed chunk. Raises EngineDown when it is no such thing."""
    try:
        event = json.loads(data)
        if not event["choices"]:  # The usage report.
            return "", None
        choice = event["choices"][0]
        piece, reason = choice["delta"].get("content") or "", choice.get("finish_reason")
    except (ValueError, RecursionError, KeyError, IndexError, TypeError, AttributeError):
        raise EngineDown("the language model's server sent no chat completion") from None
    if not isinstance(piece, str) or not isinstance(reason, str | None):
        raise EngineDown("the language model's server sent no chat completion")
    return piece, reason
