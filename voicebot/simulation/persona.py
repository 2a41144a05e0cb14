"""Persona files: how one kind of person behaves on the phone, and who these persons are.

One YAML file describes one kind; `people` lists those who behave so. The models below are the format;
the folder `personas` shows it in use.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from dialogs.problem import InputError, Problem
from dialogs.yaml_places import Places, load_yaml, problems_from_validation

PERSONAS = Path(__file__).parent / "personas"
"""The folder of the ready-made people."""


Item = TypeVar("Item")


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"'{text}' is not a regular expression: {error}") from None
    return text


def _ascending(span: tuple[float, float]) -> tuple[float, float]:
    if not 0 <= span[0] <= span[1]:
        raise ValueError("give the least value first, then the greatest, both 0 or more")
    return span


def _e164(number: str) -> str:
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", number):
        raise ValueError(f"'{number}' is not an E.164 number such as \"+12125550101\"")
    return number


def _not_empty(values: tuple[Item, ...]) -> tuple[Item, ...]:
    # Not `min_length`: that would report a list as empty whose only item is faulty.
    if not values:
        raise ValueError("the list is empty")
    return values


NotEmpty = AfterValidator(_not_empty)
Span = Annotated[tuple[float, float], AfterValidator(_ascending)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Line = Annotated[str, Field(min_length=1, max_length=500)]
Number = Annotated[str, AfterValidator(_e164)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Pickup(StrEnum):
    """What the telephone does when it is called."""

    ANSWER = "answer"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    UNASSIGNED = "unassigned"


class Phone(_Part):
    """The telephone on the desk."""

    attempts: Annotated[tuple[Pickup, ...], NotEmpty] = (Pickup.ANSWER,)
    """What happens at the first call, the second, ...; the last entry holds for all later ones."""
    rings_s: Span = (0.5, 2.0)
    codec: Literal["pcmu", "pcma"] = "pcmu"

    def pickup(self, attempt: int) -> Pickup:
        """What it does at this attempt (from 1)."""
        return self.attempts[min(attempt, len(self.attempts)) - 1]

    @model_validator(mode="after")
    def _assigned_or_not(self) -> Self:
        if Pickup.UNASSIGNED in self.attempts and set(self.attempts) != {Pickup.UNASSIGNED}:
            raise ValueError("a number that is 'unassigned' cannot do anything else at another attempt")
        return self


class Voice(_Part):
    """How this person differs from the synthesiser's own voice, and how good the connection is."""

    pitch: float = Field(default=1.0, ge=0.88, le=1.12)
    """Pitch and tempo together, as a record played faster."""
    level_db: float = Field(default=-24.0, ge=-40, le=-12)
    """Speech level in dBFS (root mean square of the loud parts)."""
    noise_db: float | None = Field(default=None, ge=5, le=60)
    """Speech-to-noise ratio of the line; no noise when absent."""


class Action(_Part):
    """What the person does: at least one of the four."""

    says: tuple[Line, ...] = ()
    """Variants, another one each time; `{name}` and `{first_name}` are filled in."""
    presses: str = Field(default="", pattern=r"^[0-9*#]{0,8}$")
    hangs_up: bool = False
    waits: bool = False
    """Hears it and keeps silent."""
    thinks_ms: Span = (150.0, 600.0)

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if self.waits == bool(self.says or self.presses or self.hangs_up):
            raise ValueError("say what is done: some of 'says', 'presses', 'hangs_up', or else 'waits: true'")
        return self


class Rule(Action):
    """Does it when one of the patterns is found in what the bot said. The first rule that fits wins."""

    hears: Annotated[tuple[Pattern, ...], NotEmpty]
    times: int = Field(default=3, ge=1)
    """Enough to say it again, in other words, when the bot asks again."""

    def fits(self, text: str) -> bool:
        return any(re.search(pattern, text, re.IGNORECASE) for pattern in self.hears)


class Otherwise(Action):
    """Does it when no rule fits."""

    times: int = Field(default=2, ge=1)


class Interjection(_Part):
    """Words spoken while the bot speaks."""

    turn: int = Field(ge=1)
    """In which turn of the bot; 1 is the first thing it says."""
    after_ms: float = Field(ge=0)
    """After the beginning of that turn."""
    says: Annotated[tuple[Line, ...], NotEmpty]
    backchannel: bool = False
    """A mere 'mm-hm': the bot is expected to go on."""


class Patience(_Part):
    """When the person gives up."""

    turns: int = Field(default=14, ge=1)
    """After saying this much they hang up instead of answering."""
    silence_s: float = Field(default=9.0, gt=0)
    """Silence on the line after which they ask whether someone is there, and then hang up."""
    call_s: float = Field(default=120.0, gt=0)
    nudge: tuple[Line, ...] = ()


class Human(_Part):
    """One simulated person."""

    number: Number
    name: Line
    voice: Voice = Voice()

    def fill(self, line: str) -> str:
        """The line with this person's name in its place."""
        return line.replace("{name}", self.name).replace("{first_name}", self.name.split()[0])


class Persona(_Part):
    """One kind of person."""

    persona: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    about: Line
    people: Annotated[tuple[Human, ...], NotEmpty]
    phone: Phone = Phone()
    opening: tuple[Line, ...] = ()
    """Said after picking up, unless the bot is faster."""
    voicemail: bool = False
    """A machine: plays the opening whatever is said meanwhile, then beeps and records."""
    interjections: tuple[Interjection, ...] = ()
    rules: tuple[Rule, ...] = ()
    otherwise: Otherwise | None = None
    farewell: Rule = Rule(hears=(r"\bgood ?bye\b", r"\bbye\b"), hangs_up=True, thinks_ms=(1200.0, 1800.0))
    """Comes before all rules."""
    patience: Patience = Patience()

    @model_validator(mode="after")
    def _machine_has_a_greeting(self) -> Self:
        if self.voicemail and not self.opening:
            raise ValueError("a voicemail needs an 'opening', its greeting")
        return self

    def lines(self) -> Iterator[str]:
        """Everything that this kind of person may ever say."""
        yield from self.opening
        yield from self.patience.nudge
        yield from (line for interjection in self.interjections for line in interjection.says)
        actions: tuple[Action | None, ...] = (*self.rules, self.otherwise, self.farewell)
        yield from (line for action in actions if action for line in action.says)


def load_personas(folder: Path = PERSONAS) -> tuple[Persona, ...]:
    """All persona files of a folder, by name. Raises InputError with every fault and its line."""
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise InputError(
            [Problem(str(folder), 0, "holds no persona file", "Name a folder with *.yaml personas.")]
        )
    personas: list[Persona] = []
    problems: list[Problem] = []
    owners: dict[str, str] = {}
    for path in paths:
        try:
            persona, places = _load(path)
        except InputError as error:
            problems += error.problems
            continue
        personas.append(persona)
        for index, human in enumerate(persona.people):
            if human.number in owners:
                line = places.line("people", index, "number")
                message = f"number {human.number} is already used in {owners[human.number]}"
                problems.append(Problem(str(path), line, message, "Give each person a number of their own."))
            owners[human.number] = path.name
    if problems:
        raise InputError(problems)
    return tuple(personas)


def _load(path: Path) -> tuple[Persona, Places]:
    data, places = load_yaml(path)
    try:
        return Persona.model_validate(data), places
    except ValidationError as error:
        raise InputError(problems_from_validation(path, places, error, _known_keys())) from None


def _known_keys() -> set[str]:
    models = (Persona, Human, Voice, Phone, Rule, Otherwise, Interjection, Patience)
    return {key for model in models for key in model.model_fields}
