"""Reads a JSON object while it is still being written, so that its text can be spoken before it ends."""

import json
import re
from collections.abc import Sequence
from typing import Any

MAX_CHARACTERS = 20_000
MAX_DEPTH = 16

_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class JsonTextStream:
    """Feed it pieces of one JSON object; it gives the new characters of the top-level string `field`.

    However the object is cut into pieces, the characters are the same in sum. Halves of surrogate pairs,
    which no database or socket would take, become U+FFFD.
    """

    def __init__(self, field: str = "text") -> None:
        self._field = field
        self._written: list[str] = []
        self._length = 0
        self._started = False
        self._depth = 0
        self._in_string = False
        self._escape = ""
        self._high_surrogate = ""
        self._at_key = False
        self._key = ""
        self._new: list[str] = []
        self.text_complete = False
        """The closing quote of the field has been read."""

    def feed(self, piece: str) -> str:
        """New decoded characters of the field. Raises ValueError as soon as this cannot become one object."""
        piece = _LONE_SURROGATE.sub("\ufffd", piece)
        self._written.append(piece)
        self._length += len(piece)
        if self._length > MAX_CHARACTERS:
            raise ValueError(f"more than {MAX_CHARACTERS} characters")
        self._new = []
        for character in piece:
            if self._in_string:
                self._inside(character)
            else:
                self._outside(character)
        return "".join(self._new)

    def finish(self) -> dict[str, Any]:
        """The whole object. Raises ValueError when it is not complete or names a key twice."""
        value = json.loads("".join(self._written), object_pairs_hook=_without_repeats)
        if not isinstance(value, dict):
            raise ValueError("not an object")
        return value

    def _outside(self, character: str) -> None:
        if character.isspace():
            return
        if self._depth == 0 and (character != "{" or self._started):
            raise ValueError("not one JSON object")
        self._started = True
        if character == '"':
            self._in_string = True
            if self._at_key:
                self._key = ""
        elif character in "{[":
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise ValueError(f"nested deeper than {MAX_DEPTH}")
            self._at_key = self._at_key or self._depth == 1
        elif character in "}]":
            self._depth -= 1
        elif self._depth == 1 and character in ",:":
            self._at_key = character == ","

    def _inside(self, character: str) -> None:
        if self._escape:
            self._escape += character
            self._end_escape()
        elif character == "\\":
            self._escape = character
        elif character == '"':
            self._end_string()
        elif character < " ":
            raise ValueError("a control character inside a string")
        else:
            self._decoded(character)

    def _end_escape(self) -> None:
        kind, digits = self._escape[1], self._escape[2:]
        if kind != "u":
            if kind not in _ESCAPES:
                raise ValueError(f"unknown escape \\{kind}")
            self._decoded(_ESCAPES[kind])
        elif len(digits) < 4:
            return
        elif re.fullmatch("[0-9a-fA-F]{4}", digits):
            self._decoded(chr(int(digits, 16)))
        else:
            raise ValueError(f"unknown escape \\u{digits}")
        self._escape = ""

    def _decoded(self, character: str) -> None:
        if self._high_surrogate:
            pair = self._high_surrogate + character
            self._high_surrogate = ""
            if "\udc00" <= character <= "\udfff":
                character = pair.encode("utf-16", "surrogatepass").decode("utf-16")
            else:
                self._collect("\ufffd")
        if "\ud800" <= character <= "\udbff":
            self._high_surrogate = character
        else:
            self._collect(_LONE_SURROGATE.sub("\ufffd", character))

    def _collect(self, characters: str) -> None:
        if self._depth != 1:
            return
        if self._at_key:
            self._key += characters
        elif self._key == self._field:
            self._new.append(characters)

    def _end_string(self) -> None:
        if self._high_surrogate:
            self._high_surrogate = ""
            self._collect("\ufffd")
        self._in_string = False
        if self._depth == 1 and not self._at_key and self._key == self._field:
            self.text_complete = True


def _without_repeats(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    clean = {_clean(key): _clean(value) for key, value in pairs}
    if len(clean) < len(pairs):
        raise ValueError("a key is named twice")
    return clean


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return value
