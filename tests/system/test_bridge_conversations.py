"""Each simulated provider carries a whole conversation: real engines, a line made from settings, people who
hear with Whisper, interrupt, and get what they want."""

import asyncio
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from dialogs.policy import open_dialogue
from dialogs.prompts import contact_sayings
from dialogs.script.load import load_script
from models.asr import Utterance
from telephony.line import DialRequest, Line
from tests.embedded_weights import embedded_weights
from tests.system.far_end import FarEnd
from tests.system.simulated_providers import Provider, SimulatedJambonz, SimulatedTwilio
from tests.system.simulated_switches import SimulatedAsterisk, SimulatedFreeSwitch
from voicebot.call.result import CallResult
from voicebot.call.session import CallSession
from voicebot.call.watching import CallWatcher
from voicebot.console.steps import Steps
from voicebot.demo import LIBRARY, SCRIPT
from voicebot.service import Service, prepare_service, weights_for
from voicebot.settings import Settings
from voicebot.simulation.conversation import Conversation
from voicebot.simulation.ears import Samples
from voicebot.simulation.mind import Mind
from voicebot.simulation.persona import Persona, load_personas
from voicebot.simulation.voice import Lines, beep, line_noise, voice_over

WIN_BACK = load_script(LIBRARY / SCRIPT)
VARIABLES = {"first_name": "Anna", "last_purchase": "a reading lamp"}

PERSON = """\
persona: {name}
about: Interrupts the second turn of the bot.
people: [{{number: "+1415555010{number}", name: Anna Berg, voice: {{pitch: 1.05, level_db: -20}}}}]
opening: ["Hello?"]
interjections: [{{turn: 2, after_ms: 1600, says: ["{interrupts}"]}}]
rules:
  - {{hears: [one.to.five, "1.(to.)?5", number from], presses: "4"}}
  - {{hears: ["text (it|you)", next order], says: ["Yes, okay, send me the text."]}}
  - {{hears: [minute, moment], says: ["Yes, go on."]}}
  - {{hears: [is this, speaking with], says: ["Yes, it is."]}}
otherwise: {{says: ["Sorry, what?"]}}
"""


@dataclass(frozen=True)
class Part:
    """Who is called over which provider, what they interrupt with, and what the call must come to."""

    provider: type[Provider]
    interrupts: str
    outcome: str


PARTS = {
    "twilio": Part(SimulatedTwilio, "Stop. Never call this number again.", "opted_out"),
    "asterisk": Part(SimulatedAsterisk, "Yes, I have got a minute.", "interested"),
    "freeswitch": Part(SimulatedFreeSwitch, "No, thank you. I am not interested.", "refused"),
    "jambonz": Part(SimulatedJambonz, "You have got the wrong number.", "wrong_person"),
}


@dataclass
class Held:
    """One conversation when it is over."""

    result: CallResult
    talk: Conversation
    provider: Provider
    far_end: FarEnd


class FarEndTelephone:
    """What `Conversation` needs of its call."""

    def __init__(self, provider: Provider, far_end: FarEnd) -> None:
        self._provider, self._far_end = provider, far_end
        self._read = 0
        self._mouth: deque[Samples] = deque()
        far_end.mouth = self._mouth

    def read(self) -> bytes:
        frames = self._far_end.heard_from(self._read)
        self._read += len(frames)
        return b"".join(frame.tobytes() for frame in frames)

    def write(self, pcm: bytes) -> None:
        self._mouth.append(np.frombuffer(pcm, np.int16))

    def queued_ms(self) -> float:
        return len(self._mouth) * 20.0

    async def press(self, digits: str) -> None:
        for digit in digits:
            await self._far_end.press(digit)

    async def hang_up(self) -> None:
        await self._provider.person_hangs_up()


@dataclass
class Stage:
    """The running service and the people, one for each provider."""

    service: Service
    people: Mapping[str, Persona]

    async def hold(self, name: str, provider: Provider, line: Line) -> Held:
        persona = self.people[name]
        lines = await voice_over(self.service.speaker, persona, persona.people[0])
        async with asyncio.TaskGroup() as tasks:
            answering = tasks.create_task(self._answer(persona, lines, provider, tasks))
            result = await self._call(name, line).run()
        talk, far_end = answering.result()
        return Held(result, talk, provider, far_end)

    def _call(self, name: str, line: Line) -> CallSession:
        return CallSession(
            line=line,
            clock=self.service.clock,
            engines=self.service.engines,
            script=WIN_BACK,
            opening=open_dialogue(WIN_BACK, VARIABLES),
            request=DialRequest(self.people[name].people[0].number),
            settings=self.service.settings,
            watcher=CallWatcher(lambda _: None, 1),
            local_now=datetime.now,
            recordings=self.service.recordings,
            name=name,
        )

    async def _answer(
        self, persona: Persona, lines: Lines, provider: Provider, tasks: asyncio.TaskGroup
    ) -> tuple[Conversation, FarEnd]:
        human = persona.people[0]
        far_end = await provider.connected()
        talk = Conversation(
            telephone=FarEndTelephone(provider, far_end),
            mind=Mind(persona, human, seed=1, attempt=1),
            lines=lines,
            noise=line_noise(human),
            beep=beep(),
            recognise=self._recognise,
            spawn=tasks.create_task,
        )
        answered_at = due = time.monotonic()
        while not far_end.closed.is_set():
            talk.tick((time.monotonic() - answered_at) * 1000)
            due += 0.02
            await asyncio.sleep(due - time.monotonic())
        talk.close((time.monotonic() - answered_at) * 1000)
        return talk, far_end

    async def _recognise(self, samples: Samples) -> str:
        return (await self.service.engines.recogniser.transcribe(Utterance(samples), deadline_s=8.0)).text


def write_people(folder: Path) -> dict[str, Persona]:
    folder.mkdir()
    for number, (name, part) in enumerate(PARTS.items()):
        text = PERSON.format(name=name, number=number, interrupts=part.interrupts)
        (folder / f"{name}.yaml").write_text(text)
    return {persona.persona: persona for persona in load_personas(folder)}


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[tuple[Stage, dict[str, tuple[Provider, Line]]]]:
    """All four providers and bridges, and the service, which opens the first bridge itself."""
    settings = Settings(weights=embedded_weights(*weights_for("en")))
    async with AsyncExitStack() as stack:
        ends: dict[str, tuple[Provider, Line]] = {}
        for name, part in PARTS.items():
            provider = part.provider("answer")
            await stack.enter_async_context(provider.running())
            ends[name] = provider, provider.bridge()
        first, *others = (line for _, line in ends.values())
        for line in others:
            await line.start()
            stack.push_async_callback(line.close)
        steps = stack.enter_context(Steps(Console(file=StringIO())))
        opening = prepare_service(settings, WIN_BACK, folder / "recordings", steps, first)
        service = await stack.enter_async_context(opening)
        people = write_people(folder / "people")
        await service.speaker.prerender(contact_sayings(WIN_BACK, VARIABLES))
        yield Stage(service, people), ends


def words_of(texts: Iterable[str]) -> set[str]:
    return set(re.findall(r"[a-z']+", " ".join(texts).lower()))


async def hold_all(folder: Path) -> dict[str, Held]:
    async with stage(folder) as (here, ends), asyncio.timeout(100), asyncio.TaskGroup() as calls:
        held = {name: calls.create_task(here.hold(name, *end)) for name, end in ends.items()}
    return {name: call.result() for name, call in held.items()}


@pytest.fixture(scope="module")
def conversations(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Held]:
    """All four at the same time."""
    return asyncio.run(hold_all(tmp_path_factory.mktemp("bridges")))


@pytest.mark.parametrize("name", PARTS)
def test_a_whole_conversation_comes_to_its_outcome(name: str, conversations: dict[str, Held]) -> None:
    held, part = conversations[name], PARTS[name]
    assert held.result.outcome == part.outcome, held.result.turns
    assert held.result.party == "live"
    assert held.result.opted_out is (part.outcome == "opted_out")
    if part.outcome == "interested":
        assert list(held.result.survey.values()) == [4]
    assert held.provider.hung_up.is_set()
    assert not held.talk.hung_up, "the bot ends the call"


@pytest.mark.parametrize("name", PARTS)
def test_both_sides_understand_each_other(name: str, conversations: dict[str, Held]) -> None:
    held, part = conversations[name], PARTS[name]
    said = words_of(turn.text for turn in held.result.turns if turn.speaker == "agent")
    heard = words_of(speech.text for speech in held.talk.bot_heard)
    assert {"automated", "ai", "assistant", "recorded", "anna"} <= heard
    assert len(said & heard) >= 0.8 * len(said), said - heard
    understood = words_of(turn.text for turn in held.result.turns if turn.speaker == "customer")
    assert len(words_of([part.interrupts]) - understood) <= 1, understood


@pytest.mark.parametrize("name", PARTS)
def test_an_interruption_has_the_provider_drop_what_it_was_sent(
    name: str, conversations: dict[str, Held]
) -> None:
    held = conversations[name]
    assert held.result.barge_ins >= 1
    assert held.far_end.cleared.is_set()
    cut = next(turn for turn in held.result.turns if turn.speaker == "agent" and turn.interrupted)
    assert cut.text != cut.planned_text
    assert cut.planned_text.startswith(cut.text.rstrip(".…- "))
