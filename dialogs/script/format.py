"""Script format 1: what an operator writes in YAML, as frozen values. `check` holds the rules between
the parts; `dialogs/library` shows whole scripts."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    StringConstraints,
    Tag,
    model_validator,
)
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_after_validator_function

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=600, strip_whitespace=True)]

REQUIRED_GLOBALS = (
    "opt_out",
    "who_are_you",
    "are_you_robot",
    "repeat",
    "call_later",
    "wrong_person",
    "human_please",
)
"""What anyone may say at any time; every script must have an answer to each."""

LABEL_OF_INTENT: Mapping[str, str] = {
    "opt_out": "opt_out",
    "are_you_robot": "robot_question",
    "human_please": "human_request",
    "wrong_person": "wrong_person",
    "complaint": "complaint",
    "abuse": "abuse",
    "refuse": "refusal",
}
"""Intents whose name alone sets a label, so that no script can forget what the metrics count."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else value


def _as_move(value: Any) -> Any:
    return {"goto": value} if isinstance(value, str) else value


def _as_text_keys(value: Any) -> Any:
    return {str(k): v for k, v in value.items()} if isinstance(value, dict) else value


class SwitchedText(_Part):
    """A text with a switch of its own."""

    text: Text
    barge_in: bool = Field(description="Whether the callee may interrupt this text.")


def _text_or_switched(value: Any) -> str:
    return "switched" if isinstance(value, dict | SwitchedText) else "text"


_TextOrSwitched = Annotated[
    Annotated[Text, Tag("text")] | Annotated[SwitchedText, Tag("switched")], Discriminator(_text_or_switched)
]


class Wording(str):
    """A text that is spoken. `barge_in`: whether the callee may interrupt it; None: as its node has it."""

    __slots__ = ("barge_in",)
    barge_in: bool | None

    def __new__(cls, text: str, barge_in: bool | None = None) -> "Wording":
        """A string with a switch."""
        wording = super().__new__(cls, text)
        wording.barge_in = barge_in
        return wording

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(_as_wording, handler.generate_schema(_TextOrSwitched))


def _as_wording(value: str | SwitchedText) -> Wording:
    return Wording(value.text, value.barge_in) if isinstance(value, SwitchedText) else Wording(value)


Words = Annotated[
    tuple[Text, ...],
    Field(max_length=20),
    BeforeValidator(_as_list, json_schema_input_type=Text | list[Text]),
]
"""One expression, or several that mean the same."""
Texts = Annotated[
    tuple[Wording, ...],
    Field(max_length=20),
    BeforeValidator(_as_list, json_schema_input_type=Text | SwitchedText | list[Text | SwitchedText]),
]
"""One text, or several wordings of it of which one is spoken. `{name}` stands for a variable or slot."""


class Agent(_Part):
    """Who is calling; spoken as `{agent_name}` and `{company}`."""

    name: Text
    company: Text


class Variable(_Part):
    """Something known about the contact before the call: a column of the contact list."""

    example: Text = Field(description="Used by `chat`, by tests and in the documentation of the list.")
    type: Literal["text", "number", "date"] = Field("text", description="A date is written 2026-11-24.")
    default: Text | None = Field(None, description="Makes the column optional.")


class Slot(_Part):
    """Something the callee tells us."""

    type: Literal["datetime", "rating", "choice", "yes_no", "text"]
    choices: Mapping[Name, Words] = Field(
        default_factory=dict, description="Only for type choice: value and the words that mean it."
    )


class Intent(_Part):
    """Something people want; the classifier learns it from the examples."""

    examples: tuple[Text, ...] = Field(min_length=1, max_length=200)


class Move(_Part):
    """The answer to an intent. Without `goto` the agent says `say` and asks its question again."""

    say: Texts = ()
    goto: Name | None = Field(None, description="The node that comes next.")
    labels: tuple[Name, ...] = Field((), description="Things to count in reports.")

    @model_validator(mode="after")
    def _says_or_goes(self) -> "Move":
        if not self.say and self.goto is None:
            raise ValueError("an answer needs 'say', 'goto' or both")
        return self


MoveOrNode = Annotated[Move, BeforeValidator(_as_move, json_schema_input_type=Name | Move)]


class Reprompts(_Part):
    """What is said when an answer was not understood, or none came: one wording after the other,
    each followed by the node's question; then the call goes to `goto`."""

    say: Texts = Field(min_length=2)
    goto: Name


class Silence(Reprompts):
    """As Reprompts, for silence."""

    after_s: float = Field(6.0, ge=2, le=20, description="How long the line must be silent, seconds.")


class Capture(_Part):
    """Take what is heard as a slot's value, then go on."""

    slot: Name
    goto: Name


class Node(_Part):
    """One step of the conversation: `say`, then `ask`, then wait for an answer."""

    say: Texts = Field((), description="Said on arrival.")
    ask: Texts = Field((), description="The question; it alone is repeated after an aside or no answer.")
    barge_in: bool | None = Field(
        None, description="Whether the callee may interrupt, where a text itself does not say it."
    )
    on: Mapping[Name, MoveOrNode] = Field(default_factory=dict, description="Intent and its answer.")
    capture: Capture | None = None
    no_match: Reprompts | None = Field(None, description="Instead of the script's.")
    silence: Silence | None = Field(None, description="Instead of the script's.")
    dictation: bool = Field(False, description="Numbers or a long answer: wait longer for the end.")
    hints: tuple[Text, ...] = Field((), description="Words that are likely here, for the recogniser.")
    labels: tuple[Name, ...] = Field((), description="Things to count in reports when the call gets here.")
    end: Name | None = Field(None, description="The call ends here with this outcome.")


class Fact(_Part):
    """Something the language model may state."""

    id: Name
    text: Text


class Question(_Part):
    """A survey question, answered 1 (worst) to 5 (best) by voice or key."""

    id: Name
    ask: Texts = Field(min_length=1)


class Survey(_Part):
    """Asked before hanging up when the outcome is one of `after`."""

    after: tuple[Name, ...] = Field(min_length=1, description="Outcomes.")
    questions: tuple[Question, ...] = Field(min_length=1, max_length=5)
    no_match: Texts = Field(min_length=1, description="Said before the question is asked again.")
    decline: tuple[Name, ...] = Field((), description="Intents that mean: I do not want to rate.")
    thanks: Texts = Field(min_length=1, description="The last words of the call.")


class Model(_Part):
    """What the language model is told beyond the facts, and how it may end a call."""

    instructions: Text
    end: Name = Field(description="The node that closes the call when the model wants to end it.")


class Script(_Part):
    """A campaign's conversation."""

    format: Literal[1]
    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,59}$")]
    version: Text | None = Field(None, description="A note for people; the file's hash identifies it.")
    language: Literal["en", "zh"]
    agent: Agent
    goal: Text = Field(description="What the call is for, in one sentence.")
    disclosure: Text = Field(description="The first words of every call; says that an AI is calling.")
    start: Name
    barge_in: bool = Field(
        True, description="Whether the callee may interrupt, where neither text nor node says it."
    )
    variables: Mapping[Name, Variable] = Field(default_factory=dict)
    slots: Mapping[Name, Slot] = Field(default_factory=dict)
    outcomes: Mapping[Name, Text] = Field(min_length=1, description="Result of a call and what it means.")
    intents: Mapping[Name, Intent]
    global_intents: Mapping[Name, MoveOrNode] = Field(description="Answers that hold at every node.")
    keys: Annotated[
        Mapping[Annotated[str, StringConstraints(pattern=r"^[0-9*#]$")], Name], BeforeValidator(_as_text_keys)
    ] = Field(default_factory=dict, description="Phone key and the intent it stands for.")
    no_match: Reprompts
    silence: Silence
    trouble: Text = Field(description="Said before hanging up when something fails on our side.")
    nodes: Mapping[Name, Node] = Field(min_length=1)
    knowledge: tuple[Fact, ...] = ()
    survey: Survey | None = None
    model: Model | None = None
    max_turns: int = Field(30, ge=5, le=200, description="Then the call goes to no_match's goto.")


def known_keys() -> frozenset[str]:
    """Every key of the format, for 'did you mean'."""
    parts: list[type[BaseModel]] = [Script, *_Part.__subclasses__(), Silence]
    return frozenset(key for part in parts for key in part.model_fields)
