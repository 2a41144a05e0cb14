"""Rendered speech, kept in memory and on disk, found by what it was made from.

Stored as 16-bit PCM: twice the disk of mu-law, but no loss and no codec in this room.
"""

import asyncio
import contextlib
import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np

from models.tts import Speech

SUFFIX = ".speech.npz"


class SpeechCache:
    """`identity` names everything beside the text that decides how it sounds: voice, version, settings.

    Both sizes are bytes; when they are passed, what was used least recently goes first. A file that is
    damaged or another version's counts as not there.
    """

    def __init__(
        self, folder: Path, identity: str, *, memory_bytes: int = 64 << 20, disk_bytes: int = 256 << 20
    ) -> None:
        self._folder = folder
        self._identity = identity
        self._memory_bytes = memory_bytes
        self._disk_bytes = disk_bytes
        self._memory: OrderedDict[str, Speech] = OrderedDict()
        self._pinned: dict[str, Speech] = {}
        self._in_memory = 0

    def in_memory(self, text: str) -> Speech | None:
        """Never blocks."""
        if (pinned := self._pinned.get(text)) is not None:
            return pinned
        speech = self._memory.get(text)
        if speech is not None:
            self._memory.move_to_end(text)
        return speech

    def remember(self, speech: Speech) -> None:
        """Keep in memory only: right for sentences that will hardly be said again."""
        if (old := self._memory.pop(speech.text, None)) is not None:
            self._in_memory -= old.samples.nbytes
        self._memory[speech.text] = speech
        self._in_memory += speech.samples.nbytes
        while self._in_memory > self._memory_bytes and len(self._memory) > 1:
            _, oldest = self._memory.popitem(last=False)
            self._in_memory -= oldest.samples.nbytes

    def pin(self, speech: Speech) -> None:
        """Keep in memory for good, outside the bound: what must be there when the voice is down."""
        self._pinned[speech.text] = speech
        if (old := self._memory.pop(speech.text, None)) is not None:
            self._in_memory -= old.samples.nbytes

    async def find(self, text: str) -> Speech | None:
        """From memory, else from disk."""
        speech = self.in_memory(text)
        if speech is None and (speech := await asyncio.to_thread(self._read, text)) is not None:
            self.remember(speech)
        return speech

    async def keep(self, speech: Speech) -> None:
        """In memory and on disk. A full or read-only disk costs only the copy on disk."""
        self.remember(speech)
        with contextlib.suppress(OSError):
            await asyncio.to_thread(self._write, speech)

    def _path(self, text: str) -> Path:
        key = hashlib.sha256(json.dumps([self._identity, text]).encode()).hexdigest()
        return self._folder / (key + SUFFIX)

    def _read(self, text: str) -> Speech | None:
        path = self._path(text)
        try:
            with np.load(path, allow_pickle=False) as stored:
                speech = Speech(text, stored["samples"], tuple(stored["word_ends"].tolist()))
            if speech.samples.dtype != np.int16 or len(speech.word_ends) != len(text.split()):
                return None
            os.utime(path)  # Used just now.
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        return speech

    def _write(self, speech: Speech) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # Prompts may hold people's names.
        content = io.BytesIO()
        np.savez(content, samples=speech.samples, word_ends=np.array(speech.word_ends, dtype=np.int64))
        with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
            try:
                file.write(content.getbuffer())
                os.replace(file.name, self._path(speech.text))
            except BaseException:
                os.unlink(file.name)
                raise
        self._make_room()

    def _make_room(self) -> None:
        files = [(path, path.stat()) for path in self._folder.glob("*" + SUFFIX)]
        total = sum(stat.st_size for _, stat in files)
        for path, stat in sorted(files, key=lambda each: each[1].st_mtime_ns):
            if total <= self._disk_bytes:
                return
            path.unlink(missing_ok=True)
            total -= stat.st_size
