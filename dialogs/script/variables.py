"""Whether what is known about a contact fits a script. Contact lists come from outside: their values are
spoken and shown to the language model."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date

from dialogs.script.format import Script, Variable

MAX_LENGTH = 80


def required_variables(script: Script) -> tuple[str, ...]:
    """The columns that a contact list must have."""
    return tuple(name for name, variable in script.variables.items() if variable.default is None)


def variable_faults(script: Script, values: Mapping[str, str]) -> list[str]:
    """What is wrong with a contact's values, one line each; columns the script does not know are ignored."""
    return [
        f"{name} {fault}"
        for name, variable in script.variables.items()
        if (fault := value_fault(variable, values.get(name) or variable.default or ""))
    ]


def value_fault(variable: Variable, value: str) -> str:
    """What is wrong with a value, or nothing."""
    if not value.strip():
        return "is missing"
    if len(value) > MAX_LENGTH:
        return f"is longer than {MAX_LENGTH} characters"
    if not value.isprintable() or re.search(r"[{}<>\[\]|\\]", value):
        return "holds characters that cannot be spoken"
    if variable.type == "number" and not re.fullmatch(r"-?\d+(\.\d+)?", value):
        return "is not a number"
    if variable.type == "date":
        with suppress(ValueError):
            date.fromisoformat(value)
            return ""
        return "is not a date such as 2026-11-24"
    return ""
