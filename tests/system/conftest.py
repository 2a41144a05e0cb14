"""Real engines, loaded once for all tests of a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.tts.piper import STEADY, PiperEngine, PiperSettings
from tests.embedded_weights import embedded_weights


@pytest.fixture(scope="module")
def piper() -> Iterator[PiperEngine]:
    """A voice in the test's own process; without noise it says the same text the same way each time."""
    folder = embedded_weights("piper-en-us-joe") / "piper-en-us-joe"
    engine = PiperEngine(PiperSettings(folder / "voice.onnx", folder / "voice.onnx.json", STEADY))
    engine.load()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def tiny_en() -> Path:
    return embedded_weights("whisper-tiny.en") / "whisper-tiny.en"
