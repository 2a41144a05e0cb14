"""What goes into the dialogue policy and what comes out of it: plain frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class AnsweredBy(StrEnum):
    """Who found the answer of a turn."""

    SCRIPT = "script"
    SHORTCUT = "shortcut"
    LLM = "llm"


@dataclass(frozen=True, slots=True)
class Heard:
    """What the callee did in one turn. `intent` is None when the classifier abstained.

    `digits` holds DTMF keys; `silence` is True when nothing came before the time was up.
    """

    text: str = ""
    intent: str | None = None
    confidence: float = 0.0
    digits: str = ""
    silence: bool = False


@dataclass(frozen=True, slots=True)
class Saying:
    """One prompt to be spoken. With `barge_in` False it is played to its end whatever is heard."""

    text: str
    node: str
    barge_in: bool = True


@dataclass(frozen=True, slots=True)
class Reply:
    """The bot's side of a turn: what is said, and whether the call ends after it."""

    sayings: tuple[Saying, ...]
    answered_by: AnsweredBy
    ends_call: bool = False


@dataclass(frozen=True, slots=True)
class AskModel:
    """The script has no sure answer: ask the language model; `otherwise` is said if it fails."""

    messages: tuple[tuple[str, str], ...]
    """(role, content), the fixed head first, byte-identical over all calls of a campaign."""
    json_schema: Mapping[str, Any]
    state: "DialogueState"
    """The turn as heard; give it to `policy.answer_from_model` with the model's answer."""
    otherwise: "Reply"
    otherwise_state: "DialogueState"


@dataclass(frozen=True, slots=True)
class DialogueState:
    """Everything the policy remembers of one call. Immutable: a turn makes a new one."""

    node: str
    variables: Mapping[str, str]
    slots: Mapping[str, str] = field(default_factory=dict)
    labels: frozenset[str] = frozenset()
    """Things to count: 'disclosed', 'identity_confirmed', 'opt_out', 'complaint', 'abuse',
    'robot_question', 'human_request', 'repeat_failure', ... (metric definitions use them)."""
    outcome: str | None = None
    """The script's own result: 'interested', 'callback', 'refused', 'opted_out', ..."""
    survey: Mapping[str, int] = field(default_factory=dict)
    """Question id -> score 1..5."""
    said: tuple[Saying, ...] = ()
    """The last prompt, for 'repeat'; without apologies in front."""
    no_match: int = 0
    """Times in a row that an answer was not understood at this node."""
    silences: int = 0
    """Times in a row that no answer came."""
    turns: int = 0
    history: tuple[tuple[str, str], ...] = ()
    """(speaker, text), speaker 'agent' or 'customer'; for the language model's prompt."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the policy can use at this point; steers recognition, classification and endpointing."""

    intents: frozenset[str]
    hints: tuple[str, ...] = ()
    dictation: bool = False
    """Numbers or a long answer are expected: wait longer before the turn is over."""
    free_text: bool = False
    """Any words are an answer, so that having one does not mean that it is complete."""
    digits: int = 0
    """How many DTMF keys complete an answer here; 0 when keys mean nothing."""
    silence_s: float = 6.0
