"""A SIP worker process: `python -m telephony.sip.worker SOCKET MEMORY`, both file descriptors.

It runs one SIP stack, does what the service says over the socket, and moves audio between the stack and the
shared rings. When the socket closes it hangs up every call and ends.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from contextlib import suppress

from telephony.line import Ended, LegEvent, LineError
from telephony.sip.invitation import request_uri
from telephony.sip.media_rings import MediaMemory, WorkerRings
from telephony.sip.stack import SipStack
from telephony.sip.stack_call import StackCall
from telephony.sip.worker_messages import (
    Dial,
    Dialled,
    Done,
    Flush,
    FromWorker,
    HangUp,
    Happened,
    Ready,
    SendDigits,
    Setup,
    Transfer,
    frame,
    receive,
)

ROUND_S = 0.01
"""How often audio is moved: half a frame, so that a frame waits a quarter of one on average."""

_log = logging.getLogger(__name__)


class _StackIsGone(Exception):
    """There is nothing left to serve with."""


class Worker:
    """Serves one parent."""

    def __init__(self, setup: Setup, memory: MediaMemory, writer: asyncio.StreamWriter) -> None:
        self._config = setup.config
        self._memory = memory
        self._writer = writer
        self._stack = SipStack(setup.config, setup.port)
        self._calls: dict[int, StackCall] = {}
        self._dialling: set[int] = set()
        self._given_up: set[int] = set()
        """Calls that were to be ended before their INVITE was sent."""

    async def start(self) -> bool:
        """Bring the stack up; says how it went. False if the worker cannot work."""
        try:
            await self._stack.start()
        except LineError as error:
            await self._stack.close()
            self._send(Ready(str(error)))
            return False
        self._send(Ready())
        return True

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Until the parent closes the socket; then all calls are hung up."""
        # What lives this long is never garbage: keep the collector from walking it during calls.
        gc.collect()
        gc.freeze()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._move_audio())
                group.create_task(self._end_with_the_stack())
                while True:
                    self._take(await receive(reader), group)
        except* (asyncio.IncompleteReadError, ConnectionError, _StackIsGone):
            pass  # The parent has closed the socket, or is gone; or a new process has to take our place.
        finally:
            await self._stack.close()

    async def _end_with_the_stack(self) -> None:
        await self._stack.watch()
        raise _StackIsGone

    async def _move_audio(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            # An absolute schedule; after a long pause it starts anew instead of catching up.
            due = max(due + ROUND_S, loop.time() - ROUND_S)
            await asyncio.sleep(due - loop.time())
            for call in self._stack.calls:
                call.move_audio()
            self._memory.beat()

    def _take(self, message: object, group: asyncio.TaskGroup) -> None:
        match message:
            case Dial(number):
                self._dialling.add(number)
                group.create_task(self._dial(message))
            case HangUp(number):
                if call := self._calls.get(number):
                    call.hang_up()
                elif number in self._dialling:
                    self._given_up.add(number)
            case Flush(number):
                if call := self._calls.get(number):
                    call.move_audio()
            case SendDigits():
                group.create_task(self._send_digits(message))
            case Transfer():
                group.create_task(self._transfer(message))

    async def _dial(self, dial: Dial) -> None:
        told: list[LegEvent] = []

        def tell(event: LegEvent) -> None:
            # What happens before the call is known to the service is told right after.
            if dial.call in self._calls:
                self._tell(dial.call, event)
            else:
                told.append(event)

        try:
            call = await self._stack.dial(dial.request, WorkerRings(self._memory, dial.slot), tell)
        except LineError as error:
            self._given_up.discard(dial.call)
            self._send(Dialled(dial.call, "", str(error)))
            return
        finally:
            self._dialling.discard(dial.call)
        self._calls[dial.call] = call
        self._send(Dialled(dial.call, call.leg_id))
        for event in told:
            self._tell(dial.call, event)
        if dial.call in self._given_up:
            self._given_up.discard(dial.call)
            call.hang_up()

    def _tell(self, number: int, event: LegEvent) -> None:
        if isinstance(event, Ended):
            self._calls.pop(number, None)
        self._send(Happened(number, event))

    async def _send_digits(self, order: SendDigits) -> None:
        fault = ""
        try:
            if call := self._calls.get(order.call):
                await call.send_digits(order.digits)
        except LineError as error:
            fault = str(error)
        self._send(Done(order.ticket, fault))

    async def _transfer(self, order: Transfer) -> None:
        call = self._calls.get(order.call)
        if call is None:
            self._send(Done(order.ticket, "the call is over"))
            return
        try:
            uri = request_uri(order.to, self._config)
            transfer = call.transfer(uri, self._config.transfer_timeout_s)
        except LineError as error:
            self._send(Done(order.ticket, str(error)))
            return
        self._send(Done(order.ticket))
        await transfer

    def _send(self, message: FromWorker) -> None:
        with suppress(ConnectionError):
            self._writer.write(frame(message))


def packets_first() -> None:
    """Let the threads that pace packets go before all others (round robin, real time), where that is allowed.

    They work some tens of microseconds at a time. Without the right to it (CAP_SYS_NICE) the process keeps
    the niceness that it has inherited.
    """
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


async def main(socket_descriptor: int, memory_descriptor: int) -> None:
    """Serve until the parent closes the socket."""
    packets_first()
    # Ctrl-C is the parent's to handle: it ends the calls first.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=socket_descriptor))
    with suppress(asyncio.IncompleteReadError):
        setup = await receive(reader)
        assert isinstance(setup, Setup)
        worker = Worker(setup, MediaMemory(setup.slots, memory_descriptor), writer)
        if await worker.start():
            await worker.serve(reader)
        with suppress(ConnectionError):
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
