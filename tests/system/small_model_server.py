"""A real, very small chat model behind an OpenAI-compatible endpoint, in a process of its own.

    python tests/system/small_model_server.py MODEL.gguf    prints its port, serves until stdin closes

POST /v1/chat/completions streams an answer that obeys `response_format: json_schema`: what the schema leaves
open is chosen by the model's own logits, the rest is forced. GET /stats tells how many tokens were written.
"""

import argparse
import asyncio
import codecs
import ctypes
import json
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import uvicorn
from ik_llama_cpp import _ctypes_api as llama
from ik_llama_cpp._internals import IkContext, IkModel, make_batch_range
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

CONTEXT = 2048


class TooLongError(Exception):
    """The answer reached `max_tokens`."""


class SmallModel:
    """One generation at a time, greedy. All methods run in one thread."""

    def __init__(self, file: str) -> None:
        self._model = IkModel(file)
        self._context = IkContext(self._model, n_ctx=CONTEXT, n_threads=1, flash_attn=False)
        self._buffer = ctypes.create_string_buffer(256)
        self._pieces = [self._piece(token) for token in range(self._model.n_vocab)]
        # Inside a string: no control characters (special tokens have no text), no escapes.
        self._unspeakable = np.array(
            [not piece or b"\\" in piece or any(byte < 32 for byte in piece) for piece in self._pieces]
        )
        self._quotes = np.array([b'"' in piece for piece in self._pieces])
        self._ends = np.array(
            [llama.llama_token_is_eog(self._model.model, token) for token in range(len(self._pieces))]
        )
        self._position = 0
        self._left = 0
        self.tokens_written = 0

    def answer(self, messages: Sequence[Mapping[str, str]], schema: Any, max_tokens: int) -> Iterator[str]:
        """Pieces of a JSON value that obeys `schema`. Raises TooLongError."""
        turns = [f"<|im_start|>{each['role']}\n{each['content']}<|im_end|>\n" for each in messages]
        prompt = "".join(turns) + "<|im_start|>assistant\n"
        tokens = self._model.tokenize(prompt, add_bos=False, special=True)
        if len(tokens) + max_tokens > CONTEXT:
            raise ValueError("the prompt is too long")
        self._context.kv_cache_clear()
        self._position = 0
        self._read(tokens)
        self._left = max_tokens
        yield from self._value(schema)

    def _value(self, schema: Mapping[str, Any]) -> Iterator[str]:
        if "enum" in schema:
            yield from self._choice([json.dumps(option) for option in schema["enum"]])
        elif schema["type"] == "boolean":
            yield from self._choice(["true", "false"])
        elif schema["type"] == "string":
            yield from self._string(schema.get("maxLength", CONTEXT))
        else:
            opening = "{"
            for name, member in schema["properties"].items():
                yield from self._forced(f'{opening}"{name}": ')
                yield from self._value(member)
                opening = ", "
            yield from self._forced("}" if schema["properties"] else "{}")

    def _forced(self, text: str) -> Iterator[str]:
        for token in self._model.tokenize(text, add_bos=False):
            self._write(token)
        yield text

    def _choice(self, options: Sequence[str]) -> Iterator[str]:
        """Walk the options' tokens; wherever they part, the likelier one wins."""
        paths = [self._model.tokenize(option, add_bos=False) for option in options]
        for depth in range(max(map(len, paths))):
            tokens = sorted({path[depth] for path in paths if depth < len(path)})
            if not tokens:
                return
            logits = self._logits()
            token = max(tokens, key=lambda each: float(logits[each]))
            self._write(token)
            yield self._pieces[token].decode()
            paths = [path for path in paths if path[depth : depth + 1] == [token]]

    def _string(self, max_length: int) -> Iterator[str]:
        """Free text until the model closes the quotes, ends its turn or has said `max_length` characters."""
        yield from self._forced('"')
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        said = ""
        while len(said) < max_length:
            logits = np.where(self._unspeakable & ~self._ends, -np.inf, self._logits())
            if not said.strip():
                logits[self._quotes | self._ends] = -np.inf
            token = int(logits.argmax())
            piece, quote, _ = self._pieces[token].partition(b'"')
            if not self._ends[token] and not quote:
                self._write(token)
            text = decoder.decode(piece, final=bool(quote) or bool(self._ends[token]))
            text = text[: max_length - len(said)]
            said += text
            if text:
                yield text
            if quote or self._ends[token]:
                break
        yield from self._forced('"')

    def _write(self, token: int) -> None:
        if self._left == 0:
            raise TooLongError
        self._left -= 1
        self._read([token])
        self.tokens_written += 1

    def _read(self, tokens: Sequence[int]) -> None:
        batch = make_batch_range(list(tokens), pos_start=self._position)
        fault = self._context.decode(batch)
        llama.llama_batch_free(batch)
        if fault:
            raise RuntimeError(f"llama_decode failed with {fault}")
        self._position += len(tokens)

    def _logits(self) -> NDArray[np.float32]:
        return np.ctypeslib.as_array(self._context.get_logits(-1), (self._model.n_vocab,))

    def _piece(self, token: int) -> bytes:
        size = llama.llama_token_to_piece(self._model.model, token, self._buffer, 256, 0, False)
        return self._buffer.raw[: max(size, 0)]


class Server:
    def __init__(self, model: SmallModel) -> None:
        self._model = model
        self._busy = asyncio.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1)

    async def stats(self, request: Request) -> Response:
        return JSONResponse({"tokens_written": self._model.tokens_written, "busy": self._busy.locked()})

    async def chat(self, request: Request) -> Response:
        body = await request.json()
        schema = body["response_format"]["json_schema"]["schema"]
        pieces = self._model.answer(body["messages"], schema, body["max_tokens"])
        return StreamingResponse(self._events(request, pieces), media_type="text/event-stream")

    async def _events(self, request: Request, pieces: Iterator[str]) -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        reason = "stop"
        async with self._busy:
            while not await request.is_disconnected():
                try:
                    piece = await loop.run_in_executor(self._thread, next, pieces, None)
                except TooLongError:
                    reason, piece = "length", None
                if piece is None:
                    yield _event({}, reason)
                    yield "data: [DONE]\n\n"
                    return
                yield _event({"content": piece}, None)


def _event(delta: Mapping[str, str], reason: str | None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return f"data: {json.dumps({'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("model")
    server = Server(SmallModel(arguments.parse_args().model))
    routes = [
        Route("/v1/chat/completions", server.chat, methods=["POST"]),
        Route("/stats", server.stats),
    ]
    uvicorn_server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="warning"))

    def end_with_parent() -> None:
        sys.stdin.read()
        uvicorn_server.should_exit = True

    threading.Thread(target=end_with_parent, daemon=True).start()
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    uvicorn_server.run(sockets=[listener])


if __name__ == "__main__":
    main()
