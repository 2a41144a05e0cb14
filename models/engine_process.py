"""An engine in a process of its own: it cannot hold the media clock's interpreter lock, it steps back behind
it (nice), and when it crashes it is started again while calls take their fallback.

A plain subprocess instead of `multiprocessing`: that would import the parent's `__main__`, the whole command
line, into every engine, and its pipes block.
"""

import asyncio
import contextlib
import logging
import os
import pickle
import socket
import sys
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Generic, TypeVar

from models.engine import Engine, EngineDown, EngineError
from models.engine_worker import LENGTH, LONGEST_CLOSE_S, frame

Request = TypeVar("Request")
Result = TypeVar("Result")

log = logging.getLogger(__name__)

FIRST_RESTART_S = 0.25
LONGEST_RESTART_S = 30.0


class _Child:
    """One running worker process and the answers that it owes."""

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.process = process
        self.reader = reader
        self.writer = writer
        self.owed: dict[int, asyncio.Future[list[Any]]] = {}

    async def receive(self) -> Any:
        (length,) = LENGTH.unpack(await self.reader.readexactly(LENGTH.size))
        return pickle.loads(await self.reader.readexactly(length))

    async def deliver_answers(self) -> None:
        """Until the process ends."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                number, results = await self.receive()
                # A caller that was cancelled has taken its future away.
                answer = self.owed.pop(number, None)
                if answer is not None and not answer.done():
                    answer.set_result(results)

    async def end(self) -> None:
        """Close the socket, which ends the worker; kill it when that is not enough."""
        try:
            self.writer.close()
            async with asyncio.timeout(LONGEST_CLOSE_S + 1):
                await self.process.wait()
        except TimeoutError:
            log.warning("engine process %d did not end by itself", self.process.pid)
        finally:
            self.kill()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()


class EngineProcess(Generic[Request, Result]):
    """Runs the engine that `factory` makes. `factory` must be picklable and importable by name.

    `nice` is added to the process's niceness. A batch that takes longer than `longest_run_s` counts as a
    hang: the process is killed and started anew. `on_change` is called when `healthy` may have changed.
    """

    def __init__(
        self,
        factory: Callable[[], Engine[Request, Result]],
        *,
        name: str,
        nice: int = 0,
        longest_start_s: float = 120.0,
        longest_run_s: float = 30.0,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.restarts = 0
        self._factory = factory
        self._nice = nice
        self._longest_start_s = longest_start_s
        self._longest_run_s = longest_run_s
        self._on_change = on_change
        self._numbers = count()
        self._child: _Child | None = None
        self._supervisor: asyncio.Task[None] | None = None

    @property
    def healthy(self) -> bool:
        """Loaded, warm and alive."""
        return self._child is not None

    @property
    def pid(self) -> int | None:
        return self._child.process.pid if self._child else None

    async def start(self) -> None:
        """Load and warm up. Raises EngineDown with the engine's own message."""
        self._child = await self._launch()
        self._supervisor = asyncio.create_task(self._supervise(self._child), name=f"engine {self.name}")

    async def run(self, batch: Sequence[Request]) -> list[Result | EngineError]:
        """For each request, in order, its result or the error that it alone met. Raises EngineDown."""
        child = self._child
        if child is None:
            raise EngineDown(f"{self.name} is not running")
        number = next(self._numbers)
        child.owed[number] = asyncio.get_running_loop().create_future()
        answer = child.owed[number]
        try:
            async with asyncio.timeout(self._longest_run_s):
                child.writer.write(frame((number, list(batch))))
                await child.writer.drain()
                return await answer
        except TimeoutError:
            child.kill()
            raise EngineDown(f"{self.name} hung for {self._longest_run_s:g} s and was killed") from None
        except ConnectionError:
            raise EngineDown(f"{self.name} died") from None
        finally:
            child.owed.pop(number, None)

    async def close(self) -> None:
        """End the process. Requests that are still running raise EngineDown."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait([self._supervisor])
            self._supervisor = None

    async def _launch(self) -> _Child:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await self._spawn(theirs.fileno())
            ours.setblocking(False)
            child = _Child(process, *await asyncio.open_connection(sock=ours))
        except BaseException:
            ours.close()
            raise
        try:
            async with asyncio.timeout(self._longest_start_s):
                child.writer.write(frame(self._factory))
                fault = await child.receive()
        except TimeoutError:
            fault = f"not ready after {self._longest_start_s:g} s"
        except (asyncio.IncompleteReadError, ConnectionError):
            fault = f"died while loading, exit status {await process.wait()}"
        except BaseException:
            child.kill()
            raise
        if fault is not None:
            await child.end()
            raise EngineDown(f"{self.name} did not start: {fault}")
        return child

    async def _spawn(self, descriptor: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            # Safe path: the worker sees the parent's own module path and nothing else.
            *("-P", "-m", "models.engine_worker", self.name, str(descriptor), str(self._nice)),
            pass_fds=(descriptor,),
            stdin=asyncio.subprocess.DEVNULL,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
                # One thread per engine: more gain little on small networks and disturb the media clock.
                "OMP_NUM_THREADS": "1",
                "OPENBLAS_NUM_THREADS": "1",
                "MKL_NUM_THREADS": "1",
                "OMP_WAIT_POLICY": "PASSIVE",
            },
            # Away from the terminal: Ctrl-C reaches the parent alone, which ends the calls first.
            start_new_session=True,
        )

    async def _supervise(self, child: _Child) -> None:
        """Start the engine again whenever it dies, at growing intervals while it does not come up."""
        try:
            while True:
                try:
                    await child.deliver_answers()
                except Exception:
                    # An answer that cannot be read: nothing after it can be trusted either.
                    log.exception("engine %s sent what is no answer", self.name)
                    child.kill()
                self._lose(child, "died")
                await child.end()
                log.error("engine %s died with status %s", self.name, child.process.returncode)
                self._child = child = await self._relaunch()
                self.restarts += 1
                self._on_change()
        finally:
            self._lose(child, "was closed")
            await child.end()

    def _lose(self, child: _Child, how: str) -> None:
        self._child = None
        for answer in child.owed.values():
            if not answer.done():
                answer.set_exception(EngineDown(f"{self.name} {how}"))
        self._on_change()

    async def _relaunch(self) -> _Child:
        pause = FIRST_RESTART_S
        while True:
            await asyncio.sleep(pause)
            try:
                return await self._launch()
            except Exception as error:  # whatever it was, the engine must come back
                log.error("engine %s: %s", self.name, error or type(error).__name__)
                pause = min(2 * pause, LONGEST_RESTART_S)
