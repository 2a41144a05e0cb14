"""Processes that a process has started, found in /proc."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path


def children(pid: int) -> Iterator[int]:
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            yield from map(int, listed.read_text().split())


def descendants(pid: int) -> Iterator[int]:
    """The children, and theirs."""
    for child in children(pid):
        yield child
        yield from descendants(child)


def command_line(pid: int) -> str:
    """Empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def alive(pid: int) -> bool:
    """A zombie that nobody has collected yet is not."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


async def until_gone(pids: Sequence[int], within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while any(map(alive, pids)):  # noqa: ASYNC110 - they are other processes
            await asyncio.sleep(0.1)
