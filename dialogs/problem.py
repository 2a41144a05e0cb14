"""A fault in something a person wrote: where it is, what is wrong, how to mend it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault. `line` counts from 1; 0 means the file as a whole."""

    file: str
    line: int
    message: str
    mend: str
    warning: bool = False

    def __str__(self) -> str:
        kind = "warning: " if self.warning else ""
        return f"{self.file}:{self.line}: {kind}{self.message}. {self.mend}"


class InputError(Exception):
    """Bad input by a person. The command line prints the problems and exits with status 2."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)
