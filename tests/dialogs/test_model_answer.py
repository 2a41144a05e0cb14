"""The language model's part: what it is asked, and which of its answers are spoken."""

import json

import pytest

from dialogs.script.format import Script
from dialogs.script.load import load_script
from dialogs.turn import AnsweredBy
from tests.dialogs.talk import ANNA, RETAIL, Talk


@pytest.fixture(scope="module")
def script() -> Script:
    return load_script(RETAIL)


@pytest.fixture
def talk(script: Script) -> Talk:
    talk = Talk(script, model=True)
    talk.hear("yes", "yes")
    talk.hear("yes", "yes")
    return talk


def test_the_head_is_the_same_bytes_in_every_call(script: Script, talk: Talk) -> None:
    other = Talk(script, {"first_name": "Bob", "last_purchase": "a rug"}, model=True)
    talk.hear("do you sell bathtubs")
    other.hear("is the earth flat")
    assert talk.asked
    assert other.asked
    assert talk.asked.messages[0] == other.asked.messages[0]
    assert "Bob" not in other.asked.messages[0][1]
    assert talk.asked.messages[1] != other.asked.messages[1]


def test_the_question_holds_what_the_model_needs(talk: Talk) -> None:
    talk.hear("do you sell bathtubs")
    assert talk.asked
    (_, head), (role, request) = talk.asked.messages
    assert role == "user"
    assert "30 days" in head
    assert request.index("customer: do you sell bathtubs") > request.index("agent: Hello, this is Emma")
    assert "price_objection" in request
    allowed = talk.asked.json_schema["properties"]["intent"]["enum"]
    assert {"", "yes", "no", "opt_out", "human_please"} <= set(allowed)
    assert "repeat" not in allowed
    json.dumps(talk.asked.json_schema)


def test_only_what_was_not_understood_is_asked(talk: Talk) -> None:
    talk.hear("what does it cost", "price_question")
    assert talk.asked is None
    talk.silence()
    assert talk.asked is None


def test_without_a_model_the_script_asks_again(script: Script) -> None:
    talk = Talk(script)
    talk.hear("do you sell bathtubs")
    assert talk.asked is None
    assert talk.reply.answered_by is AnsweredBy.SCRIPT


def test_an_answer_is_spoken_and_the_question_put_again(talk: Talk) -> None:
    talk.hear("do you sell lamps")
    said = talk.model_says("answer", "Yes, we sell furniture, lamps and rugs.")
    assert said is not None
    assert said.startswith("Yes, we sell furniture, lamps and rugs.")
    assert said.endswith("?")
    assert talk.reply.answered_by is AnsweredBy.LLM
    assert talk.state.no_match == 0


def test_goto_follows_the_script(talk: Talk) -> None:
    talk.hear("fine whatever send me the thing")
    talk.model_says("goto", "Great.", "interested")
    assert talk.state.outcome == "interested"
    assert talk.reply.answered_by is AnsweredBy.LLM


def test_opt_out_through_the_model_ends_and_counts(talk: Talk) -> None:
    talk.hear("I really do not wish to hear from your firm in future")
    talk.model_says("goto", "", "opt_out")
    assert talk.reply.ends_call
    assert talk.state.outcome == "opted_out"
    assert "opt_out" in talk.state.labels


def test_end_closes_politely(talk: Talk) -> None:
    talk.hear("right I have to go")
    talk.model_says("end", "Of course.")
    assert talk.reply.ends_call
    assert talk.said.endswith("goodbye.")


@pytest.mark.parametrize(
    ("act", "text", "intent"),
    [
        ("answer", "You get 70 percent off.", ""),
        ("answer", "", ""),
        ("answer", "I'm a real person.", ""),
        ("end", "Your refund arrives on Monday.", ""),
        ("goto", "", "no_such_intent"),
        ("goto", "", ""),
        ("sing", "La la la.", ""),
    ],
)
def test_an_unusable_answer_is_not_spoken(talk: Talk, act: str, text: str, intent: str) -> None:
    talk.hear("do you sell bathtubs")
    assert talk.model_says(act, text, intent) is None
    assert talk.reply.answered_by is AnsweredBy.SCRIPT
    assert talk.state.no_match == 1


def test_broken_json_values_are_refused(talk: Talk) -> None:
    from dialogs.policy import answer_from_model

    talk.hear("do you sell bathtubs")
    assert talk.asked
    for reply in (
        {},
        {"act": "answer"},
        {"act": "answer", "text": 7},
        {"act": "goto", "text": "", "intent": []},
    ):
        assert answer_from_model(talk.script, talk.asked.state, reply) is None


def test_the_concession_is_not_given_away_early(script: Script) -> None:
    """The model may repeat what its facts hold; a contact's own words are no facts."""
    talk = Talk(script, {**ANNA, "last_purchase": "a lamp"}, model=True)
    talk.hear("a friend of mine got eighty percent off")
    assert talk.model_says("answer", "Yes, you get 80 percent off.") is None
