"""Preparation on the terminal (fetching, loading, rendering): bars, or plain lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

Advance = Callable[[float], None]
"""Adds to a step's progress, in the unit of its total."""


class Steps:
    """Shows named steps one after the other or side by side; use as a context manager."""

    def __init__(self, console: Console | None = None, *, live: bool | None = None) -> None:
        """`live`: None finds out whether the console is a terminal that can redraw."""
        self._console = console or Console()
        self._progress: Progress | None = None
        if live if live is not None else self._console.is_terminal and not self._console.is_dumb_terminal:
            self._progress = Progress(
                SpinnerColumn(finished_text="[green]✓[/]"),
                TextColumn("{task.description}"),
                BarColumn(bar_width=28),
                TaskProgressColumn(),
                TimeElapsedColumn(),
                console=self._console,
            )

    def __enter__(self) -> "Steps":
        if self._progress:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress:
            self._progress.stop()

    @contextmanager
    def step(self, name: str, total: float | None = None) -> Iterator[Advance]:
        """One step; `total` in any unit, None when its length is not known. Faults pass through."""
        if self._progress is None:
            yield from self._plain(name)
            return
        task = self._progress.add_task(escape(name), total=total)
        try:
            yield lambda amount: self._progress.advance(task, amount) if self._progress else None
        except BaseException:
            self._progress.update(task, description=f"[red]{escape(name)}: failed[/]")
            self._progress.stop_task(task)
            raise
        self._progress.update(task, total=total or 1, completed=total or 1)

    def _plain(self, name: str) -> Iterator[Advance]:
        self._console.print(Text(f"{name} ..."), soft_wrap=True)
        begun = time.monotonic()
        try:
            yield lambda amount: None
        except BaseException:
            self._console.print(Text(f"{name}: failed"), soft_wrap=True)
            raise
        self._console.print(Text(f"{name}: done, {time.monotonic() - begun:.1f} s"), soft_wrap=True)
