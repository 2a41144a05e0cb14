"""A simulated person's call: what is heard, decided and sent, over a telephone without a wire."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import numpy as np
import pytest

from tests.voicebot.simulation.test_mind import persona
from voicebot.simulation.conversation import AHEAD_MS, Conversation
from voicebot.simulation.ears import FRAME_SAMPLES, Ears, Samples
from voicebot.simulation.mind import Mind
from voicebot.simulation.persona import Persona

BOT = np.tile(np.array([4000, -4000], np.int16), FRAME_SAMPLES // 2)
SILENCE = np.zeros(FRAME_SAMPLES, np.int16)
LINE = np.full(8000, 1000, np.int16)


class LoudIsSpeech:
    def is_speech(self, frame: bytes, sample_rate: int) -> bool:
        return True


class Wire:
    """A telephone whose wire takes exactly one frame per tick."""

    def __init__(self) -> None:
        self.incoming: list[Samples] = []
        self.queue: list[Samples] = []
        self.sent: list[Samples] = []
        self.pressed = ""
        self.closed = False
        self.dead = False
        """It can send nothing: the far end has hung up, and that is not known yet."""

    def tick(self, bot: Samples) -> None:
        self.incoming.append(bot)
        self.sent.append(self.queue.pop(0) if self.queue else SILENCE)

    def read(self) -> bytes:
        received = b"".join(frame.tobytes() for frame in self.incoming)
        self.incoming.clear()
        return received

    def write(self, pcm: bytes) -> None:
        self.queue.append(np.frombuffer(pcm, np.int16))

    def queued_ms(self) -> float:
        return float("inf") if self.dead else 20.0 * len(self.queue)

    async def press(self, digits: str) -> None:
        self.pressed += digits

    async def hang_up(self) -> None:
        self.closed = True


class Scene:
    """Plays a call against the clock of its own ticks."""

    def __init__(self, who: Persona, words: list[str], noise: Samples = SILENCE) -> None:
        self.wire = Wire()
        self.now_ms = 0.0
        self.tasks: set[asyncio.Task[None]] = set()
        self._words = words
        self.talk = Conversation(
            telephone=self.wire,
            mind=Mind(who, who.people[0], seed=1, attempt=1),
            lines={line: LINE for line in who.lines()},
            noise=noise,
            beep=np.full(4000, 2000, np.int16),
            recognise=self._recognise,
            spawn=self._spawn,
            ears=Ears(LoudIsSpeech()),
        )

    async def _recognise(self, samples: Samples) -> str:
        return self._words.pop(0)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.add(asyncio.ensure_future(work))

    async def hear(self, bot: Samples, ms: float) -> None:
        for _ in range(int(ms // 20)):
            self.now_ms += 20
            self.wire.tick(bot)
            self.talk.tick(self.now_ms)
            await asyncio.sleep(0)

    async def finish(self) -> None:
        await asyncio.gather(*self.tasks)


async def test_answers_the_bot_and_measures_the_wait() -> None:
    who = persona(rules=[{"hears": ["offer"], "says": ["Yes."], "thinks_ms": [0, 0]}])
    scene = Scene(who, ["an offer", "thank you"])
    await scene.hear(SILENCE, 500)
    await scene.hear(BOT, 1000)
    await scene.hear(SILENCE, 3000)
    await scene.hear(BOT, 1000)
    await scene.hear(SILENCE, 1000)
    await scene.finish()
    (line,) = scene.talk.said
    assert line.text == "Yes."
    assert line.end_ms - line.start_ms == pytest.approx(1000, abs=20)
    sent = np.concatenate(scene.wire.sent)
    assert np.count_nonzero(sent) == len(LINE)
    loud = np.flatnonzero(sent)
    assert line.start_ms == pytest.approx(loud[0] / 8, abs=20)
    assert line.end_ms == pytest.approx(loud[-1] / 8, abs=20)
    assert scene.talk.times.greeting_ms == 500
    assert scene.talk.times.replies_ms == [pytest.approx(4500 - loud[-1] / 8, abs=20)]
    assert [speech.text for speech in scene.talk.bot_heard] == ["an offer", "thank you"]


async def test_sending_buffer_stays_short_so_that_the_person_can_react() -> None:
    scene = Scene(persona(opening=["Hello?"]), [])
    for _ in range(200):
        await scene.hear(SILENCE, 20)
        assert scene.wire.queued_ms() <= AHEAD_MS


async def test_noise_is_on_the_line_all_the_time_and_under_the_speech() -> None:
    noise = np.full(1000, 7, np.int16)
    scene = Scene(persona(opening=["Hello?"]), [], noise)
    await scene.hear(SILENCE, 3000)
    sent = np.concatenate(scene.wire.sent[1:])
    assert set(np.unique(sent)) == {7, 1007}
    assert np.count_nonzero(sent == 1007) == len(LINE)


async def test_presses_keys_and_hangs_up() -> None:
    who = persona(rules=[{"hears": ["one to five"], "presses": "4", "hangs_up": True}])
    scene = Scene(who, ["from one to five"])
    await scene.hear(BOT, 1000)
    await scene.hear(SILENCE, 3000)
    await scene.finish()
    assert scene.wire.pressed == scene.talk.pressed == "4"
    assert scene.wire.closed
    assert scene.talk.hung_up


async def test_line_that_the_hang_up_cuts_is_marked_and_the_bots_last_words_are_kept() -> None:
    scene = Scene(persona(opening=["Hello?"]), ["goodb"])
    await scene.hear(SILENCE, 1000)
    await scene.hear(BOT, 300)
    scene.talk.close(scene.now_ms)
    await scene.finish()
    (line,) = scene.talk.said
    assert line.cut
    assert line.end_ms == scene.now_ms
    assert [speech.text for speech in scene.talk.bot_heard] == ["goodb"]


async def test_late_tick_dates_frames_back_to_when_they_came() -> None:
    scene = Scene(persona(), [])
    await scene.hear(SILENCE, 100)
    for frame in (SILENCE, SILENCE, BOT, BOT, BOT):
        scene.wire.tick(frame)
    scene.talk.tick(200)
    assert scene.talk.times.greeting_ms == 140
    await scene.finish()


async def test_slow_recognition_keeps_the_order_of_what_was_heard() -> None:
    gate = asyncio.Event()
    scene = Scene(persona(), [])

    async def recognise(samples: Samples) -> str:
        if not gate.is_set():
            await gate.wait()
            return "first"
        return "second"

    scene.talk._recognise = recognise
    for _ in range(2):
        await scene.hear(BOT, 400)
        await scene.hear(SILENCE, 800)
    gate.set()
    await scene.finish()
    assert [speech.text for speech in scene.talk.bot_heard] == ["first", "second"]


async def test_a_telephone_that_can_send_nothing_for_a_while_ends_nothing() -> None:
    who = persona(rules=[{"hears": ["offer"], "says": ["Yes."], "thinks_ms": [0, 0]}])
    scene = Scene(who, ["an offer"])
    await scene.hear(SILENCE, 200)
    scene.wire.dead = True
    await scene.hear(SILENCE, 200)
    assert not scene.wire.queue, "nothing more was written"
    scene.wire.dead = False
    await scene.hear(BOT, 1000)
    await scene.hear(SILENCE, 3000)
    await scene.finish()
    assert [line.text for line in scene.talk.said] == ["Yes."]
