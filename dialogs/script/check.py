"""The rules between a script's parts that its format alone cannot hold."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from dialogs.prompts import names_in, script_texts, spoken_seconds
from dialogs.script.format import REQUIRED_GLOBALS, Node, Script
from dialogs.script.graph import Place, jumps, known_slots, reachable
from dialogs.script.variables import value_fault

MAX_PROMPT_S = 20.0
LONG_LOCKED_S = 10.0
FEW_EXAMPLES = 5
SAID_OF_AI = {
    "en": re.compile(
        r"\bAI\b|\bA\.I\.|artificial|automated|virtual assistant|\brobot|\bbot\b", re.IGNORECASE
    ),
    "zh": re.compile(r"AI|人工智能|智能(?:语音)?助[手理]|机器人", re.IGNORECASE),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A problem at a place in the script, before it has a line."""

    place: Place
    message: str
    mend: str
    warning: bool = False


def find_faults(script: Script) -> list[Fault]:
    """Every fault; those without `warning` make the script unusable."""
    rules: Sequence[Callable[[Script], Iterable[Fault]]] = (
        _disclosure, _globals, _references, _intents_known, _slots_known, _nodes, _end_nodes, _texts,
        _locked, _reprompts, _examples, _keys, _survey, _unique_ids, _variables,
    )  # fmt: skip
    faults = [fault for rule in rules for fault in rule(script)]
    # What follows the links needs all of them to lead somewhere.
    if not any(not fault.warning for fault in faults):
        faults += [*_paths(script), *_slots_filled(script), *_unused(script)]
    return faults


def _unknown(place: Place, kind: str, name: str, known: Collection[str]) -> Fault:
    near = get_close_matches(name, known, n=1)
    mend = f"Did you mean '{near[0]}'?" if near else f"Define it, or name one of: {', '.join(sorted(known))}."
    return Fault(place, f"{kind} '{name}' does not exist", mend)


def _disclosure(script: Script) -> Iterator[Fault]:
    if not SAID_OF_AI[script.language].search(script.disclosure):
        yield Fault(
            ("disclosure",),
            "the first words do not say that an AI is calling",
            "Say it plainly, as in 'an automated AI assistant calling for {company}'.",
        )
    contact = names_in(script.disclosure) - {"agent_name", "company"}
    if contact:
        yield Fault(
            ("disclosure",),
            f"the first words depend on the contact ({', '.join(sorted(contact))})",
            "Use the name in the start node, so that the first words are ready before the call.",
            warning=True,
        )
    if names_in(script.trouble):
        yield Fault(("trouble",), "what is said when all else fails names a value", "Use plain words only.")


def _globals(script: Script) -> Iterator[Fault]:
    for name in REQUIRED_GLOBALS:
        if name not in script.global_intents:
            yield Fault(("global_intents",), f"there is no answer to '{name}'", f"Add '{name}:' here.")
    opt_out = script.global_intents.get("opt_out")
    node = script.nodes.get(opt_out.goto or "") if opt_out else None
    if opt_out and (node is None or node.end is None):
        yield Fault(
            ("global_intents", "opt_out"),
            "a demand not to be called again does not end the call",
            "Go to a node with 'end:' that confirms it.",
        )


def _references(script: Script) -> Iterator[Fault]:
    for place, target in jumps(script):
        if target not in script.nodes:
            yield _unknown(place, "node", target, script.nodes)


def _intents_known(script: Script) -> Iterator[Fault]:
    for place, name in _intent_uses(script):
        if name not in script.intents:
            yield _unknown(place, "intent", name, script.intents)


def _intent_uses(script: Script) -> Iterator[tuple[Place, str]]:
    for name, node in script.nodes.items():
        yield from ((("nodes", name, "on", intent), intent) for intent in node.on)
    yield from ((("global_intents", intent), intent) for intent in script.global_intents)
    yield from ((("keys", key), intent) for key, intent in script.keys.items())
    if script.survey:
        yield from ((("survey", "decline", i), intent) for i, intent in enumerate(script.survey.decline))


def _slots_known(script: Script) -> Iterator[Fault]:
    for name, node in script.nodes.items():
        if node.capture and node.capture.slot not in script.slots:
            yield _unknown(("nodes", name, "capture", "slot"), "slot", node.capture.slot, script.slots)
    for name, slot in script.slots.items():
        if (slot.type == "choice") != bool(slot.choices):
            mend = "Add them." if slot.type == "choice" else "Remove them or make it 'type: choice'."
            yield Fault(("slots", name), "'choices' belong to a slot of type choice", mend)


def _nodes(script: Script) -> Iterator[Fault]:
    for name, node in script.nodes.items():
        place: Place = ("nodes", name)
        answers = bool(node.on) or node.capture is not None
        if node.end is None and not answers:
            yield Fault(place, f"node '{name}' is a dead end", "Add 'on:', 'capture:' or 'end:'.")
        if node.end is None and not (node.say or node.ask):
            yield Fault(place, f"node '{name}' says nothing", "Add 'say:' or 'ask:'.")
        if node.end is not None and (answers or node.ask):
            yield Fault(
                place, f"node '{name}' ends the call but waits for an answer", "Remove 'end:' or the answers."
            )
        if node.end is not None and node.end not in script.outcomes:
            yield _unknown((*place, "end"), "outcome", node.end, script.outcomes)


def _end_nodes(script: Script) -> Iterator[Fault]:
    """Giving up must end the call, or two such nodes could send a silent line back and forth."""
    for place, target in _give_ups(script):
        node = script.nodes.get(target)
        if node and node.end is None:
            yield Fault(
                place,
                f"giving up leads to '{target}', which does not end the call",
                "Go to a node with 'end:'.",
            )


def _give_ups(script: Script) -> Iterator[tuple[Place, str]]:
    yield ("no_match", "goto"), script.no_match.goto
    yield ("silence", "goto"), script.silence.goto
    if script.model:
        yield ("model", "end"), script.model.end
    for name, node in script.nodes.items():
        if node.no_match:
            yield ("nodes", name, "no_match", "goto"), node.no_match.goto
        if node.silence:
            yield ("nodes", name, "silence", "goto"), node.silence.goto


def _texts(script: Script) -> Iterator[Fault]:
    known = {"agent_name", "company", *script.variables, *script.slots}
    for place, text in script_texts(script):
        for name in sorted(names_in(text) - known):
            yield _unknown(place, "variable or slot", name, known)
        if re.search(r"[{}]", re.sub(r"\{[a-z][a-z0-9_]*\}", "", text)):
            yield Fault(place, "a brace that is not part of a {name}", "Write names as {first_name}.")
        seconds = spoken_seconds(text, script.language)
        if seconds > MAX_PROMPT_S:
            yield Fault(place, f"takes about {seconds:.0f} s to say", f"Keep it under {MAX_PROMPT_S:.0f} s.")
    for name, node in script.nodes.items():
        for index, hint in enumerate(node.hints):
            for used in sorted(names_in(hint) - (known - script.slots.keys())):
                yield _unknown(("nodes", name, "hints", index), "variable", used, script.variables)
        longest = sum(
            max((spoken_seconds(t, script.language) for t in ts), default=0) for ts in (node.say, node.ask)
        )
        if longest > MAX_PROMPT_S:
            yield Fault(("nodes", name), f"'say' and 'ask' take about {longest:.0f} s", "Shorten them.")


def _locked(script: Script) -> Iterator[Fault]:
    """Whoever cannot interrupt hangs up."""
    if not script.barge_in:
        yield Fault(
            ("barge_in",),
            "nobody may interrupt, wherever nothing else is said",
            "Lock only the texts that must be heard whole: {text: ..., barge_in: false}.",
            warning=True,
        )
    for name, node in script.nodes.items():
        if node.end is not None:
            continue
        here = script.barge_in if node.barge_in is None else node.barge_in
        locked = [
            [text for text in texts if not (here if text.barge_in is None else text.barge_in)]
            for texts in (node.say, node.ask)
        ]
        seconds = sum(max((spoken_seconds(t, script.language) for t in each), default=0) for each in locked)
        if seconds > LONG_LOCKED_S:
            yield Fault(
                ("nodes", name),
                f"nobody may interrupt for about {seconds:.0f} s",
                f"Lock no more than must be heard whole, {LONG_LOCKED_S:.0f} s at most.",
                warning=True,
            )


def _reprompts(script: Script) -> Iterator[Fault]:
    parts: list[tuple[Place, tuple[str, ...]]] = [
        (("no_match", "say"), script.no_match.say),
        (("silence", "say"), script.silence.say),
    ]
    for name, node in script.nodes.items():
        for key, rule in (("no_match", node.no_match), ("silence", node.silence)):
            if rule:
                parts.append((("nodes", name, key, "say"), rule.say))
    if script.survey:
        parts.append((("survey", "no_match"), script.survey.no_match))
    for place, texts in parts:
        if len({_plain(text) for text in texts}) < len(texts):
            yield Fault(place, "the same words twice", "Ask again in other words.")


def _examples(script: Script) -> Iterator[Fault]:
    first: dict[str, str] = {}
    for name, intent in script.intents.items():
        for index, example in enumerate(intent.examples):
            place: Place = ("intents", name, "examples", index)
            other = first.setdefault(_plain(example), name)
            if other != name:
                yield Fault(place, f"'{example}' is also an example of '{other}'", "Keep it in one of them.")
        twice = [text for text, times in Counter(map(_plain, intent.examples)).items() if times > 1]
        if twice:
            yield Fault(("intents", name), f"'{twice[0]}' stands twice", "Remove one.", warning=True)
        if len(intent.examples) < FEW_EXAMPLES:
            yield Fault(
                ("intents", name),
                f"only {len(intent.examples)} examples",
                f"Give {FEW_EXAMPLES} or more, the way people speak.",
                warning=True,
            )


def _keys(script: Script) -> Iterator[Fault]:
    rated = bool(script.survey) or any(slot.type == "rating" for slot in script.slots.values())
    for key in script.keys:
        if rated and key in "12345":
            yield Fault(("keys", key), f"key {key} is already an answer from 1 to 5", "Use another key.")


def _survey(script: Script) -> Iterator[Fault]:
    for index, outcome in enumerate(script.survey.after if script.survey else ()):
        if outcome not in script.outcomes:
            yield _unknown(("survey", "after", index), "outcome", outcome, script.outcomes)


def _unique_ids(script: Script) -> Iterator[Fault]:
    parts: list[tuple[Place, list[str]]] = [(("knowledge",), [fact.id for fact in script.knowledge])]
    if script.survey:
        parts.append((("survey", "questions"), [question.id for question in script.survey.questions]))
    for place, ids in parts:
        for index, name in enumerate(ids):
            if name in ids[:index]:
                yield Fault((*place, index), f"the id '{name}' is taken", "Choose another.")
    names = Counter([*script.variables, *script.slots, "agent_name", "company"])
    for name in (name for name, times in names.items() if times > 1):
        place = ("slots", name) if name in script.slots else ("variables", name)
        yield Fault(place, f"the name '{name}' is taken", "Choose another.")
    if script.survey and script.survey.questions[0].id == "end":
        yield Fault(("survey", "questions", 0, "id"), "the id 'end' is taken", "Choose another.")


def _variables(script: Script) -> Iterator[Fault]:
    for name, variable in script.variables.items():
        for key, value in (("example", variable.example), ("default", variable.default)):
            if value and (fault := value_fault(variable, value)):
                yield Fault(("variables", name, key), f"the {key} '{value}' {fault}", "Correct it.")


def _paths(script: Script) -> Iterator[Fault]:
    for name in script.nodes.keys() - reachable(script):
        yield Fault(
            ("nodes", name), f"nothing leads to node '{name}'", "Remove it or go to it.", warning=True
        )


def _slots_filled(script: Script) -> Iterator[Fault]:
    filled = known_slots(script)
    for name, node in script.nodes.items():
        used = frozenset().union(*map(names_in, _node_texts(node))) & script.slots.keys()
        for slot in sorted(used - filled.get(name, frozenset(script.slots))):
            yield Fault(
                ("nodes", name), f"'{{{slot}}}' may not be known yet here", "Capture it on every way here."
            )
    for place, text in script_texts(script):
        anywhere = place[0] != "nodes"
        for slot in sorted(names_in(text) & script.slots.keys()) if anywhere else ():
            yield Fault(
                place, f"'{{{slot}}}' may not be known yet here", "Use slots in nodes after their capture."
            )


def _node_texts(node: Node) -> Iterator[str]:
    yield from (*node.say, *node.ask)
    for move in node.on.values():
        yield from move.say
    for rule in (node.no_match, node.silence):
        yield from rule.say if rule else ()


def _unused(script: Script) -> Iterator[Fault]:
    used = {name for _, name in _intent_uses(script)}
    for name in script.intents.keys() - used:
        yield Fault(
            ("intents", name), f"intent '{name}' is never used", "Answer it or remove it.", warning=True
        )
    reached = {node.end for node in script.nodes.values()}
    for name in script.outcomes.keys() - reached:
        yield Fault(("outcomes", name), f"no node ends with outcome '{name}'", "Remove it.", warning=True)


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
