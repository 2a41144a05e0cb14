"""The weights that tests with real engines use, fetched when they are missing."""

from functools import cache
from pathlib import Path

from models.registry.weights import fetch
from voicebot.settings import load_settings


@cache
def embedded_weights(*names: str) -> Path:
    """The folder of the weights, with the named entries complete and verified."""
    folder = load_settings().weights
    fetch(names, folder, lambda _: None)
    return folder
