"""Real engines, loaded once for all tests of a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.tts.piper import PiperEngine, PiperSettings, PiperStyle
from tests.embedded_weights import embedded_weights


@pytest.fixture(scope="module")
def piper() -> Iterator[PiperEngine]:
    """A voice in the test's own process; without noise it says the same text the same way each time."""
    folder = embedded_weights("piper-en-us-joe") / "piper-en-us-joe"
    style = PiperStyle(noise_scale=0.0, noise_w_scale=0.0)
    engine = PiperEngine(PiperSettings(folder / "voice.onnx", folder / "voice.onnx.json", style))
    engine.load()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def tiny_en() -> Path:
    return embedded_weights("whisper-tiny.en") / "whisper-tiny.en"
