"""The service's side of a SIP worker process: starts it, gives it calls, and starts it again when it dies.

When a worker dies its calls end with it; everyone who waits for one of them is told, and the channels are
free again as soon as the next worker is up.
"""

import asyncio
import contextlib
import logging
import os
import socket
import sys
import time
from collections.abc import Callable
from itertools import count

from telephony.line import DialRequest, Ended, EndKind, LineBusy, LineError
from telephony.sip.config import SipTrunkConfig
from telephony.sip.leg import SipLeg
from telephony.sip.media_rings import MediaMemory, ServiceRings
from telephony.sip.worker_messages import (
    Dial,
    Dialled,
    Done,
    HangUp,
    Happened,
    Ready,
    Setup,
    ToWorker,
    frame,
    receive,
)

LONGEST_START_S = 45.0
"""With registration, which has its own timeout."""
LONGEST_DIAL_S = 10.0
LONGEST_PAUSE_S = 5.0
"""A worker whose media loop has not gone round for so long hangs, and is killed."""
CLOSE_S = 18.0
"""The stack takes up to 2 s and 0.1 s a call, and 5 s to stop."""
FIRST_RESTART_S = 0.25
LONGEST_RESTART_S = 30.0

_log = logging.getLogger(__name__)


class _Child:
    """One running process, its socket and its memory."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        memory: MediaMemory,
    ) -> None:
        self.process, self.reader, self.writer, self.memory = process, reader, writer, memory

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    async def end(self) -> None:
        """Close the socket, upon which the worker hangs up and ends; kill it when that is not enough."""
        try:
            self.writer.close()
            async with asyncio.timeout(CLOSE_S):
                await self.process.wait()
        except TimeoutError:
            _log.warning("SIP worker %d did not end by itself", self.process.pid)
        finally:
            self.kill()
            self.memory.close()


class WorkerProcess:
    """Carries up to `slots` calls at once."""

    def __init__(self, config: SipTrunkConfig, port: int, slots: int) -> None:
        self.slots = slots
        self.restarts = 0
        self._config = config
        self._port = port
        self._child: _Child | None = None
        self._closing = False
        """The worker was told to say goodbye on all lines, and hears nothing more."""
        self._supervisor: asyncio.Task[None] | None = None
        self._numbers = count(1)
        self._free: list[int] = []
        self._legs: dict[int, tuple[SipLeg, int]] = {}
        """By call number, each with its slot."""
        self._dialling: dict[int, asyncio.Future[None]] = {}
        self._asked: dict[int, asyncio.Future[None]] = {}

    @property
    def free(self) -> int:
        """Calls that it can still take; none while it is down."""
        return len(self._free) if self._child else 0

    @property
    def calls(self) -> int:
        """Calls that it carries."""
        return len(self._legs)

    @property
    def pid(self) -> int | None:
        """None while it is down."""
        return self._child.process.pid if self._child else None

    async def start(self) -> None:
        """Raises LineError with the worker's own message."""
        self._closing = False
        self._adopt(await self._launch())
        self._supervisor = asyncio.create_task(self._supervise(), name=f"sip-worker-{self._port}")

    async def dial(self, request: DialRequest) -> SipLeg:
        """Send the INVITE and return at once. Raises LineError; cancelled, the call is ended."""
        child = self._child
        if child is None or self._closing or not self._free:
            raise LineBusy("the worker has no free channel")
        number, slot = next(self._numbers), self._free.pop()
        child.memory.clear(slot)
        leg = SipLeg(number, ServiceRings(child.memory, slot), self)
        self._legs[number] = leg, slot
        dialled = self._dialling[number] = asyncio.get_running_loop().create_future()
        self.send(Dial(number, slot, request))
        try:
            async with asyncio.timeout(LONGEST_DIAL_S):
                await dialled
        except TimeoutError:
            self.send(HangUp(number))
            raise LineError("the SIP stack did not send the INVITE in time") from None
        except asyncio.CancelledError:
            self.send(HangUp(number))
            raise
        finally:
            self._dialling.pop(number, None)
        return leg

    def send(self, message: ToWorker) -> None:
        """Without waiting; a message to a worker that has died or says goodbye is moot."""
        if self._child and not self._closing:
            self._child.writer.write(frame(message))

    async def ask(self, order: Callable[[int], ToWorker]) -> None:
        """Send an order and wait until it is done. Raises LineError with the worker's fault."""
        if self._child is None or self._closing:
            raise LineError("the worker is gone, and the call with it")
        ticket = next(self._numbers)
        done = self._asked[ticket] = asyncio.get_running_loop().create_future()
        self.send(order(ticket))
        try:
            await done
        finally:
            self._asked.pop(ticket, None)

    async def close(self) -> None:
        """Hang up every call and end the process."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait([self._supervisor])
            self._supervisor = None

    # -- the process ---------------------------------------------------------------------------

    async def _launch(self) -> _Child:
        memory = MediaMemory(self.slots)
        ours, theirs = socket.socketpair()
        child = None
        try:
            with theirs:
                process = await self._spawn(theirs.fileno(), memory.descriptor)
            ours.setblocking(False)
            child = _Child(process, *await asyncio.open_connection(sock=ours), memory)
            async with asyncio.timeout(LONGEST_START_S):
                child.writer.write(frame(Setup(self._config, self._port, self.slots)))
                answer = await receive(child.reader)
            fault = answer.fault if isinstance(answer, Ready) else "it spoke out of turn"
        except TimeoutError:
            fault = f"the SIP worker was not ready after {LONGEST_START_S:g} s"
        except (asyncio.IncompleteReadError, ConnectionError):
            fault = "the SIP worker died while starting; its own words are above"
        except BaseException:
            if child:
                child.kill()
            ours.close()
            memory.close()
            raise
        assert child is not None
        if fault:
            await child.end()
            raise LineError(fault)
        return child

    async def _spawn(self, *descriptors: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            # Safe path: the worker sees the parent's own module path and nothing else.
            *("-P", "-m", "telephony.sip.worker", *map(str, descriptors)),
            pass_fds=descriptors,
            stdin=asyncio.subprocess.DEVNULL,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
                "OPENBLAS_NUM_THREADS": "1",
            },
            # Away from the terminal: Ctrl-C reaches the parent alone, which ends the calls first.
            start_new_session=True,
        )

    def _adopt(self, child: _Child) -> None:
        self._child = child
        self._free = list(range(self.slots))

    async def _supervise(self) -> None:
        """Serve the process; start it again whenever it dies, at growing intervals until it comes up."""
        child = self._child
        try:
            while child is not None:
                await self._serve(child)
                self._lose_calls(f"the SIP worker died (pid {child.process.pid})")
                dead, child = child, None
                await dead.end()
                _log.error("SIP worker %d died, status %s", dead.process.pid, dead.process.returncode)
                child = await self._relaunch()
                self._adopt(child)
                self.restarts += 1
        finally:
            if child is not None:
                await asyncio.shield(self._wind_up(child))

    async def _serve(self, child: _Child) -> None:
        """Until the process has gone."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch(child))
                while True:
                    self._take(await receive(child.reader))
        except* (asyncio.IncompleteReadError, ConnectionError):
            child.kill()
        except* Exception:
            # A message that cannot be read: nothing after it can be trusted either.
            _log.exception("SIP worker %d sent what is no message", child.process.pid)
            child.kill()

    async def _watch(self, child: _Child) -> None:
        beats, since = -1, time.monotonic()
        while True:
            await asyncio.sleep(LONGEST_PAUSE_S / 5)
            if child.memory.beats != beats:
                beats, since = child.memory.beats, time.monotonic()
            elif time.monotonic() - since > LONGEST_PAUSE_S:
                _log.error("SIP worker %d hangs and is killed", child.process.pid)
                child.kill()

    async def _relaunch(self) -> _Child:
        pause = FIRST_RESTART_S
        while True:
            await asyncio.sleep(pause)
            try:
                return await self._launch()
            except Exception as error:  # whatever it was, the channels must come back
                _log.error("SIP worker on port %d: %s", self._port, error or type(error).__name__)
                pause = min(2 * pause, LONGEST_RESTART_S)

    async def _wind_up(self, child: _Child) -> None:
        """Let the worker say goodbye on every line and hear what it says of them."""
        self._closing = True
        try:
            child.writer.write_eof()
            async with asyncio.timeout(CLOSE_S):
                while True:
                    self._take(await receive(child.reader))
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            pass
        except Exception:
            _log.exception("SIP worker %d sent what is no message", child.process.pid)
            child.kill()
        finally:
            self._lose_calls("trunk closed")
            await child.end()

    # -- its calls -----------------------------------------------------------------------------

    def _take(self, message: object) -> None:
        match message:
            case Dialled(number, leg_id, fault):
                self._on_dialled(number, leg_id, fault)
            case Happened(number, event):
                if number in self._legs:
                    leg, _ = self._legs[number]
                    leg.on_event(event)
                    if leg.ended:
                        self._release(number)
            case Done(ticket, fault):
                _settle(self._asked.get(ticket), fault)
            case _:
                raise TypeError(f"{type(message).__name__} from a worker")

    def _on_dialled(self, number: int, leg_id: str, fault: str) -> None:
        leg, _ = self._legs[number]
        if fault:
            leg.on_event(Ended(time.monotonic(), EndKind.SIP_ERROR, text=fault))
            self._release(number)
        else:
            leg.on_dialled(leg_id)
        _settle(self._dialling.get(number), fault)

    def _release(self, number: int) -> None:
        _, slot = self._legs.pop(number)
        self._free.append(slot)

    def _lose_calls(self, text: str) -> None:
        """The worker has gone: everyone who waits for it is told."""
        self._child = None
        for leg, _ in self._legs.values():
            leg.on_lost(text)
        self._legs.clear()
        self._free.clear()
        for asked in self._asked.values():
            _settle(asked, text)
        for dialled in self._dialling.values():
            # Its INVITE may be out: whoever dialled gets the leg, and its end, and must not dial again.
            _settle(dialled, "")


def _settle(waiting: asyncio.Future[None] | None, fault: str) -> None:
    if waiting is None or waiting.done():
        return
    if fault:
        waiting.set_exception(LineError(fault))
    else:
        waiting.set_result(None)
