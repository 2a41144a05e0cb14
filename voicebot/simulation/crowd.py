"""Starts and stops the simulated people's process, for the demo and for tests."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from voicebot.free_port import free_udp_port
from voicebot.simulation.persona import PERSONAS

HOST = "127.0.0.1"
READY_TIMEOUT_S = 300.0
STOP_TIMEOUT_S = 10.0


class CrowdError(Exception):
    """The people's process did not come up; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """People who can be called now."""

    port: int
    log: Path
    """Read it with `voicebot.simulation.log.read_log` when the people have gone."""
    pid: int

    def address(self, number: str) -> str:
        """SIP URI of a number."""
        return f"sip:{number}@{HOST}:{self.port}"


@asynccontextmanager
async def people(
    *,
    log: Path,
    weights: Path,
    cache: Path,
    personas: Path = PERSONAS,
    port: int | None = None,
    seed: int = 1,
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> AsyncIterator[Crowd]:
    """Start the people and wait until all of them can be called; `on_progress` gets (lines rendered, of all).

    With `port` None a free one is taken. Raises CrowdError."""
    port = port or free_udp_port(HOST)
    command = ["-m", "voicebot.simulation.people", "--port", str(port), "--personas", str(personas)]
    command += ["--log", str(log), "--seed", str(seed), "--weights", str(weights), "--cache", str(cache)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},
        # Away from the terminal: Ctrl-C reaches the campaign alone, which says goodbye to the people first.
        start_new_session=True,
    )
    try:
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                await _wait_until_ready(process, on_progress)
        except TimeoutError:
            raise CrowdError(f"the simulated people were not ready after {READY_TIMEOUT_S:g} s") from None
        yield Crowd(port, log, process.pid)
    finally:
        await _stop(process)


async def _wait_until_ready(
    process: asyncio.subprocess.Process, on_progress: Callable[[int, int], None]
) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        message = json.loads(line)
        if "error" in message:
            raise CrowdError(message["error"])
        if message.get("ready"):
            return
        on_progress(message["done"], message["of"])
    raise CrowdError(f"the simulated people's process died, exit status {await process.wait()}")


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Closing its standard input ends it; it is killed when that is not enough."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
