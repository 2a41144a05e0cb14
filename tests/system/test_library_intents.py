"""The library's intents under the real classifier: sentences that are in no example, at their node."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from dialogs.policy import expectation
from dialogs.script.format import Script
from dialogs.script.load import load_script
from dialogs.turn import DialogueState
from models.intent.service import IntentEngine, IntentRequest, IntentSettings
from tests.dialogs.talk import ANNA, RETAIL

DATA = Path(__file__).with_name("retail_utterances.en.txt")
"""`node | words | intents that are right`; '-' is right when the classifier abstains."""
LEAST_ANSWERED = 0.8
MOST_WRONG = 0.04


@pytest.fixture(scope="module")
def script() -> Script:
    return load_script(RETAIL)


@pytest.fixture(scope="module")
def engine(script: Script) -> Iterator[IntentEngine]:
    engine = IntentEngine(IntentSettings({name: i.examples for name, i in script.intents.items()}))
    engine.load()
    yield engine
    engine.close()


def utterances() -> list[tuple[str, str, set[str]]]:
    rows = [line.split("|") for line in DATA.read_text(encoding="utf-8").splitlines() if line]
    return [(node.strip(), words.strip(), set(right.split())) for node, words, right in rows]


def test_no_utterance_is_an_example(script: Script) -> None:
    examples = {example for intent in script.intents.values() for example in intent.examples}
    assert not examples & {words for _, words, _ in utterances()}


def test_utterances_are_understood_and_opt_out_is_never_missed(script: Script, engine: IntentEngine) -> None:
    said = Counter[str]()
    wrong: list[str] = []
    for node, words, right in utterances():
        allowed = expectation(script, DialogueState(node=node, variables=ANNA)).intents
        (result,) = engine.run([IntentRequest(words, allowed)])
        found = result.intent or "-"
        said["to answer" if "-" not in right else "to abstain"] += 1
        if found in right:
            said["answered" if found != "-" else "abstained"] += 1
        elif found != "-":
            wrong.append(f"{node}: {words!r} as {found} ({result.confidence:.2f})")
        if "opt_out" in right:
            assert found in right, words
    assert said["answered"] >= LEAST_ANSWERED * said["to answer"], (said, wrong)
    assert len(wrong) <= MOST_WRONG * said.total(), wrong
