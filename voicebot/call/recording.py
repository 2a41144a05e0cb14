"""Dual-channel recordings: the callee left, the bot right, aligned tick by tick.

Frames are collected on the media clock and written by one thread for all calls.
"""

import logging
import queue
import threading
import wave
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from telephony.line import FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame

logger = logging.getLogger(__name__)

_CHUNK_FRAMES = 50
_SILENCE: Frame = np.zeros(FRAME_SAMPLES, np.int16)


class RecordingWriter:
    """Writes the chunks of all recordings in a thread of its own. A full disk ends recordings, not calls."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._queue: queue.SimpleQueue[tuple[Path, NDArray[np.int16] | None] | None] = queue.SimpleQueue()
        self._files: dict[Path, wave.Wave_write | None] = {}
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
        """A new recording `<folder>/<name>.wav`."""
        return Recording(self, self._folder / f"{name}.wav")

    def put(self, path: Path, chunk: NDArray[np.int16] | None) -> None:
        """Queue a chunk [frames, 2] for a file; None closes the file."""
        self._queue.put((path, chunk))

    def _write(self) -> None:
        while (item := self._queue.get()) is not None:
            path, chunk = item
            try:
                self._append(path, chunk)
            except OSError as error:
                logger.error("recording %s stopped: %s", path.name, error.strerror)
                self._files[path] = None
        for path in list(self._files):
            self._append(path, None)

    def _append(self, path: Path, chunk: NDArray[np.int16] | None) -> None:
        if chunk is None:
            if file := self._files.pop(path, None):
                file.close()
            return
        if path not in self._files:
            file = wave.open(str(path), "wb")  # noqa: SIM115 - closed by the last, empty chunk
            file.setparams((2, 2, SAMPLE_RATE_HZ, 0, "NONE", ""))
            self._files[path] = file
        if opened := self._files[path]:
            opened.writeframes(chunk.astype("<i2").tobytes())


class Recording:
    """One call's recording. `sent` frames wait their turn, so that they lie where they were heard."""

    def __init__(self, writer: RecordingWriter, path: Path) -> None:
        self.path = path
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
        if len(self._heard) >= _CHUNK_FRAMES:
            self._hand_over()

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
