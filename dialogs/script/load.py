"""Reading a script file: all its faults at once, each at its line."""

import hashlib
from pathlib import Path

from pydantic import ValidationError

from dialogs.problem import InputError, Problem
from dialogs.script.check import find_faults
from dialogs.script.format import Script, known_keys
from dialogs.yaml_places import load_yaml, problems_from_validation


def load_script(path: Path | str) -> Script:
    """The script, ready to use. Raises InputError with every problem when any of them is an error."""
    script, problems = _read(path)
    if script is None or any(not problem.warning for problem in problems):
        raise InputError(problems)
    return script


def check_script(path: Path | str) -> list[Problem]:
    """Everything that is wrong or doubtful in a script file, in the order of its lines."""
    try:
        return _read(path)[1]
    except InputError as error:
        return list(error.problems)


def script_version(path: Path | str) -> str:
    """Twelve hex digits that stand for the file's content."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]


def _read(path: Path | str) -> tuple[Script | None, list[Problem]]:
    data, places = load_yaml(path)
    try:
        script = Script.model_validate(data)
    except ValidationError as error:
        found = problems_from_validation(path, places, error, known_keys())
        return None, sorted(found, key=lambda problem: problem.line)
    problems = [
        Problem(str(path), places.line(*fault.place), fault.message, fault.mend, fault.warning)
        for fault in find_faults(script)
    ]
    return script, sorted(problems, key=lambda problem: problem.line)
