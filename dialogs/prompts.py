"""From a script's texts to the sentences that are spoken, one saying each."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from zlib import crc32

from dialogs.script.format import Script
from dialogs.slots import spoken_slot
from dialogs.spoken_time import spoken_date
from dialogs.turn import DialogueState

_NAME = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_ABBREVIATION = re.compile(r"\b(?:mr|mrs|ms|dr|st|no|vs|etc|inc|ltd|co|[a-z])\.$", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])\s*")
_SHORTEST_WORDS = 3
"""Shorter sentences ("Great.") join the next one: voices sound clipped on them."""
WORDS_PER_SECOND = 2.6
CHARACTERS_PER_SECOND = 4.5


def names_in(text: str) -> frozenset[str]:
    """The variables and slots a text uses."""
    return frozenset(_NAME.findall(text))


def sentences(text: str) -> tuple[str, ...]:
    """The pieces in which a text is spoken and its audio is kept."""
    done: list[str] = []
    open_piece = ""
    for piece in _SENTENCE_END.split(text.strip()):
        if not piece:
            continue
        open_piece = f"{open_piece} {piece}" if open_piece else piece
        long_enough = len(open_piece.split()) >= _SHORTEST_WORDS or re.search(r"[一-鿿]{4}", open_piece)
        if long_enough and not _ABBREVIATION.search(open_piece):
            done.append(open_piece)
            open_piece = ""
    if open_piece:
        if done and len(open_piece.split()) < _SHORTEST_WORDS:
            done[-1] = f"{done[-1]} {open_piece}"
        else:
            done.append(open_piece)
    return tuple(done)


def render(text: str, values: Mapping[str, str]) -> str:
    """Put the values in. Raises KeyError naming a value that is not there."""
    return _NAME.sub(lambda found: values[found[1]], text)


def values_of(script: Script, state: DialogueState) -> dict[str, str]:
    """Everything a text may name, as it is spoken."""
    slots = {
        name: spoken_slot(script.slots[name].type, v, script.language) for name, v in state.slots.items()
    }
    return _contact_values(script, state.variables) | slots


def pick(texts: Sequence[str], state: DialogueState) -> str:
    """One of the wordings: the same for the same call at the same turn, another one at the next turn."""
    seed = crc32(repr(sorted(state.variables.items())).encode())
    return texts[(seed + state.turns) % len(texts)]


def fixed_sayings(script: Script) -> list[str]:
    """All sentences that are the same in every call; rendered before dialling."""
    values = _fixed_values(script)
    return _unique(render(t, values) for t in _all_sentences(script) if names_in(t) <= values.keys())


def contact_sayings(script: Script, variables: Mapping[str, str]) -> list[str]:
    """All sentences that hold something of this contact; rendered ahead of the call."""
    fixed, values = _fixed_values(script).keys(), _contact_values(script, variables)
    return _unique(
        render(t, values)
        for t in _all_sentences(script)
        if names_in(t) <= values.keys() and names_in(t) - fixed
    )


def spoken_seconds(text: str, language: str) -> float:
    """About how long it takes to say a text."""
    if language == "zh":
        return len(re.findall(r"\w", text)) / CHARACTERS_PER_SECOND
    return len(text.split()) / WORDS_PER_SECOND


def script_texts(script: Script) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text that may be spoken, with its place in the script."""
    yield ("disclosure",), script.disclosure
    yield ("trouble",), script.trouble
    for name, node in script.nodes.items():
        yield from _each(("nodes", name, "say"), node.say)
        yield from _each(("nodes", name, "ask"), node.ask)
        for intent, move in node.on.items():
            yield from _each(("nodes", name, "on", intent, "say"), move.say)
        for key, reprompts in (("no_match", node.no_match), ("silence", node.silence)):
            if reprompts:
                yield from _each(("nodes", name, key, "say"), reprompts.say)
    for intent, move in script.global_intents.items():
        yield from _each(("global_intents", intent, "say"), move.say)
    yield from _each(("no_match", "say"), script.no_match.say)
    yield from _each(("silence", "say"), script.silence.say)
    if script.survey:
        for index, question in enumerate(script.survey.questions):
            yield from _each(("survey", "questions", index, "ask"), question.ask)
        yield from _each(("survey", "no_match"), script.survey.no_match)
        yield from _each(("survey", "thanks"), script.survey.thanks)


def _each(place: tuple[str | int, ...], texts: Sequence[str]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for index, text in enumerate(texts):
        yield (*place, index), text


def _all_sentences(script: Script) -> Iterator[str]:
    for place, text in script_texts(script):
        # The disclosure is one saying, so that it is heard whole or not at all.
        yield from (text,) if place in (("disclosure",), ("trouble",)) else sentences(text)


def _fixed_values(script: Script) -> dict[str, str]:
    return {"agent_name": script.agent.name, "company": script.agent.company}


def _contact_values(script: Script, variables: Mapping[str, str]) -> dict[str, str]:
    values = _fixed_values(script)
    for name, variable in script.variables.items():
        value = variables.get(name) or variable.default
        if value is not None:
            is_date = variable.type == "date"
            values[name] = spoken_date(date.fromisoformat(value), script.language) if is_date else value
    return values


def _unique(texts: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(texts))
