"""Where the end of a call waits while the database cannot take it: one JSON file per call."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter

from voicebot.call.result import CallResult


@dataclass(frozen=True, slots=True)
class CallClosing:
    """What `Records.close_call` was asked to write."""

    call_id: int
    result: CallResult
    retry_at: datetime | None
    closed_at: datetime


_CLOSING = TypeAdapter(CallClosing)


class Spool:
    """A folder of closings. Files are readable by their owner only: they hold transcripts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, closing: CallClosing) -> Path:
        """Write it so that after a crash the file is whole or not there."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / f"call-{closing.call_id}.json"
        unfinished = path.with_suffix(".part")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(_CLOSING.dump_json(closing, indent=1))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        return path

    def waiting(self) -> Iterator[tuple[Path, CallClosing | None]]:
        """Every file with what it holds, oldest call first; None when it cannot be read."""
        for path in sorted(self.folder.glob("call-*.json"), key=lambda path: (len(path.name), path.name)):
            try:
                yield path, _CLOSING.validate_json(path.read_bytes())
            except (OSError, ValueError):
                yield path, None

    @staticmethod
    def set_aside(path: Path) -> Path:
        """Keep a file that cannot be replayed out of the way, for a person to look at."""
        return path.replace(path.with_suffix(".rejected"))
