"""A process of the benchmark that reports by lines of JSON, ended whatever happens."""

import asyncio
import json
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicebot.bench.error import BenchError
from voicebot.bench.process_cost import ProcessCost, tree_cost, tree_cpu_by_name
from voicebot.service import media_first

_LONGEST_LINE = 16 << 20
_FAULT_LENGTH = 600
_END_S = 5.0


@dataclass(slots=True)
class BenchProcess:
    """One running process; `said` waits for its next line of a kind."""

    name: str
    process: Process
    _log: Path

    def cost(self) -> ProcessCost:
        """Of it and all that it started, now."""
        return tree_cost(self.process.pid)

    def cpu_by_name(self) -> dict[str, float]:
        """CPU seconds of it and all that it started, by what they run."""
        return tree_cpu_by_name(self.process.pid)

    def nice(self) -> int:
        """The nice level of its first thread, now."""
        return os.getpriority(os.PRIO_PROCESS, self.process.pid)

    async def said(self, event: str, within_s: float) -> dict[str, Any]:
        """The next line with that event; others are passed over. Raises BenchError."""
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(within_s):
                while line := await self.process.stdout.readline():
                    if line.startswith(b"{") and (told := json.loads(line)).get("event") == event:
                        return dict(told)
                await self.process.wait()
        except TimeoutError:
            raise BenchError(
                f"{self.name} did not say {event!r} within {within_s:.0f} s. {self._last_words()}"
            ) from None
        raise BenchError(f"{self.name} ended with status {self.process.returncode}: {self._last_words()}")

    def tell(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")

    def _last_words(self) -> str:
        return self._log.read_text(errors="replace").strip()[-_FAULT_LENGTH:]


@asynccontextmanager
async def bench_process(
    name: str, command: Sequence[str], log: Path, *, ahead: bool = False
) -> AsyncIterator[BenchProcess]:
    """Start it in a session of its own; what it complains about goes to the file `log`.

    `ahead`: it and all that it starts go before others as our media clock does, which sees to that itself.
    """
    with log.open("wb") as complaints, media_first() if ahead else nullcontext():
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=complaints, start_new_session=True, limit=_LONGEST_LINE
        )
    try:
        yield BenchProcess(name, process, log)
    finally:
        if process.returncode is None:
            if process.stdin:
                process.stdin.close()
            try:
                async with asyncio.timeout(_END_S):
                    await process.wait()
            except TimeoutError:
                pass
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)  # Its own children too.
            await process.wait()
