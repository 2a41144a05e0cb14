"""The dialogue as text in a terminal: the same script, policy and classifier as a call."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from rich.console import Console

from dialogs.policy import answer, expectation, open_dialogue, record_heard
from dialogs.script.load import load_script
from dialogs.turn import AskModel, DialogueState, Heard, Reply
from models.engine import EngineError
from models.intent import IntentClassifier
from models.intent.service import IntentSettings, serve_intents
from voicebot.settings import Settings

_CLASSIFICATION_S = 5.0


async def run_chat(script_file: Path, variables: Mapping[str, str], settings: Settings) -> None:
    """Converse on standard input and output until the script ends the call or input ends."""
    script = load_script(script_file)
    console = Console()
    known = {name: variable.example for name, variable in script.variables.items()} | dict(variables)
    examples = {name: intent.examples for name, intent in script.intents.items()}
    wanted = IntentSettings(examples, script.language, cache=settings.cache / "intents")
    async with serve_intents(wanted, nice=0) as classifier:
        state, reply = open_dialogue(script, known)
        state = _show(console, state, reply)
        while not reply.ends_call:
            try:
                line = console.input("[bold cyan]you[/] ").strip()
            except EOFError:
                return
            heard = await _hear(line, classifier, expectation(script, state).intents)
            decided = answer(script, state, heard, model=False, now=datetime.now())
            assert not isinstance(decided, AskModel)
            state, reply = decided
            state = _show(console, state, reply, heard)
    console.print(
        f"[dim]outcome {state.outcome or 'none'} · slots {dict(state.slots)} · "
        f"survey {dict(state.survey)} · labels {sorted(state.labels)}[/]"
    )


async def _hear(line: str, classifier: IntentClassifier, intents: frozenset[str]) -> Heard:
    if not line:
        return Heard(silence=True)
    if line.isdigit() and len(line) == 1:
        return Heard(text=line, digits=line)
    try:
        found = await classifier.classify(line, intents, deadline_s=_CLASSIFICATION_S)
    except EngineError:
        return Heard(text=line)
    return Heard(text=line, intent=found.intent, confidence=found.confidence)


def _show(console: Console, state: DialogueState, reply: Reply, heard: Heard | None = None) -> DialogueState:
    if heard and heard.text:
        console.print(f"[dim]    {heard.intent or 'unsure'} {heard.confidence:.0%} → {reply.answered_by}[/]")
    console.print(f"[bold green]bot[/] {' '.join(saying.text for saying in reply.sayings)}", highlight=False)
    for saying in reply.sayings:
        state = record_heard(state, saying, saying.text)
    return state
