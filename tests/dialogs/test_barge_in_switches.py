"""Which prompts may be interrupted: the text's own switch, else the node's, else the script's."""

from pathlib import Path

import pytest

from dialogs.policy import open_dialogue
from dialogs.script.load import load_script
from dialogs.turn import Saying
from tests.dialogs.talk import ANNA, RETAIL, Talk

QUESTIONS = "      - Is this {first_name}?\n      - Am I speaking with {first_name}?\n"


def opening(folder: Path, *, script: str = "", node: str = "", text: str = "") -> tuple[Saying, ...]:
    """The first words with switches at these places."""
    path = folder / "switched.yaml"
    lines = RETAIL.read_text(encoding="utf-8")
    question = f'{{text: "Is this {{first_name}}?", barge_in: {text}}}' if text else "Is this {first_name}?"
    lines = lines.replace(QUESTIONS, f"      - {question}\n")
    lines = lines.replace("start: greeting\n", f"start: greeting\n{script and f'barge_in: {script}'}\n")
    lines = lines.replace("  greeting:\n", f"  greeting:\n{node and f'    barge_in: {node}'}\n")
    path.write_text(lines, encoding="utf-8")
    return open_dialogue(load_script(path), ANNA)[1].sayings


@pytest.mark.parametrize(
    ("script", "node", "text", "open_"),
    [
        ("", "", "", True),
        ("false", "", "", False),
        ("false", "true", "", True),
        ("true", "false", "", False),
        ("false", "false", "true", True),
        ("true", "true", "false", False),
        ("", "", "false", False),
    ],
)
def test_the_narrowest_switch_wins_and_the_disclosure_is_always_locked(
    tmp_path: Path, script: str, node: str, text: str, open_: bool
) -> None:
    disclosure, question = opening(tmp_path, script=script, node=node, text=text)
    assert not disclosure.barge_in
    assert question.barge_in is open_


def test_what_was_heard_whole_may_be_interrupted_when_it_is_said_again(tmp_path: Path) -> None:
    opening(tmp_path, text="false")
    talk = Talk(load_script(tmp_path / "switched.yaml"))
    talk.hear(intent="repeat")
    assert all(saying.barge_in for saying in talk.reply.sayings if saying.text == "Is this Anna?")
