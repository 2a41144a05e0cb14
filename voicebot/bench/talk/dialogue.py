"""What the callers of the benchmark say, and what each is answered by every system."""

import random
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dialogs.prompts import render
from dialogs.script.format import Script
from dialogs.script.load import load_script

SCRIPT = Path(__file__).parent.parent / "dialogue.en.yaml"
TICKET = "ticket"
_NEVER_S = 3600.0
PAUSE_S = (0.3, 0.8)
"""How long a person waits before speaking when the other has done."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question, without a comma in it (others take a comma for the end), and the intent it has."""

    question: str
    intent: str


EXCHANGES = (
    Exchange("How much does the delivery cost?", "delivery_price"),
    Exchange("When will my order arrive at home?", "arrival"),
    Exchange("Can I pay the driver in cash?", "payment"),
    Exchange("Do you have this table in blue?", "colours"),
    Exchange("Is there a guarantee on the table?", "guarantee"),
    Exchange("Can I send it back if I do not like it?", "returning"),
    Exchange("Do you have a shop near the station?", "shop"),
    Exchange("Who will put the table together for me?", "assembly"),
)


@dataclass(frozen=True, slots=True)
class Part:
    """One caller's part: which questions in which order, and the pause before each in seconds."""

    questions: tuple[int, ...]
    pauses_s: tuple[float, ...]


def parts(calls: int, turns: int, seed: int) -> tuple[Part, ...]:
    """A part for each caller. Callers begin at different questions; the same seed gives the same parts."""
    chance = random.Random(seed)
    return tuple(
        Part(
            tuple((call + turn) % len(EXCHANGES) for turn in range(turns)),
            tuple(chance.uniform(*PAUSE_S) for _ in range(turns)),
        )
        for call in range(calls)
    )


def ticket(live_speech: bool) -> str:
    """The name of the order in the answers: always the same, or one that was never rendered before."""
    if not live_speech:
        return "Mirado"
    return "".join(secrets.choice("bdfgklmnprstvz") + secrets.choice("aeiou") for _ in range(3)).title()


def load_dialogue(*, patient: bool = False) -> Script:
    """Our script. If `patient`, it never asks whether anybody is there, however long nobody speaks."""
    script = load_script(SCRIPT)
    if not patient:
        return script
    # Longer than a script may say, so that a silent call stays silent for as long as it is measured.
    return script.model_copy(update={"silence": script.silence.model_copy(update={"after_s": _NEVER_S})})


def greeting(script: Script) -> str:
    """The first words of every system."""
    values = {"agent_name": script.agent.name, "company": script.agent.company}
    return " ".join(render(text, values) for text in (script.disclosure, *script.nodes[script.start].ask))


def answers(script: Script, number: str) -> Mapping[str, str]:
    """Question -> answer, as our script has it."""
    moves = script.nodes[script.start].on
    told = {}
    for exchange in EXCHANGES:
        node = moves[exchange.intent].goto
        assert node is not None
        told[exchange.question] = render(script.nodes[node].say[0], {TICKET: number})
    return told


def words(text: str) -> tuple[str, ...]:
    """Lower case, without punctuation."""
    return tuple(re.findall(r"[a-z0-9']+", text.lower()))


def understood(questions: Sequence[int], transcripts: Sequence[str]) -> int:
    """How many of a call's questions were transcribed word by word, whatever else was heard."""
    heard = [words(text) for text in transcripts]
    return sum(words(EXCHANGES[question].question) in heard for question in questions)
