"""Who is served first: the callee who waits, then what is rendered ahead."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from models.batching import Batcher
from models.serving import EngineService
from models.tts import Speech, words_of
from models.tts.cache import SpeechCache
from models.tts.service import CachedSpeaker

pytestmark = pytest.mark.virtual_time

RENDER_S = 0.5


class Voice:
    """Takes half a second for each text."""

    def __init__(self) -> None:
        self.rendered: list[str] = []

    async def run(self, texts: Sequence[str]) -> list[Speech]:
        await asyncio.sleep(RENDER_S)
        self.rendered += texts
        return [Speech(text, np.ones(80, np.int16), (80,) * len(words_of(text))) for text in texts]


@asynccontextmanager
async def speaking(folder: Path) -> AsyncIterator[tuple[CachedSpeaker, Voice]]:
    voice = Voice()
    async with Batcher(voice.run, max_batch=1) as batcher:
        yield CachedSpeaker(EngineService([], batcher), SpeechCache(folder, "joe")), voice


async def test_the_callee_does_not_wait_for_what_is_rendered_ahead(tmp_path: Path) -> None:
    async with speaking(tmp_path) as (speaker, _), asyncio.TaskGroup() as group:
        for contact in range(20):
            group.create_task(speaker.prerender([f"Contact {contact}, line {line}." for line in range(3)]))
        await asyncio.sleep(RENDER_S / 2)
        started = asyncio.get_running_loop().time()
        await speaker.speak("Live.", deadline_s=5)
        assert asyncio.get_running_loop().time() - started <= 2 * RENDER_S


@pytest.mark.parametrize("later_s", [0, RENDER_S / 2])
async def test_what_was_asked_for_ahead_is_hurried_when_a_callee_waits_for_it(
    tmp_path: Path, later_s: float
) -> None:
    texts = [f"Contact {contact}." for contact in range(20)]
    async with speaking(tmp_path) as (speaker, voice), asyncio.TaskGroup() as group:
        for text in texts:
            group.create_task(speaker.prerender([text]))
        await asyncio.sleep(later_s)
        started = asyncio.get_running_loop().time()
        await speaker.speak(texts[-1], deadline_s=5)
        assert asyncio.get_running_loop().time() - started <= 2 * RENDER_S
    assert sorted(voice.rendered) == sorted(texts), "nothing is rendered twice"


async def test_all_that_is_rendered_ahead_is_there_in_the_end(tmp_path: Path) -> None:
    async with speaking(tmp_path) as (speaker, _):
        await asyncio.gather(*(speaker.prerender(["One.", f"Two, {contact}."]) for contact in range(5)))
        assert speaker.cached("One.") is not None
        assert all(speaker.cached(f"Two, {contact}.") for contact in range(5))
