"""What holds in every dialogue, whatever is heard."""

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dialogs.flow import is_over
from dialogs.policy import answer, answer_from_model, expectation, open_dialogue, record_heard
from dialogs.script.load import load_script
from dialogs.turn import AskModel, DialogueState, Heard, Reply
from tests.dialogs.talk import ANNA, NOW, RETAIL

SCRIPT = load_script(RETAIL)
LAST_TURN = SCRIPT.max_turns + 2
"""The turn on which the limit is noticed, and one more for an open survey question."""

WORDS = st.sampled_from(
    [
        "yes",
        "no",
        "tomorrow at five",
        "in ten minutes",
        "four",
        "one to five",
        "",
        "uh",
        "call me monday",
        "{name}",
    ]
) | st.text(max_size=30)
INTENTS = st.sampled_from([*SCRIPT.intents, None, "not_in_the_script"])
HEARD = st.one_of(
    st.just(Heard(silence=True)),
    st.builds(Heard, digits=st.text("0123456789*#", min_size=1, max_size=3)),
    st.builds(Heard, text=WORDS, intent=INTENTS, confidence=st.floats(0, 1)),
)
MODEL_REPLY = st.fixed_dictionaries(
    {
        "act": st.sampled_from(["answer", "goto", "end", "sing"]),
        "intent": st.sampled_from(["", "yes", "opt_out", "refuse", "call_later", "nonsense"]),
        "text": st.sampled_from(
            ["", "The code works for 30 days.", "You get 90 percent off.", "Let me see."]
        ),
    }
)

Step = tuple[DialogueState, Heard, DialogueState, Reply]


def run(heard: list[tuple[Heard, dict[str, Any]]], *, model: bool) -> list[Step]:
    """The steps of a dialogue until it ends or nothing more is heard."""
    state, reply = open_dialogue(SCRIPT, ANNA)
    steps: list[Step] = []
    for one, model_reply in heard:
        for saying in reply.sayings:
            state = record_heard(state, saying, saying.text)
        before = state
        turn = answer(SCRIPT, state, one, model=model, now=NOW)
        if isinstance(turn, AskModel):
            asked = turn
            turn = answer_from_model(SCRIPT, asked.state, model_reply) or (
                asked.otherwise_state,
                asked.otherwise,
            )
        state, reply = turn
        steps.append((before, one, state, reply))
        if reply.ends_call:
            break
    return steps


DIALOGUES = st.builds(
    run,
    st.lists(st.tuples(HEARD, MODEL_REPLY), min_size=1, max_size=LAST_TURN + 5),
    model=st.booleans(),
)


@settings(max_examples=400, deadline=None)
@given(DIALOGUES)
def test_every_turn_gets_an_answer_that_can_be_spoken(steps: list[Step]) -> None:
    for _, _, state, reply in steps:
        assert reply.sayings
        assert all(saying.text.strip() and "{" not in saying.text for saying in reply.sayings)
        assert reply.ends_call == is_over(SCRIPT, state)
        if reply.ends_call:
            assert state.outcome in SCRIPT.outcomes
        else:
            assert expectation(SCRIPT, state).intents


STUBBORN = st.sampled_from(
    [Heard(name, name) for name, move in SCRIPT.global_intents.items() if move.goto is None]
    + [Heard("krzz"), Heard(silence=True), Heard("call me back", "call_later"), Heard("tomorrow at five")]
)
"""What keeps a call going, for ever if nothing stopped it."""


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(HEARD | STUBBORN, MODEL_REPLY), min_size=LAST_TURN, max_size=LAST_TURN)
    | st.lists(st.tuples(STUBBORN, MODEL_REPLY), min_size=LAST_TURN, max_size=LAST_TURN),
    st.booleans(),
)
def test_every_dialogue_ends(heard: list[tuple[Heard, dict[str, Any]]], model: bool) -> None:
    assert run(heard, model=model)[-1][-1].ends_call


@settings(max_examples=300, deadline=None)
@given(DIALOGUES, st.booleans())
def test_opt_out_ends_any_dialogue_at_once(steps: list[Step], by_key: bool) -> None:
    demand = Heard(digits="9") if by_key else Heard("stop calling", "opt_out", 0.9)
    for before, *_ in steps:
        turn = answer(SCRIPT, before, demand, model=True, now=NOW)
        assert not isinstance(turn, AskModel)
        state, reply = turn
        assert reply.ends_call
        assert state.outcome == "opted_out"
        assert "opt_out" in state.labels


@settings(max_examples=400, deadline=None)
@given(DIALOGUES)
def test_nobody_is_asked_again_in_the_same_words(steps: list[Step]) -> None:
    """Two re-prompts in a row differ; only someone who asks for a repetition hears the same again."""
    for (*_, first), (_, heard, _, second) in pairwise(steps):
        if heard.silence or not heard.intent:
            assert first.sayings != second.sayings


@settings(max_examples=200, deadline=None)
@given(DIALOGUES)
def test_history_holds_what_was_heard_in_turn(steps: list[Step]) -> None:
    for _, _, state, _ in steps:
        speakers = [speaker for speaker, _ in state.history]
        assert all(a != "agent" or b != "agent" for a, b in pairwise(speakers))


@settings(max_examples=200, deadline=None)
@given(DIALOGUES)
def test_after_the_end_only_an_opt_out_is_answered_and_only_once(steps: list[Step]) -> None:
    _, _, state, reply = steps[-1]
    nothing = Reply((), reply.answered_by.SCRIPT, ends_call=True)
    if reply.ends_call:
        for heard in (Heard("hello", "yes"), Heard(silence=True)):
            assert answer(SCRIPT, state, heard, model=True, now=NOW) == (state, nothing)
        turn = answer(SCRIPT, state, Heard(digits="9"), model=True, now=NOW)
        assert not isinstance(turn, AskModel)
        after, confirmed = turn
        assert confirmed.ends_call
        assert "opt_out" in after.labels
        assert bool(confirmed.sayings) is ("opt_out" not in state.labels)
        assert answer(SCRIPT, after, Heard(digits="9"), model=True, now=NOW) == (after, nothing)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6))
def test_only_words_that_were_played_are_remembered(played: list[int]) -> None:
    state, reply = open_dialogue(SCRIPT, ANNA)
    expected: list[str] = []
    for saying, count in zip(reply.sayings, played, strict=False):
        words = saying.text.split()[:count]
        expected += words
        state = record_heard(state, saying, " ".join(words))
    assert " ".join(text for _, text in state.history).split() == expected
    whole = len(reply.sayings[0].text.split()) <= played[0]
    assert ("disclosed" in state.labels) == whole
