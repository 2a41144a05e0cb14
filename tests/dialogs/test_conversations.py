"""Whole calls with the win-back script, one for each outcome."""

import pytest

from dialogs.prompts import contact_sayings, fixed_sayings
from dialogs.script.format import Script
from dialogs.script.load import load_script
from dialogs.turn import AnsweredBy
from tests.dialogs.talk import ANNA, RETAIL, Talk


@pytest.fixture(scope="module")
def script() -> Script:
    return load_script(RETAIL)


@pytest.fixture
def talk(script: Script) -> Talk:
    return Talk(script)


def test_the_first_words_disclose_the_ai_and_cannot_be_interrupted(talk: Talk) -> None:
    first, *rest = talk.reply.sayings
    assert "automated AI assistant calling for Northwind Home" in first.text
    assert not first.barge_in
    assert rest
    assert all(saying.barge_in for saying in rest)
    assert "Anna" in rest[-1].text
    assert "disclosed" in talk.state.labels


def test_hints_hold_the_name(talk: Talk) -> None:
    assert {"Anna", "Northwind Home"} <= set(talk.expects.hints)


def test_interested(talk: Talk) -> None:
    said = talk.hear("yes that's me", "yes")
    assert "a reading lamp" in said
    assert "stop calling" in said
    assert "identity_confirmed" in talk.state.labels
    assert talk.reply.answered_by is AnsweredBy.SHORTCUT
    assert "15 percent" in talk.hear("sure", "yes")
    said = talk.hear("yes please send it", "interested")
    assert "You'll get a text" in said
    assert "From one to five" in said
    assert not talk.reply.ends_call
    assert talk.expects.digits == 1
    assert talk.hear("I'd say four").endswith("Goodbye.")
    assert talk.reply.ends_call
    assert talk.state.outcome == "interested"
    assert talk.state.survey == {"satisfaction": 4}


def test_survey_by_key_after_a_refusal(talk: Talk) -> None:
    talk.hear("yes", "yes")
    talk.hear("not interested", "refuse")
    assert not talk.reply.ends_call
    talk.press("2")
    assert talk.reply.ends_call
    assert (talk.state.outcome, talk.state.survey) == ("refused", {"satisfaction": 2})
    assert "refusal" in talk.state.labels


def test_survey_declined(talk: Talk) -> None:
    talk.hear("not interested", "refuse")
    talk.hear("no", "no")
    assert talk.reply.ends_call
    assert talk.state.survey == {}
    assert talk.state.outcome == "refused"


def test_survey_answer_that_is_no_number_is_asked_again_twice_at_most(talk: Talk) -> None:
    talk.hear("not interested", "refuse")
    first = talk.hear("it was all right")
    second = talk.press("7")
    assert "number" in first
    assert "number" in second
    assert first != second
    talk.silence()
    assert talk.reply.ends_call
    assert talk.state.survey == {}


def test_price_haggling_gets_one_concession(talk: Talk) -> None:
    talk.hear("yes", "yes")
    talk.hear("yes", "yes")
    question = talk.hear("what does it cost", "price_question")
    assert "costs you nothing" in question
    assert question.endswith("?")
    assert "20 percent" in talk.hear("can you do better", "price_objection")
    said = talk.hear("make it thirty", "price_objection")
    assert "percent" not in said
    assert talk.state.outcome == "refused"


def test_busy_names_a_time_and_is_called_back(talk: Talk) -> None:
    assert "When" in talk.hear("I'm driving", "busy") or "What day" in talk.said
    assert talk.expects.dictation
    confirm = talk.hear("tomorrow at five")
    assert "Tuesday, November 24th at 5 PM" in confirm
    assert talk.reply.answered_by is AnsweredBy.SCRIPT
    talk.hear("yes", "yes")
    assert talk.reply.ends_call
    assert talk.state.outcome == "callback"
    assert talk.state.slots == {"callback_time": "2026-11-24T17:00"}


def test_a_time_named_at_once_is_not_asked_for(talk: Talk) -> None:
    assert "Wednesday, November 25th at 10 AM" in talk.hear("call me wednesday morning", "call_later")


def test_a_wrong_callback_time_is_corrected(talk: Talk) -> None:
    talk.hear("call me back", "call_later")
    talk.hear("tomorrow at five")
    assert "6 PM" in talk.hear("no, at six tomorrow", "no")
    talk.hear("yes", "yes")
    assert talk.state.slots["callback_time"] == "2026-11-24T18:00"


def test_opt_out_ends_at_once(talk: Talk) -> None:
    talk.hear("yes", "yes")
    said = talk.hear("take me off your list", "opt_out")
    assert "won't call again" in said
    assert talk.reply.ends_call
    assert talk.state.outcome == "opted_out"
    assert "opt_out" in talk.state.labels


def test_opt_out_by_key(talk: Talk) -> None:
    assert talk.expects.digits == 1
    talk.press("9")
    assert talk.reply.ends_call
    assert talk.state.outcome == "opted_out"


def test_opt_out_during_the_survey_counts(talk: Talk) -> None:
    talk.hear("not interested", "refuse")
    talk.hear("and never call again", "opt_out")
    assert talk.reply.ends_call
    assert talk.state.outcome == "opted_out"


def test_nobody_who_opts_out_is_asked_for_a_rating(script: Script) -> None:
    assert script.survey
    survey = script.survey.model_copy(update={"after": (*script.survey.after, "opted_out")})
    talk = Talk(script.model_copy(update={"survey": survey}))
    talk.hear("stop calling", "opt_out")
    assert talk.reply.ends_call


def test_endless_questions_come_to_an_end(talk: Talk) -> None:
    for _ in range(talk.script.max_turns):
        talk.hear("who is this", "who_are_you")
        assert not talk.reply.ends_call
    talk.hear("who is this", "who_are_you")
    assert talk.reply.ends_call
    assert talk.state.outcome == "unclear"


@pytest.mark.parametrize(
    ("intent", "outcome", "label"),
    [
        ("wrong_person", "wrong_person", "wrong_person"),
        ("human_please", "human_requested", "human_request"),
        ("complaint", "complaint", "complaint"),
    ],
)
def test_what_ends_a_call_from_anywhere(script: Script, intent: str, outcome: str, label: str) -> None:
    for before in ([], ["yes"], ["yes", "yes"], ["busy"]):
        talk = Talk(script)
        for earlier in before:
            talk.hear(intent=earlier)
        talk.hear(intent=intent)
        assert talk.reply.ends_call
        assert talk.state.outcome == outcome
        assert label in talk.state.labels


def test_abuse_is_answered_politely_and_counted(talk: Talk) -> None:
    talk.hear("get lost", "abuse")
    assert talk.state.outcome == "refused"
    assert "abuse" in talk.state.labels


def test_robot_question_is_answered_truthfully_and_the_question_put_again(talk: Talk) -> None:
    said = talk.hear("are you a robot", "are_you_robot")
    assert "AI" in said
    assert "Anna" in said
    assert "robot_question" in talk.state.labels
    assert not talk.reply.ends_call


def test_repeat_says_the_last_prompt_again(talk: Talk) -> None:
    talk.hear("yes", "yes")
    last = talk.hear("how does it work", "how_it_works")
    assert talk.hear("pardon", "repeat").endswith(last)
    assert talk.hear("pardon", "repeat").endswith(last)


def test_not_understood_twice_then_goodbye(talk: Talk) -> None:
    first, second = talk.hear("krzz"), talk.hear("brrz")
    assert first.split(".")[0] != second.split(".")[0]
    assert "Anna" in first
    assert "Anna" in second
    talk.hear("frrz")
    assert talk.reply.ends_call
    assert talk.state.outcome == "unclear"
    assert "repeat_failure" in talk.state.labels


def test_silence_twice_then_goodbye(talk: Talk) -> None:
    first, second = talk.silence(), talk.silence()
    assert first != second
    talk.silence()
    assert talk.reply.ends_call
    assert talk.state.outcome == "no_response"
    assert talk.reply.answered_by is AnsweredBy.SCRIPT


def test_every_sentence_but_the_callback_time_is_rendered_ahead(script: Script) -> None:
    ready = {*fixed_sayings(script), *contact_sayings(script, ANNA)}
    for intents in (["yes", "yes", "price_objection", "yes"], ["are_you_robot", "repeat", "refuse", "no"]):
        talk = Talk(script)
        for intent in intents:
            talk.hear(intent=intent)
            assert {saying.text for saying in talk.reply.sayings} <= ready
    talk = Talk(script)
    assert {saying.text for saying in talk.reply.sayings} <= ready
    talk.hear(intent="busy")
    talk.hear("tomorrow at five")
    assert [s.text for s in talk.reply.sayings if s.text not in ready] == [talk.reply.sayings[1].text]


def test_the_same_call_says_the_same_words(script: Script) -> None:
    def words() -> list[str]:
        talk = Talk(script)
        return [talk.said, *(talk.hear(intent=intent) for intent in ("yes", "who_are_you", "yes", "no"))]

    assert words() == words()


def test_a_contact_without_a_name_is_refused(script: Script) -> None:
    with pytest.raises(ValueError, match="first_name is missing"):
        Talk(script, {"last_purchase": "a lamp"})


def test_a_value_cannot_smuggle_in_markup(script: Script) -> None:
    with pytest.raises(ValueError, match="cannot be spoken"):
        Talk(script, {**ANNA, "first_name": "{callback_time}"})
