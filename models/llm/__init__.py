"""Chat models: a served language model behind an OpenAI-compatible endpoint."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message; `role` is 'system', 'user' or 'assistant'."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """The fixed head of `messages` comes first so that the server's prefix cache can serve it."""

    messages: Sequence[ChatMessage]
    json_schema: Mapping[str, Any]
    max_tokens: int = 160


class ChatModel(Protocol):
    """Streams an answer. Closing the iterator aborts the generation on the server."""

    def stream(self, request: ChatRequest, *, deadline_s: float) -> AsyncGenerator[str, None]:
        """Pieces of the JSON answer as they come. Raises EngineDown or EngineLate."""
