"""CPU time, memory and threads of a process and all its descendants, from /proc."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_GONE = (FileNotFoundError, ProcessLookupError)


@dataclass(frozen=True, slots=True)
class ProcessCost:
    """One or several processes. CPU in seconds since their start, children that have ended included."""

    cpu_s: float = 0.0
    rss_mb: float = 0.0
    """Resident memory. Pages that processes share count in each of them."""
    threads: int = 0
    processes: int = 0

    def __add__(self, other: "ProcessCost") -> "ProcessCost":
        return ProcessCost(
            self.cpu_s + other.cpu_s,
            self.rss_mb + other.rss_mb,
            self.threads + other.threads,
            self.processes + other.processes,
        )


def cpu_seconds(stat: str) -> float:
    """User and system time in a /proc/PID/stat line, with those of children that were waited for."""
    # The name, in brackets, may itself hold spaces and brackets.
    fields = stat[stat.rindex(")") + 1 :].split()
    return sum(map(int, fields[11:15])) / _TICKS_PER_S


def status_fields(status: str) -> dict[str, str]:
    """/proc/PID/status as names and values."""
    pairs = (line.partition(":") for line in status.splitlines())
    return {name: value.strip() for name, _, value in pairs}


def process_cost(stat: str, status: str) -> ProcessCost:
    """The cost of one process by the text of its /proc files. A zombie has no memory left."""
    fields = status_fields(status)
    resident_kb = int(fields.get("VmRSS", "0 kB").split()[0])
    return ProcessCost(cpu_seconds(stat), resident_kb / 1024, int(fields.get("Threads", "0")), 1)


def tree_cost(pid: int) -> ProcessCost:
    """The cost of a process and its descendants now. Processes that end meanwhile are left out."""
    total = ProcessCost()
    for member in _tree(pid):
        folder = Path(f"/proc/{member}")
        with suppress(*_GONE):
            total += process_cost((folder / "stat").read_text(), (folder / "status").read_text())
    return total


def tree_descriptors(pid: int) -> int:
    """Open file descriptors of a process and its descendants now."""
    total = 0
    for member in _tree(pid):
        with suppress(*_GONE):
            total += len(os.listdir(f"/proc/{member}/fd"))
    return total


def tree_cpu_by_name(pid: int) -> dict[str, float]:
    """CPU seconds of a process ("itself") and of its descendants, by what each of them runs."""
    shares = dict[str, float]()
    for member in _tree(pid):
        folder = Path(f"/proc/{member}")
        with suppress(*_GONE):
            name = "itself" if member == pid else command_name((folder / "cmdline").read_bytes())
            shares[name] = shares.get(name, 0.0) + cpu_seconds((folder / "stat").read_text())
    return shares


def command_name(cmdline: bytes) -> str:
    """What a /proc/PID/cmdline runs: an engine by its name, a module by its own, else the program."""
    words = cmdline.decode(errors="replace").rstrip("\0").split("\0")
    if "-m" not in words[:-1]:
        return Path(words[0]).name
    module, *arguments = words[words.index("-m") + 1 :]
    return arguments[0] if module.endswith("engine_worker") and arguments else module


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(*_GONE):
            for child in listed.read_text().split():
                yield from _tree(int(child))
