"""The cache of rendered speech: what it finds, what it forgets, what it survives."""

import asyncio
import os
from pathlib import Path

import numpy as np
import pytest

from models.tts import Speech, words_of
from models.tts.cache import SpeechCache
from models.tts.mu_law import decode, encode
from telephony.audio.g711 import decode_mulaw, encode_mulaw


def speech(text: str, seconds: float = 1.0) -> Speech:
    """Noise that mu-law can carry without loss."""
    samples = np.random.default_rng(len(text)).integers(-9999, 9999, int(8000 * seconds), dtype=np.int16)
    return Speech(text, decode(encode(samples)), tuple(range(1, len(words_of(text)) + 1)))


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
    cache = SpeechCache(tmp_path, "joe", disk_bytes=20_000)  # Each takes a little over 8 kB.
    await cache.keep(speech("one"))
    await cache.keep(speech("three"))
    for age, file in enumerate(files(tmp_path)):
        os.utime(file, (1000 + age, 1000 + age))
    reader = SpeechCache(tmp_path, "joe")
    assert await reader.find("one") is not None
    await cache.keep(speech("a new one"))
    assert sum(file.stat().st_size for file in files(tmp_path)) <= 20_000
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


def test_the_codec_of_the_cache_is_the_line_s() -> None:
    every = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(decode(every), decode_mulaw(every))
    # Nearest values, not G.191's rounding: never further from the sample than what the line would do.
    samples = np.arange(-32768, 32768).astype(np.int16)
    ours = np.abs(decode(encode(samples)).astype(np.int32) - samples)
    lines = np.abs(decode_mulaw(encode_mulaw(samples)).astype(np.int32) - samples)
    assert (ours <= lines).all()
    # Sent over the line, it is not coded a second time: nothing is lost there.
    kept = decode(encode(samples))
    np.testing.assert_array_equal(decode_mulaw(encode_mulaw(kept)), kept)


async def test_what_is_kept_is_at_once_what_will_be_found_later(tmp_path: Path) -> None:
    samples = np.arange(-4000, 4000, dtype=np.int16)
    kept = await SpeechCache(tmp_path, "joe").keep(Speech("One.", samples, (8000,)))
    found = await SpeechCache(tmp_path, "joe").find("One.")
    assert found is not None
    np.testing.assert_array_equal(found.samples, kept.samples)
    assert np.abs(kept.samples.astype(np.int32) - samples).max() <= 128
    [file] = files(tmp_path)
    assert file.stat().st_size < 8000 + 40, "a byte a sample"


async def test_hanzi_are_counted_one_by_one(tmp_path: Path) -> None:
    said = speech("您好，再见。")
    assert len(said.word_ends) == 4
    await SpeechCache(tmp_path, "kokoro").keep(said)
    assert await SpeechCache(tmp_path, "kokoro").find(said.text) is not None


async def test_the_folder_is_not_listed_at_every_write(tmp_path: Path) -> None:
    cache = SpeechCache(tmp_path, "joe", disk_bytes=100 * 1000)
    for number in range(200):
        await cache.keep(speech(f"Sentence {number:03}.", 0.1))
    assert sum(file.stat().st_size for file in files(tmp_path)) <= 100 * 1000
    assert 2 <= cache.disk.listings <= 30
    assert await SpeechCache(tmp_path, "joe").find("Sentence 199.") is not None
    assert await SpeechCache(tmp_path, "joe").find("Sentence 000.") is None


async def test_two_processes_may_share_the_folder(tmp_path: Path) -> None:
    bound = 100 * 1000
    caches = [SpeechCache(tmp_path, f"voice {i}", disk_bytes=bound) for i in range(2)]
    for number in range(150):
        await asyncio.gather(*(cache.keep(speech(f"Sentence {number:03}.", 0.1)) for cache in caches))
        assert sum(file.stat().st_size for file in files(tmp_path)) <= bound * 5 // 4 + 2000
    for i in range(2):
        assert await SpeechCache(tmp_path, f"voice {i}").find("Sentence 149.") is not None


async def test_what_a_dead_process_left_half_written_is_cleared_away(tmp_path: Path) -> None:
    left, under_way = tmp_path / ".writing-old", tmp_path / ".writing-new"
    left.write_bytes(b"half")
    under_way.write_bytes(b"half")
    os.utime(left, (1000, 1000))
    await SpeechCache(tmp_path, "joe").keep(speech("one"))
    assert not left.exists()
    assert under_way.exists()


async def test_files_of_an_older_form_count_and_go_first(tmp_path: Path) -> None:
    old = tmp_path / "0123.speech.npz"
    old.write_bytes(b"x" * 50_000)
    os.utime(old, (1000, 1000))
    await SpeechCache(tmp_path, "joe", disk_bytes=40_000).keep(speech("one"))
    assert not old.exists()
