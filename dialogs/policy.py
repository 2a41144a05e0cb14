"""The dialogue policy: what the agent says to what it heard. Pure functions over frozen values.

A call is driven like this: `open_dialogue`, then for each turn `expectation` (what to listen for) and
`answer`; for an `AskModel`, `answer_from_model` or its `otherwise`; `record_heard` for each saying
as far as it was played."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from dialogs.flow import (
    OPT_OUT,
    SURVEY,
    Turn,
    ask_question,
    end_survey,
    enter,
    follow,
    is_over,
    listen,
    question_of,
    reprompt,
)
from dialogs.model_answer import answer_from_model, ask_model
from dialogs.prompts import render, values_of
from dialogs.script.format import Node, Script
from dialogs.script.variables import variable_faults
from dialogs.slots import parse_rating, parse_slot
from dialogs.turn import AnsweredBy, AskModel, DialogueState, Expectation, Heard, Reply, Saying

__all__ = ["answer", "answer_from_model", "expectation", "open_dialogue", "record_heard"]

RATING_HINTS = {"en": ("one", "two", "three", "four", "five"), "zh": ("一", "二", "三", "四", "五")}

DISCLOSURE = "disclosure"
"""Node name of the saying that discloses the AI; never a node of a script."""


def open_dialogue(script: Script, variables: Mapping[str, str]) -> Turn:
    """The first words of a call: the disclosure, which nothing interrupts, then the start node.

    Raises ValueError naming the variables that the contact lacks or that cannot be spoken."""
    if faults := variable_faults(script, variables):
        raise ValueError("; ".join(faults))
    state = DialogueState(node=script.start, variables=dict(variables))
    disclosure = Saying(render(script.disclosure, values_of(script, state)), DISCLOSURE, barge_in=False)
    state, reply = enter(script, state, script.start, AnsweredBy.SCRIPT)
    sayings = (disclosure, *reply.sayings)
    return replace(state, said=sayings), replace(reply, sayings=sayings)


def expectation(script: Script, state: DialogueState) -> Expectation:
    """What the policy can use now."""
    keys = 1 if script.keys else 0
    if is_over(script, state):
        # Only an opt-out counts now; it is weighed against all intents, lest a "bye" be taken for it.
        return Expectation(frozenset(script.intents), digits=keys)
    if question_of(script, state):
        return Expectation(
            _survey_intents(script), RATING_HINTS[script.language], digits=1, silence_s=script.silence.after_s
        )
    node = script.nodes[state.node]
    slot = script.slots[node.capture.slot] if node.capture else None
    intents = frozenset(node.on) | frozenset(script.global_intents)
    if slot and slot.type == "yes_no":
        intents |= {"yes", "no"} & script.intents.keys()
    choices = tuple(word for words in slot.choices.values() for word in words) if slot else ()
    values = values_of(script, state)
    return Expectation(
        intents=intents,
        hints=(*(render(hint, values) for hint in node.hints), *choices, script.agent.company),
        dictation=node.dictation,
        free_text=slot is not None and slot.type == "text",
        digits=1 if slot and slot.type == "rating" else keys,
        silence_s=(node.silence or script.silence).after_s,
    )


def answer(
    script: Script, state: DialogueState, heard: Heard, *, model: bool, now: datetime
) -> Turn | AskModel:
    """The agent's answer. `now` is the callee's local time; `model` says whether a language model may
    be asked. The order: opt-out, the survey, silence, the node's intents, its slot, the global
    intents, the model, asking again."""
    intent = script.keys.get(heard.digits) or heard.intent
    intent = intent if intent in script.intents else None
    if is_over(script, state) and (intent != OPT_OUT or OPT_OUT in state.labels):
        return state, Reply((), AnsweredBy.SCRIPT, ends_call=True)
    state = listen(script, state, heard, intent)
    if intent == OPT_OUT:
        return follow(script, state, OPT_OUT, script.global_intents[OPT_OUT], AnsweredBy.SHORTCUT)
    if question_of(script, state):
        return _answer_survey(script, state, heard, intent)
    if state.turns > script.max_turns:
        return enter(script, state, script.no_match.goto, AnsweredBy.SCRIPT)
    if heard.silence:
        return reprompt(script, state, silent=True)
    turn = _answer_by_script(script, state, heard, intent, now)
    if turn is not None:
        return turn
    otherwise_state, otherwise = reprompt(script, state, silent=False)
    if model and script.model and heard.text:
        return ask_model(script, state, heard, otherwise, otherwise_state)
    return otherwise_state, otherwise


def record_heard(state: DialogueState, saying: Saying, words_heard: str) -> DialogueState:
    """Remember what was played of a saying; words that were not played were never said."""
    words_heard = words_heard.strip()
    if not words_heard:
        return state
    history = state.history
    if history and history[-1][0] == "agent":
        history, words = history[:-1], f"{history[-1][1]} {words_heard}"
    else:
        words = words_heard
    whole = saying.node == DISCLOSURE and words_heard.split() == saying.text.split()
    labels = state.labels | {"disclosed"} if whole else state.labels
    return replace(state, history=(*history, ("agent", words)), labels=labels)


def _answer_by_script(
    script: Script, state: DialogueState, heard: Heard, intent: str | None, now: datetime
) -> Turn | None:
    node = script.nodes[state.node]
    if intent and intent in node.on:
        return follow(script, state, intent, node.on[intent], AnsweredBy.SHORTCUT, heard=heard, now=now)
    free_text = node.capture is not None and script.slots[node.capture.slot].type == "text"
    if not free_text and (turn := _fill(script, state, node, heard, now)):
        return turn
    if intent and intent in script.global_intents:
        move = script.global_intents[intent]
        return follow(script, state, intent, move, AnsweredBy.SHORTCUT, heard=heard, now=now)
    return _fill(script, state, node, heard, now) if free_text else None


def _fill(script: Script, state: DialogueState, node: Node, heard: Heard, now: datetime) -> Turn | None:
    if node.capture is None:
        return None
    value = parse_slot(script.slots[node.capture.slot], heard, now=now, language=script.language)
    if value is None:
        return None
    state = replace(state, slots={**state.slots, node.capture.slot: value})
    return enter(script, state, node.capture.goto, AnsweredBy.SCRIPT)


def _survey_intents(script: Script) -> frozenset[str]:
    assert script.survey is not None
    asides = (name for name, move in script.global_intents.items() if move.goto is None)
    return frozenset((OPT_OUT, *script.survey.decline, *asides))


def _answer_survey(script: Script, state: DialogueState, heard: Heard, intent: str | None) -> Turn:
    survey, question = script.survey, question_of(script, state)
    assert survey is not None
    assert question is not None
    score = parse_rating(heard, script.language)
    if score is not None:
        state = replace(state, survey={**state.survey, question.id: score})
        rest = [q for q in survey.questions if SURVEY + q.id != state.node and q.id not in state.survey]
        if rest and state.turns <= script.max_turns:
            return ask_question(script, state, rest[0], AnsweredBy.SCRIPT)
        return end_survey(script, state, AnsweredBy.SCRIPT)
    if intent in survey.decline:
        return end_survey(script, state, AnsweredBy.SHORTCUT)
    if state.turns > script.max_turns or state.no_match >= len(survey.no_match):
        return end_survey(script, state, AnsweredBy.SCRIPT)
    move = script.global_intents.get(intent or "")
    if intent and move and move.goto is None:
        return follow(script, state, intent, move, AnsweredBy.SHORTCUT)
    sorry = survey.no_match[state.no_match]
    state = replace(state, no_match=state.no_match + 1)
    return ask_question(script, state, question, AnsweredBy.SCRIPT, (sorry,))
