"""The cache of rendered speech: what it finds, what it forgets, what it survives."""

import os
from pathlib import Path

import numpy as np
import pytest

from models.tts import Speech
from models.tts.cache import SpeechCache


def speech(text: str, seconds: float = 1.0) -> Speech:
    samples = np.random.default_rng(len(text)).integers(-9999, 9999, int(8000 * seconds), dtype=np.int16)
    return Speech(text, samples, tuple(range(1, len(text.split()) + 1)))


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def test_what_was_kept_is_found_by_the_next_process(tmp_path: Path) -> None:
    said = speech("Good morning to you.")
    await SpeechCache(tmp_path, "joe 1").keep(said)
    cache = SpeechCache(tmp_path, "joe 1")
    assert cache.in_memory(said.text) is None
    found = await cache.find(said.text)
    assert found is not None
    np.testing.assert_array_equal(found.samples, said.samples)
    assert found.word_ends == said.word_ends
    assert cache.in_memory(said.text) is found


async def test_another_voice_or_style_or_text_is_not_found(tmp_path: Path) -> None:
    await SpeechCache(tmp_path, "joe 1").keep(speech("Good morning."))
    assert await SpeechCache(tmp_path, "joe 2").find("Good morning.") is None
    assert await SpeechCache(tmp_path, "joe 1").find("Good morning!") is None


@pytest.mark.parametrize("keep_bytes", [0, 10, 400, 8000])
async def test_a_cut_off_file_is_a_miss_and_is_replaced(tmp_path: Path, keep_bytes: int) -> None:
    said = speech("Good morning.")
    await SpeechCache(tmp_path, "joe").keep(said)
    [file] = files(tmp_path)
    file.write_bytes(file.read_bytes()[:keep_bytes])
    cache = SpeechCache(tmp_path, "joe")
    assert await cache.find(said.text) is None
    await cache.keep(said)
    assert await SpeechCache(tmp_path, "joe").find(said.text) is not None


async def test_flipped_bytes_are_a_miss(tmp_path: Path) -> None:
    said = speech("Good morning.")
    await SpeechCache(tmp_path, "joe").keep(said)
    [file] = files(tmp_path)
    content = bytearray(file.read_bytes())
    content[4000:4010] = b"0123456789"
    file.write_bytes(content)
    assert await SpeechCache(tmp_path, "joe").find(said.text) is None


async def test_the_disk_bound_holds_and_the_least_recently_used_goes(tmp_path: Path) -> None:
    cache = SpeechCache(tmp_path, "joe", disk_bytes=40_000)  # Each takes a little over 16 kB.
    await cache.keep(speech("one"))
    await cache.keep(speech("three"))
    for age, file in enumerate(files(tmp_path)):
        os.utime(file, (1000 + age, 1000 + age))
    reader = SpeechCache(tmp_path, "joe")
    assert await reader.find("one") is not None
    await cache.keep(speech("a new one"))
    assert sum(file.stat().st_size for file in files(tmp_path)) <= 40_000
    fresh = SpeechCache(tmp_path, "joe")
    assert await fresh.find("three") is None
    assert await fresh.find("one") is not None
    assert await fresh.find("a new one") is not None


async def test_the_memory_bound_holds_and_the_least_recently_used_goes(tmp_path: Path) -> None:
    cache = SpeechCache(tmp_path, "joe", memory_bytes=40_000)
    cache.remember(speech("one"))
    cache.remember(speech("two"))
    cache.in_memory("one")
    cache.remember(speech("three"))
    assert cache.in_memory("two") is None
    assert cache.in_memory("one") is not None
    assert cache.in_memory("three") is not None
    assert not files(tmp_path)


async def test_without_a_disk_there_is_still_the_memory(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    cache = SpeechCache(blocked / "cache", "joe")
    await cache.keep(speech("Good morning."))
    assert cache.in_memory("Good morning.") is not None


async def test_what_is_pinned_stays_whatever_else_is_said(tmp_path: Path) -> None:
    cache = SpeechCache(tmp_path, "joe", memory_bytes=40_000)
    goodbye = speech("Something is wrong on our side.")
    cache.remember(goodbye)
    cache.pin(goodbye)
    for number in range(50):
        cache.remember(speech(f"Contact {number}."))
    assert cache.in_memory(goodbye.text) is goodbye
    assert cache.in_memory("Contact 0.") is None
