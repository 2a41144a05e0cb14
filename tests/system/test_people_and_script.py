"""The people of the demo talk with its script in text: no telephone, no audio, but the real classifier.

Shows that each person gets what they stand for, whatever the seed, before anybody is called.
"""

import csv
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from dialogs.policy import answer, expectation, open_dialogue, record_heard
from dialogs.script.format import Script
from dialogs.script.load import load_script
from dialogs.turn import AskModel, DialogueState, Heard, Reply, Saying
from models.intent.service import IntentEngine, IntentRequest, IntentSettings
from voicebot.simulation.ears import STOP_MS
from voicebot.simulation.mind import Deed, HangUp, Mind, Press, Say
from voicebot.simulation.persona import Human, Persona, load_personas

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "dialogs/library/retail-winback.en.yaml"
CONTACTS = ROOT / "voicebot/simulation/demo/contacts.csv"
WORD_MS = 330
SEEDS = range(1, 4)
OUTCOMES: dict[str, tuple[str | None, int | None]] = {
    "interested": ("interested", 5),
    "returning_customer": ("interested", 4),
    "asks_price": ("interested", 5),
    "haggler": ("interested", 4),
    "busy_now": ("callback", None),
    "refuses": ("refused", 3),
    "hangs_up_early": (None, None),
    "opts_out": ("opted_out", None),
    "interrupts": ("interested", 4),
    "says_nothing": ("no_response", None),
    "wrong_person": ("wrong_person", None),
    "asks_robot": ("interested", 4),
    "asks_human": ("human_requested", None),
    "complains": ("complaint", None),
    "hard_of_hearing": ("interested", 5),
    "backchannels": ("interested", 5),
    "answers_second_call": ("interested", 4),
}
"""What the script makes of each kind of person, and their score in the survey."""


class Play:
    """One call in text. Time passes as if it were spoken."""

    def __init__(self, script: Script, engine: IntentEngine, mind: Mind, variables: dict[str, str]) -> None:
        self._script = script
        self._engine = engine
        self._mind = mind
        self._now_ms = 0.0
        self.state, self._reply = open_dialogue(script, variables)

    def run(self) -> DialogueState:
        """To the end of the call, by either side."""
        for _ in range(40):
            words, deed = self._bot_speaks(self._reply)
            self._mind.bot_stopped(self._now_ms)
            self._now_ms += STOP_MS
            self._mind.heard(words, self._now_ms)
            if deed is None and not self._reply.ends_call:
                silence_ms = expectation(self._script, self.state).silence_s * 1000
                deed = next(self._deeds(silence_ms), None)
            if isinstance(deed, HangUp) or self._reply.ends_call:
                return self.state
            self._bot_thinks(deed)
        pytest.fail("the call does not end")

    def _bot_speaks(self, reply: Reply) -> tuple[str, Deed | None]:
        """What could be said of it, and what cut it short."""
        self._mind.bot_started(self._now_ms)
        spoken: list[str] = []
        for saying in reply.sayings:
            words, cut = self._say(saying)
            spoken.append(words)
            self.state = record_heard(self.state, saying, words)
            if cut:
                return " ".join(spoken), cut
        return " ".join(spoken), None

    def _say(self, saying: Saying) -> tuple[str, Deed | None]:
        words = saying.text.split()
        for count in range(1, len(words) + 1):
            for deed in self._deeds(WORD_MS):
                if isinstance(deed, HangUp) or (saying.barge_in and _asks(deed)):
                    return " ".join(words[:count]), deed
        return saying.text, None

    def _deeds(self, ms: float) -> Iterator[Deed]:
        until = self._now_ms + ms
        while self._now_ms < until:
            self._now_ms += 20
            deed = self._mind.due(self._now_ms)
            if deed is not None:
                self._mind.finished(self._now_ms)
                yield deed

    def _bot_thinks(self, deed: Deed | None) -> None:
        heard = Heard(silence=True)
        if isinstance(deed, Press):
            heard = Heard(digits=deed.digits)
        elif isinstance(deed, Say):
            allowed = frozenset(expectation(self._script, self.state).intents)
            (result,) = self._engine.run([IntentRequest(deed.text, allowed)])
            heard = Heard(deed.text, result.intent, result.confidence)
        turn = answer(self._script, self.state, heard, model=False, now=datetime(2026, 11, 24, 12, 30))
        assert not isinstance(turn, AskModel)
        self.state, self._reply = turn


def _asks(deed: Deed) -> bool:
    return isinstance(deed, Press) or (isinstance(deed, Say) and deed.expects_reply)


@pytest.fixture(scope="module")
def script() -> Script:
    return load_script(SCRIPT)


@pytest.fixture(scope="module")
def engine(script: Script) -> IntentEngine:
    engine = IntentEngine(IntentSettings({name: intent.examples for name, intent in script.intents.items()}))
    engine.load()
    return engine


def talkers() -> list[tuple[Persona, Human]]:
    return [(kind, human) for kind in load_personas() for human in kind.people if kind.persona in OUTCOMES]


def contacts() -> dict[str, dict[str, str]]:
    with CONTACTS.open(encoding="utf-8", newline="") as file:
        return {row["number"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize(
    ("persona", "human"), [pytest.param(*each, id=each[0].persona) for each in talkers()]
)
def test_each_person_gets_what_they_stand_for(
    persona: Persona, human: Human, script: Script, engine: IntentEngine
) -> None:
    contact = contacts()[human.number]
    ends = []
    for seed in SEEDS:
        mind = Mind(persona, human, seed=seed, attempt=2)
        variables = {name: contact[name] for name in script.variables}
        state = Play(script, engine, mind, variables).run()
        ends.append((state.outcome, next(iter(state.survey.values()), None)))
    assert ends == [OUTCOMES[persona.persona]] * len(SEEDS)


def test_every_rule_of_every_person_fits_something_that_the_script_says(script: Script) -> None:
    """A rule that nothing can wake is a persona that does not do what its file says."""
    said = str(script.model_dump(mode="json"))
    idle = [
        f"{persona.persona}: {rule.hears}"
        for persona, _ in talkers()
        for rule in persona.rules
        if not rule.fits(said)
    ]
    assert idle == []
