"""Sentences that callees say, said by the embedded voice: the same audio each time, and not people."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from importlib.resources import files

from models.tts import Speech
from models.tts.piper import STEADY
from models.tts.service import CachedSpeaker, serve_piper, serve_voice
from voicebot.bench.error import BenchError
from voicebot.settings import Settings

_LONGEST_RENDER_S = 60.0


def sentences(language: str) -> list[str]:
    """What callees say, one sentence each. Raises BenchError for a language that has no list."""
    file = files("voicebot.bench").joinpath(f"sentences.{language}.txt")
    if not file.is_file():
        raise BenchError(f"no sentences for --language {language!r}. There are en and zh")
    return file.read_text(encoding="utf-8").splitlines()


async def say(texts: Sequence[str], language: str, settings: Settings) -> list[Speech]:
    """Each text as speech of 8 kHz, kept on disk for the next run."""
    async with _voice(language, settings) as speaker:
        await speaker.prerender(texts)
        return [await speaker.speak(text, deadline_s=_LONGEST_RENDER_S) for text in texts]


def _voice(language: str, settings: Settings) -> AbstractAsyncContextManager[CachedSpeaker]:
    cache, nice = settings.cache / "speech", settings.engine_nice
    if language == "en":
        return serve_piper(settings.weights, cache, style=STEADY, nice=nice)
    # The embedded Mandarin voice draws no random numbers.
    return serve_voice(language, settings.weights, cache, mandarin_voice=settings.mandarin_voice, nice=nice)
