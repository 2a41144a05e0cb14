"""Drives a whole conversation by text, the way a call does."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from dialogs.policy import answer, answer_from_model, expectation, open_dialogue, record_heard
from dialogs.script.format import Script
from dialogs.turn import AskModel, DialogueState, Expectation, Heard, Reply

RETAIL = Path(__file__).parents[2] / "dialogs/library/retail-winback.en.yaml"
NOW = datetime(2026, 11, 23, 15, 42)
"""A Monday."""
ANNA = {"first_name": "Anna", "last_purchase": "a reading lamp"}


class Talk:
    """One conversation. Everything the agent says is heard to its end."""

    def __init__(self, script: Script, variables: Mapping[str, str] = ANNA, *, model: bool = False) -> None:
        self.script = script
        self.model = model
        self.asked: AskModel | None = None
        self._take(*open_dialogue(script, variables))

    @property
    def said(self) -> str:
        return " ".join(saying.text for saying in self.reply.sayings)

    @property
    def expects(self) -> Expectation:
        return expectation(self.script, self.state)

    def hear(self, text: str = "", intent: str | None = None, **more: Any) -> str:
        """What the agent says to it. A question to the model is left open in `asked`."""
        turn = answer(
            self.script, self.state, Heard(text or (intent or ""), intent, **more), model=self.model, now=NOW
        )
        if isinstance(turn, AskModel):
            self.asked = turn
            return ""
        self._take(*turn)
        return self.said

    def silence(self) -> str:
        self._take(*_turn(answer(self.script, self.state, Heard(silence=True), model=self.model, now=NOW)))
        return self.said

    def press(self, keys: str) -> str:
        self._take(*_turn(answer(self.script, self.state, Heard(digits=keys), model=self.model, now=NOW)))
        return self.said

    def model_says(self, act: str, text: str = "", intent: str = "") -> str | None:
        """The open question answered; None when the answer is refused and the script speaks instead."""
        assert self.asked is not None
        turn = answer_from_model(self.script, self.asked.state, {"act": act, "text": text, "intent": intent})
        self._take(*(turn or (self.asked.otherwise_state, self.asked.otherwise)))
        self.asked = None
        return self.said if turn else None

    def _take(self, state: DialogueState, reply: Reply) -> None:
        self.state, self.reply = state, reply
        for saying in reply.sayings:
            self.state = record_heard(self.state, saying, saying.text)


def _turn(turn: tuple[DialogueState, Reply] | AskModel) -> tuple[DialogueState, Reply]:
    assert not isinstance(turn, AskModel)
    return turn
