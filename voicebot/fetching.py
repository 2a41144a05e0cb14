"""Fetching weights where a person can watch."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from models.registry import weights
from models.registry.catalogue import load_catalogue


def fetch_weights(names: Iterable[str], folder: Path, console: Console) -> None:
    """Make sure that the named entries of the catalogue are there and intact. Raises WeightsError."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[step]}"),
    )
    entries = [load_catalogue().entry(name) for name in names]
    with Progress(*columns, console=console) as progress:
        tasks: dict[str, TaskID] = {
            entry.name: progress.add_task(entry.name, total=entry.size, step="waiting") for entry in entries
        }

        def show(at: weights.Progress) -> None:
            progress.update(tasks[at.entry], completed=at.done, total=at.total or None, step=at.step)

        weights.fetch(tasks, folder, show)
