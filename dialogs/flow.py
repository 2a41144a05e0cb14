"""How a dialogue moves: into a node, aside and back, asking again, to the end. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from dialogs.prompts import pick, render, sentences, values_of
from dialogs.script.format import LABEL_OF_INTENT, Move, Node, Question, Reprompts, Script, Wording
from dialogs.slots import parse_slot
from dialogs.turn import AnsweredBy, DialogueState, Heard, Reply, Saying

Turn = tuple[DialogueState, Reply]

SURVEY = "survey."
"""Prefix of the node name while a survey question is open; a script's node names hold no dot."""
SURVEY_END = "survey.end"
REPEAT = "repeat"
OPT_OUT = "opt_out"
_PARSED_AHEAD = ("datetime", "choice")
"""Slots that may be taken from the words that led to their node ("call me tomorrow at five")."""


def question_of(script: Script, state: DialogueState) -> Question | None:
    """The survey question that is open, if one is."""
    if script.survey is None or not state.node.startswith(SURVEY):
        return None
    name = state.node.removeprefix(SURVEY)
    return next((question for question in script.survey.questions if question.id == name), None)


def is_over(script: Script, state: DialogueState) -> bool:
    """Whether the last word is said."""
    node = script.nodes.get(state.node)
    return state.node == SURVEY_END or (node is not None and node.end is not None)


def listen(script: Script, state: DialogueState, heard: Heard, intent: str | None) -> DialogueState:
    """The state with the customer's turn taken in: counted, remembered, labelled."""
    labels = set(state.labels)
    if intent and intent in LABEL_OF_INTENT:
        labels.add(LABEL_OF_INTENT[intent])
    history = (*state.history, ("customer", heard.text)) if heard.text else state.history
    silences = state.silences if heard.silence else 0
    return replace(state, turns=state.turns + 1, silences=silences, labels=frozenset(labels), history=history)


def enter(script: Script, state: DialogueState, name: str, by: AnsweredBy, lead: Iterable[str] = ()) -> Turn:
    """Go to a node, saying `lead` (templates) first. An end node ends the call, after the survey."""
    node = script.nodes[name]
    state = replace(state, node=name, labels=state.labels | set(node.labels), no_match=0, silences=0)
    lines = _lines(script, state, (*lead, *_one(node.say, state), *_one(node.ask, state)), node)
    if node.end is None:
        return replace(state, said=lines), Reply(lines, by)
    state = replace(state, outcome=node.end)
    survey = script.survey
    if survey is None or node.end not in survey.after or OPT_OUT in state.labels:
        return replace(state, said=lines), Reply(lines, by, ends_call=True)
    state, reply = ask_question(script, state, survey.questions[0], by)
    return state, replace(reply, sayings=(*lines, *reply.sayings))


def ask_question(
    script: Script, state: DialogueState, question: Question, by: AnsweredBy, lead: Iterable[str] = ()
) -> Turn:
    """Put a survey question, saying `lead` (templates) first."""
    again = state.node == SURVEY + question.id
    state = replace(state, node=SURVEY + question.id, silences=0, no_match=state.no_match if again else 0)
    asked = _lines(script, state, (pick(question.ask, state),))
    return replace(state, said=asked), Reply((*_lines(script, state, lead), *asked), by)


def end_survey(script: Script, state: DialogueState, by: AnsweredBy) -> Turn:
    """Thank and end the call."""
    assert script.survey is not None
    state = replace(state, node=SURVEY_END)
    lines = _lines(script, state, _one(script.survey.thanks, state))
    return replace(state, said=lines), Reply(lines, by, ends_call=True)


def aside(script: Script, state: DialogueState, by: AnsweredBy, lead: Iterable[str]) -> Turn:
    """Say something and put the open question again."""
    question = question_of(script, state)
    if question:
        return ask_question(script, state, question, by, lead)
    node = script.nodes[state.node]
    state = replace(state, no_match=0, silences=0)
    lines = _lines(script, state, (*lead, *_one(node.ask or node.say, state)), node)
    return replace(state, said=lines), Reply(lines, by)


def say_again(script: Script, state: DialogueState, by: AnsweredBy, lead: Iterable[str]) -> Turn:
    """Repeat the last prompt, word for word."""
    state = replace(state, silences=0)
    again = tuple(replace(saying, barge_in=True) for saying in state.said)
    return state, Reply((*_lines(script, state, lead), *again), by)


def follow(
    script: Script,
    state: DialogueState,
    intent: str,
    move: Move,
    by: AnsweredBy,
    *,
    heard: Heard | None = None,
    now: datetime | None = None,
    lead: Iterable[str] = (),
) -> Turn:
    """Do what the script says to an intent. With `heard` and `now`, the words that led to a node may
    already hold the answer to its question."""
    state = replace(state, labels=state.labels | set(move.labels))
    lead = (*lead, *_one(move.say, state))
    if move.goto is None:
        again = say_again if intent == REPEAT else aside
        return again(script, state, by, lead)
    capture = script.nodes[move.goto].capture
    if capture and heard and now and script.slots[capture.slot].type in _PARSED_AHEAD:
        value = parse_slot(script.slots[capture.slot], heard, now=now, language=script.language)
        if value is not None:
            state = replace(state, slots={**state.slots, capture.slot: value})
            return enter(script, state, capture.goto, by, lead)
    return enter(script, state, move.goto, by, lead)


def reprompt(script: Script, state: DialogueState, *, silent: bool) -> Turn:
    """Ask again in other words, or give up when they are used up."""
    node = script.nodes[state.node]
    rule: Reprompts = (node.silence or script.silence) if silent else (node.no_match or script.no_match)
    times = state.silences if silent else state.no_match
    if times >= len(rule.say):
        return enter(script, state, rule.goto, AnsweredBy.SCRIPT)
    if silent:
        state = replace(state, silences=times + 1)
    else:
        failed = {"repeat_failure"} if times else set()
        state = replace(state, no_match=times + 1, labels=state.labels | failed)
    asked = _lines(script, state, _one(node.ask or node.say, state), node)
    sorry = _lines(script, state, (rule.say[times],), node)
    return replace(state, said=asked), Reply((*sorry, *asked), AnsweredBy.SCRIPT)


def _one(texts: tuple[str, ...], state: DialogueState) -> tuple[str, ...]:
    return (pick(texts, state),) if texts else ()


def _lines(
    script: Script, state: DialogueState, texts: Iterable[str], node: Node | None = None
) -> tuple[Saying, ...]:
    values = values_of(script, state)
    here = script.barge_in if node is None or node.barge_in is None else node.barge_in

    def may_interrupt(text: str) -> bool:
        own = text.barge_in if isinstance(text, Wording) else None
        return here if own is None else own

    return tuple(
        Saying(render(sentence, values), state.node, may_interrupt(text))
        for text in texts
        for sentence in sentences(text)
    )
