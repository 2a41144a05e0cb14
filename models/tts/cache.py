"""Rendered speech, kept in memory and on disk, found by what it was made from.

On disk it is mu-law behind a header with a checksum. Several processes may share the folder: files appear
whole or not at all, and what another has deleted is only a miss.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import struct
import tempfile
import threading
import time
import zlib
from collections import OrderedDict
from pathlib import Path

import numpy as np

from models.tts import Speech, words_of
from models.tts.mu_law import decode, encode

SUFFIX = ".speech"
_UNFINISHED = ".writing-"
_LONGEST_WRITE_S = 3600
_MAGIC = b"VBsp\x01"
_HEAD = struct.Struct("<5sII")
"""Magic, CRC-32 of the rest, number of words; then the word ends (uint32) and the mu-law samples."""


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
        self._memory: OrderedDict[str, Speech] = OrderedDict()
        self._pinned: dict[str, Speech] = {}
        self._in_memory = 0
        self.disk = BoundedFolder(folder, disk_bytes)

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

    async def keep(self, speech: Speech) -> Speech:
        """In memory and on disk, as it will be found again: with the loss of mu-law.

        A full or read-only disk costs only the copy on disk."""
        codes = encode(speech.samples)
        kept = Speech(speech.text, decode(codes), speech.word_ends)
        self.remember(kept)
        ends = np.array(kept.word_ends, dtype="<u4")
        rest = ends.tobytes() + codes.tobytes()
        content = _HEAD.pack(_MAGIC, zlib.crc32(rest), len(ends)) + rest
        with contextlib.suppress(OSError):
            await asyncio.to_thread(self.disk.write, self._name(speech.text), content)
        return kept

    def _name(self, text: str) -> str:
        return hashlib.sha256(json.dumps([self._identity, text]).encode()).hexdigest() + SUFFIX

    def _read(self, text: str) -> Speech | None:
        path = self._folder / self._name(text)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # Used just now.
        if len(content) < _HEAD.size:
            return None
        magic, checksum, words = _HEAD.unpack_from(content)
        rest = content[_HEAD.size :]
        if magic != _MAGIC or zlib.crc32(rest) != checksum or words != len(words_of(text)):
            return None
        ends = np.frombuffer(rest, dtype="<u4", count=words)
        return Speech(text, decode(np.frombuffer(rest, np.uint8, offset=4 * words)), tuple(ends.tolist()))


class BoundedFolder:
    """Files of which the least recently used are deleted when all are more than `bound` bytes.

    A running total: the folder is listed at the first write, when the total passes the bound (then a tenth
    is freed at once), and after each eighth of the bound, because other processes write there too.
    Blocking; safe from several threads.
    """

    def __init__(self, folder: Path, bound: int) -> None:
        self._folder = folder
        self._bound = bound
        self._lock = threading.Lock()
        self._total: int | None = None
        self._written = 0
        self.listings = 0
        """How often the folder was listed."""

    def write(self, name: str, content: bytes) -> None:
        """The whole file or none. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # Prompts may hold people's names.
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix=_UNFINISHED, delete=False) as file:
            try:
                file.write(content)
                file.flush()
                os.replace(file.name, self._folder / name)
            except BaseException:
                os.unlink(file.name)
                raise
        with self._lock:
            # A file that was replaced is counted twice until the next listing.
            self._total = None if self._total is None else self._total + len(content)
            self._written += len(content)
            if self._total is None or self._total > self._bound or self._written > self._bound // 8:
                self._make_room()

    def _make_room(self) -> None:
        self.listings += 1
        self._written = 0
        files: list[tuple[int, int, str]] = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):  # Another process was quicker.
                    stat = entry.stat()
                    if SUFFIX in entry.name:
                        files.append((stat.st_mtime_ns, stat.st_size, entry.path))
                    elif (
                        entry.name.startswith(_UNFINISHED) and stat.st_mtime < time.time() - _LONGEST_WRITE_S
                    ):
                        os.unlink(entry.path)  # Whoever wrote it died.
        self._total = sum(size for _, size, _ in files)
        if self._total <= self._bound:
            return
        for _, size, path in sorted(files):
            if self._total <= self._bound * 9 // 10:
                return
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            self._total -= size
