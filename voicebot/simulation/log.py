"""The people's log: one JSON line for each call that reached them, written when it is over."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO

from dialogs.problem import InputError, Problem


class CallEnd(StrEnum):
    """How a call ended, as the called side saw it."""

    BUSY = "busy"
    NOT_FOUND = "not_found"
    CANCELLED = "cancelled"
    """The caller gave up while it rang."""
    BOT_HUNG_UP = "bot_hung_up"
    PERSON_HUNG_UP = "person_hung_up"
    CUT_OFF = "cut_off"
    """The people's process ended first, or the media died."""


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """One line of a person: what they really said, while the service has to guess it."""

    text: str
    start_ms: float
    """Since the answer, as all times here."""
    end_ms: float
    cut: bool = False
    """The call ended in the middle of it."""
    expects_reply: bool = True
    """False for a mere 'mm-hm' and for a voicemail's greeting."""


@dataclass(frozen=True, slots=True)
class HeardSpeech:
    """One stretch of the bot's speech and what was understood."""

    text: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class CallEntry:
    """One call from the called side."""

    number: str
    attempt: int
    sip_call_id: str
    persona: str = ""
    """Empty when nobody has this number."""
    answered: bool = False
    end: CallEnd = CallEnd.CUT_OFF
    ring_ms: float = 0.0
    duration_ms: float = 0.0
    """From the answer to the end."""
    greeting_ms: float | None = None
    """Answer to first audible sound of the bot."""
    replies_ms: tuple[float, ...] = ()
    """Last sample of a line sent to next audible sound of the bot."""
    talked_over: int = 0
    """How often the bot began to speak in the middle of a line."""
    pressed: str = ""
    lines: tuple[SpokenLine, ...] = field(default_factory=tuple)
    bot_heard: tuple[HeardSpeech, ...] = field(default_factory=tuple)


def write_entry(file: TextIO, entry: CallEntry) -> None:
    """Append one call; it is on its way to the disk when this returns."""
    file.write(json.dumps(asdict(entry), ensure_ascii=False) + "\n")
    file.flush()


def read_log(path: Path) -> tuple[CallEntry, ...]:
    """All calls of a log. A last line that was cut off by a crash is left out. Raises InputError."""
    return tuple(_entries(path))


def _entries(path: Path) -> Iterator[CallEntry]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise _fault(path, 0, f"cannot be read: {error.strerror}") from None
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if not line.endswith("\n"):
            return
        try:
            yield _entry(json.loads(line))
        except (ValueError, TypeError, KeyError) as error:
            raise _fault(path, number, f"not a call: {error}") from None


def _entry(values: dict[str, Any]) -> CallEntry:
    return CallEntry(
        **{
            **values,
            "end": CallEnd(values["end"]),
            "replies_ms": tuple(values["replies_ms"]),
            "lines": tuple(SpokenLine(**line) for line in values["lines"]),
            "bot_heard": tuple(HeardSpeech(**speech) for speech in values["bot_heard"]),
        }
    )


def _fault(path: Path, line: int, message: str) -> InputError:
    return InputError([Problem(str(path), line, message, "Name a log that the simulated people wrote.")])
