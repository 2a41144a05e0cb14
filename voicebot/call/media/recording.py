"""Dual-channel recordings: the callee left, the bot right, aligned tick by tick.

Frames are collected on the media clock and written by one thread for all calls.
"""

import logging
import queue
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from telephony.line import FRAME_SAMPLES, Frame
from voicebot.call.media.recording_files import RecordingFile, RecordingFormat, create

logger = logging.getLogger(__name__)

_CHUNK_FRAMES = 50
_STRIDE = 19
"""Calls that begin together hand over in different ticks: by so much more is the next one's first shorter."""
_SILENCE: Frame = np.zeros(FRAME_SAMPLES, np.int16)


class RecordingWriter:
    """Writes the chunks of all recordings in a thread of its own. A fault ends a recording, not the call."""

    def __init__(self, folder: Path, format: RecordingFormat = "wav") -> None:
        self._folder, self._format = folder, format
        self._queue: queue.SimpleQueue[tuple[Path, NDArray[np.int16] | None] | None] = queue.SimpleQueue()
        self._opened = 0
        self._files: dict[Path, RecordingFile | None] = {}
        self._thread = threading.Thread(target=self._write, name="recording-writer", daemon=True)

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queue.put(None)
        self._thread.join()

    def open(self, name: str) -> "Recording":
        """A new recording `<folder>/<name>.wav`, or `.opus`."""
        self._opened += 1
        path = self._folder / f"{name}.{self._format}"
        return Recording(self, path, first_chunk=_CHUNK_FRAMES - self._opened * _STRIDE % _CHUNK_FRAMES)

    def put(self, path: Path, chunk: NDArray[np.int16] | None) -> None:
        """Queue a chunk [frames, 2] for a file; None closes the file."""
        self._queue.put((path, chunk))

    def _write(self) -> None:
        # At the media clock's own priority: a thread that waits for a processor with the interpreter in its
        # hands would keep the clock waiting too.
        while (item := self._queue.get()) is not None:
            self._append(*item)
        for path in list(self._files):
            self._append(path, None)

    def _append(self, path: Path, chunk: NDArray[np.int16] | None) -> None:
        file = None
        try:
            if chunk is None:
                if file := self._files.pop(path, None):
                    file.close()
                return
            if path not in self._files:
                self._files[path] = create(path)
            if file := self._files[path]:
                file.write(chunk)
        except Exception as error:  # A full disk, or whatever an encoder raises.
            logger.error("recording %s stopped: %s", path.name, getattr(error, "strerror", None) or error)
            if chunk is not None:
                self._files[path] = None
                with suppress(Exception):  # What is written so far may be of use.
                    if file:
                        file.close()


class Recording:
    """One call's recording. `sent` frames wait their turn, so that they lie where they were heard."""

    def __init__(self, writer: RecordingWriter, path: Path, first_chunk: int = _CHUNK_FRAMES) -> None:
        """`first_chunk` in frames."""
        self.path = path
        self._chunk = first_chunk
        self._writer = writer
        self._heard: list[Frame] = []
        self._said: list[Frame] = []
        self._sent: deque[Frame] = deque()

    def sent(self, frame: Frame) -> None:
        """A frame was given to the wire; it will be audible after those before it."""
        self._sent.append(frame)

    def flushed(self, unsent_samples: int) -> None:
        """The wire dropped its newest samples (barge-in)."""
        for _ in range(min(len(self._sent), unsent_samples // FRAME_SAMPLES)):
            self._sent.pop()

    def tick(self, heard: Frame) -> None:
        """Close this tick: the frame heard, and the frame now audible to the callee."""
        self._heard.append(heard.copy())
        self._said.append(self._sent.popleft() if self._sent else _SILENCE)
        if len(self._heard) >= self._chunk:
            self._hand_over()
            self._chunk = _CHUNK_FRAMES

    def close(self) -> None:
        """Write what is left and close the file."""
        self._hand_over()
        self._writer.put(self.path, None)

    def _hand_over(self) -> None:
        if self._heard:
            heard, said = np.concatenate(self._heard), np.concatenate(self._said)
            self._writer.put(self.path, np.stack([heard, said], axis=1))
            self._heard.clear()
            self._said.clear()
