"""Faults in scripts, each found at its line."""

import json
from pathlib import Path

import jsonschema
import pytest

from dialogs.problem import InputError
from dialogs.script.load import check_script, load_script, script_version
from dialogs.script.schema import SCHEMA_FILE, schema_text
from dialogs.yaml_places import load_yaml
from tests.dialogs.talk import RETAIL

WORDS = 60


def changed(folder: Path, old: str, new: str) -> Path:
    """The retail script with one passage replaced."""
    text = RETAIL.read_text(encoding="utf-8")
    assert old in text
    path = folder / "changed.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def line_of(path: Path, text: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_library_scripts_are_without_fault() -> None:
    for path in RETAIL.parent.glob("*.yaml"):
        assert check_script(path) == []


def test_library_intents_have_enough_examples() -> None:
    for name, intent in load_script(RETAIL).intents.items():
        assert 12 <= len(intent.examples) <= 40, name


@pytest.mark.parametrize(
    ("old", "new", "at", "said", "mend"),
    [
        (
            "start: greeting",
            "start: greetin",
            "start: greetin",
            "node 'greetin' does not exist",
            "'greeting'",
        ),
        ("yes: reason\n", "yes: raeson\n", "yes: raeson", "node 'raeson' does not exist", "'reason'"),
        (
            "price_objection: concession",
            "prize_objection: concession",
            "prize_objection: c",
            "intent",
            "price_",
        ),
        (
            "slot: callback_time, goto",
            "slot: callback_tme, goto",
            "slot: callback_tme",
            "slot",
            "callback_time",
        ),
        (
            "    end: refused",
            "    end: refusd",
            "end: refusd",
            "outcome 'refusd' does not exist",
            "'refused'",
        ),
        ("after: [interested", "after: [intrested", "after: [intrested", "outcome", "'interested'"),
        ("Is this {first_name}?", "Is this {firstname}?", "{firstname}", "'firstname'", "first_name"),
        ("Is this {first_name}?", "Is this {first_name?", "{first_name?", "brace", "{first_name}"),
        ("an automated AI assistant", "a friend", "a friend", "AI is calling", "AI assistant"),
        (
            "opt_out: goodbye_opt_out",
            "opt_out: ask_callback_time",
            "opt_out: ask_c",
            "does not end the call",
            "end:",
        ),
        (
            "  who_are_you:\n    say",
            "  how_are_you:\n    say",
            "global_intents:",
            "no answer to 'who_are_you'",
            "Add",
        ),
        ("goto: goodbye_no_response", "goto: reason", "goto: reason", "does not end the call", "end:"),
        ("Are you still there?", " ".join(["word"] * WORDS), "word word", "takes about 23 s", "20 s"),
        ("    - Are you still there?\n", "", "", "has 1 of at least 2", "Add"),
        (
            "Hello? I can't hear you at the moment.",
            "are you still there",
            "",
            "same words twice",
            "other words",
        ),
        ("      - nope\n", "      - Yeah!\n", "- Yeah!", "also an example of 'yes'", "one of them"),
        ("    dictation: true", "    dictaton: true", "dictaton", "not a known key", "'dictation'"),
        ("keys: {9:", "keys: {3:", "keys: {3:", "answer from 1 to 5", "another key"),
        ('hints: ["{first_name}"]', 'hints: ["{fist_name}"]', "fist_name", "'fist_name'", "'first_name'"),
        ("format: 1", "format: 2", "format: 2", "should be 1", ""),
        ("format: 1\n", "", "id:", "'format' is missing", "Add 'format:'"),
        ("language: en", "language: fr", "language: fr", "'en' or 'zh'", ""),
        ("We'll try again", "{first_name}, we'll try again", "trouble:", "names a value", "plain words"),
        ("type: datetime", "type: choice", "callback_time: {type", "'choices'", "Add them"),
        ("{example: Anna}", "{example: Anna, type: date}", "first_name:", "is not a date", "Correct"),
        ("{id: code_validity,", "{id: code,", "id: code, text: The code works", "is taken", "another"),
        ("    end: callback\n", "", "  goodbye_callback:", "dead end", "end:"),
        ("Great, we'll call you then.", "Great, {nothing}.", "{nothing}", "'nothing'", "one of"),
    ],
)
def test_a_fault_is_found_at_its_line(
    tmp_path: Path, old: str, new: str, at: str, said: str, mend: str
) -> None:
    path = changed(tmp_path, old, new)
    with pytest.raises(InputError) as caught:
        load_script(path)
    hits = [problem for problem in caught.value.problems if said in problem.message and mend in problem.mend]
    assert hits, str(caught.value)
    if at:
        assert line_of(path, at) in [problem.line for problem in hits], str(caught.value)
    assert all(problem.file == str(path) for problem in hits)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    path = changed(tmp_path, "yes: reason\n", "yes: raeson\n")
    path = changed_again(path, "    end: refused", "    end: refusd")
    with pytest.raises(InputError) as caught:
        load_script(path)
    assert len(caught.value.problems) >= 2
    assert [problem.line for problem in caught.value.problems] == sorted(
        problem.line for problem in caught.value.problems
    )


def changed_again(path: Path, old: str, new: str) -> Path:
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    return path


def test_a_slot_used_before_it_is_known(tmp_path: Path) -> None:
    path = changed(tmp_path, "Would that work for you?", "Would {callback_time} work for you?")
    assert any("may not be known yet" in problem.message for problem in check_script(path))


def test_what_is_never_reached_or_used_is_a_warning(tmp_path: Path) -> None:
    path = changed(tmp_path, "nodes:\n", "nodes:\n  island:\n    say: Nobody hears this.\n    end: refused\n")
    path = changed_again(path, "outcomes:\n", "outcomes:\n  sold: Bought something.\n")
    path = changed_again(path, 'intents:\n  "yes"', 'intents:\n  weather: {examples: [rain]}\n  "yes"')
    problems = check_script(path)
    assert all(problem.warning for problem in problems)
    said = {problem.message for problem in problems}
    assert "nothing leads to node 'island'" in said
    assert "no node ends with outcome 'sold'" in said
    assert "intent 'weather' is never used" in said
    assert "only 1 examples" in said
    load_script(path)


def test_version_follows_the_content(tmp_path: Path) -> None:
    path = changed(tmp_path, "goal: Tell", "goal: tell")
    assert script_version(path) != script_version(RETAIL)
    assert script_version(RETAIL) == script_version(RETAIL)


def test_published_schema_is_up_to_date() -> None:
    """If this fails: python -m dialogs.script.schema."""
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()


def test_published_schema_accepts_the_library_and_refuses_unknown_keys() -> None:
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    checker = jsonschema.Draft202012Validator(schema)
    data, _ = load_yaml(RETAIL)
    data = json.loads(json.dumps(data))
    checker.validate(data)
    data["nodes"]["greeting"]["asks"] = "Who is it?"
    assert not checker.is_valid(data)


@pytest.mark.parametrize(
    ("old", "new", "at", "said"),
    [
        ("language: en\n", "language: en\nbarge_in: perhaps\n", "barge_in: perhaps", "barge_in"),
        (
            "language: en\n",
            "language: en\nbarge_in: false\n",
            "barge_in: false",
            "nobody may interrupt, wherever",
        ),
        (
            "- Is this {first_name}?",
            "- {text: Is this it?, barge_in: perhaps}",
            "barge_in: perhaps",
            "nodes.greeting.ask.0",
        ),
        (
            "- Is this {first_name}?",
            "- {text: Is this it?, bargein: no}",
            "bargein",
            "'bargein' is not a known key",
        ),
        ("- Is this {first_name}?", "- {text: Is this it?}", "{text: Is this it?}", "'barge_in' is missing"),
        ("- Is this {first_name}?", "- {barge_in: false}", "{barge_in: false}", "'text' is missing"),
        ("  reason:\n", "  reason:\n    barge_in: false\n", "  reason:", "nobody may interrupt for about"),
    ],
)
def test_switches_are_checked_at_their_line(tmp_path: Path, old: str, new: str, at: str, said: str) -> None:
    path = changed(tmp_path, old, new)
    problems = [problem for problem in check_script(path) if said in problem.message]
    assert [problem.line for problem in problems] == [line_of(path, at)]
    assert problems[0].mend


def test_a_text_with_a_switch_is_a_text_like_any_other(tmp_path: Path) -> None:
    switched = changed(
        tmp_path, "- Is this {first_name}?", '- {text: "Is this {first_name}?", barge_in: false}'
    )
    assert check_script(switched) == []
    wrong = changed(tmp_path, "- Is this {first_name}?", '- {text: "Is this {last_name}?", barge_in: false}')
    assert [problem.line for problem in check_script(wrong)] == [line_of(wrong, "{last_name}")]
