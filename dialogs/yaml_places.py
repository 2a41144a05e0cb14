"""YAML files that people write: plain data, and the line where each part of it stands."""

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from dialogs.problem import InputError, Problem

MAX_BYTES = 1 << 20
MAX_VALUES = 100_000
"""Counted with aliases expanded, so that a few nested aliases cannot stand for billions of values."""
MAX_DEPTH = 30

Key = str | int
"""A mapping's key (numbers as text) or a place in a list."""


class Places:
    """Where each key of a YAML file stands."""

    def __init__(self, lines: Mapping[tuple[Key, ...], int]) -> None:
        self._lines = lines

    def __contains__(self, keys: tuple[Key, ...]) -> bool:
        return keys in self._lines

    def line(self, *keys: Key) -> int:
        """Line (from 1) of a key path such as `("nodes", "offer", "say", 0)`, or of its nearest
        ancestor that the file has."""
        while keys and keys not in self._lines:
            keys = keys[:-1]
        return self._lines.get(keys, 1)


def load_yaml(path: Path | str, *, max_bytes: int = MAX_BYTES) -> tuple[dict[str, Any], Places]:
    """The mapping that a YAML 1.2 file holds, as plain Python values, and the place of its parts.

    Raises InputError with the line: file missing or too big, bad syntax, a key given twice, a tag
    other than the standard ones, or something else than a mapping at the top."""
    name = str(path)
    yaml = YAML(typ="safe", pure=True)
    text = _read(Path(path), max_bytes)
    try:
        root = yaml.compose(text)
        if not isinstance(root, MappingNode):
            raise _fault(name, 1, "the file is not a mapping", "Write it as 'key: value' lines.")
        lines: dict[tuple[Key, ...], int] = {}
        for keys, line in _walk(root):
            lines[keys] = line
            if len(lines) > MAX_VALUES or len(keys) > MAX_DEPTH:
                limit = f"more than {MAX_VALUES} values, or nested more than {MAX_DEPTH} deep"
                raise _fault(name, line, limit, "Split the file, and use fewer aliases.")
        data = yaml.constructor.construct_document(root)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        what = " ".join(str(error.problem or error.context or "bad YAML").split())
        mend = "Correct the syntax at or just above this line."
        raise _fault(name, line, f"not valid YAML: {what}", mend) from None
    except (YAMLError, ValueError) as error:
        what = " ".join(str(error).split())
        raise _fault(name, 0, f"not valid YAML: {what}", "Correct the syntax.") from None
    except RecursionError:
        raise _fault(name, 0, "nested too deeply", "Flatten the file.") from None
    return data, Places(lines)


def problems_from_validation(
    file: Path | str, places: Places, error: ValidationError, known_keys: Collection[str] = ()
) -> list[Problem]:
    """What pydantic found, at the lines where it stands. `known_keys` serve 'did you mean'."""
    problems: list[Problem] = []
    for fault in error.errors(include_url=False, include_input=False):
        at: tuple[Key, ...] = ()
        for key in fault["loc"]:  # the location also names union members, which the file does not have
            at = next(((*at, k) for k in (key, str(key)) if (*at, k) in places), at)
        last = str(fault["loc"][-1]) if fault["loc"] else ""
        message, mend = _explain(fault, last, known_keys)
        where = ".".join(str(key) for key in at)
        named = f"in {where}: {message}" if where else message
        problem = Problem(str(file), places.line(*at), named, mend)
        if problem not in problems:
            problems.append(problem)
    return problems


def _explain(fault: ErrorDetails, key: str, known_keys: Collection[str]) -> tuple[str, str]:
    kind, limits = fault["type"], fault.get("ctx", {})
    if kind == "missing":
        return f"'{key}' is missing", f"Add '{key}:'."
    if kind == "extra_forbidden":
        near = get_close_matches(key, known_keys, n=1)
        return f"'{key}' is not a known key", f"Did you mean '{near[0]}'?" if near else "Remove it."
    if kind == "too_short":
        return f"has {limits['actual_length']} of at least {limits['min_length']}", "Add what is missing."
    message = fault["msg"].removeprefix("Value error, ").removesuffix(".")
    return message[:1].lower() + message[1:], "Correct the value."


def _read(path: Path, max_bytes: int) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise _fault(str(path), 0, f"cannot be read: {reason}", "Give the path of a readable file.") from None
    if len(raw) > max_bytes:
        raise _fault(str(path), 0, f"larger than {max_bytes} bytes", "Split the file.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _fault(str(path), line, "not UTF-8 text", "Save the file as UTF-8.") from None


def _walk(root: Node) -> Iterator[tuple[tuple[Key, ...], int]]:
    stack: list[tuple[tuple[Key, ...], Node]] = [((), root)]
    yield (), root.start_mark.line + 1
    while stack:
        path, node = stack.pop()
        if isinstance(node, MappingNode):
            for key_node, value in node.value:
                key = (*path, str(key_node.value))
                yield key, key_node.start_mark.line + 1
                stack.append((key, value))
        elif isinstance(node, SequenceNode):
            for index, item in enumerate(node.value):
                yield (*path, index), item.start_mark.line + 1
                stack.append(((*path, index), item))


def _fault(file: str, line: int, message: str, mend: str) -> InputError:
    return InputError([Problem(file, line, message, mend)])
