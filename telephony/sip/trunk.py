"""A SIP trunk on the baresip stack: outgoing calls over UDP, G.711 over RTP.

Native threads pace the RTP packets and run the jitter buffer, so that a busy Python process
disturbs no call. One trunk runs per process, for the stack is global; after `close` it may start again.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Coroutine
from typing import Any, TypeVar

from baresip import BaresipError, Event, StackEvent, StaleHandleError
from baresip.call import Call, CallState
from baresip.runtime import Runtime
from baresip.ua import UserAgent

from telephony.line import DialRequest, LineError
from telephony.sip.config import SipTrunkConfig
from telephony.sip.invitation import check_request
from telephony.sip.leg import SipLeg

__all__ = ["SipTrunk", "SipTrunkConfig"]

_COMMAND_TIMEOUT_S = 10.0
_GOODBYE_S = 0.2
"""After the last BYE or CANCEL the port stays open this long for the replies."""

_log = logging.getLogger(__name__)

# Below this the stack's records name the called number.
logging.getLogger("baresip").setLevel(logging.WARNING)

T = TypeVar("T")


class SipTrunk:
    """Dials over one SIP account. Implements `telephony.line.Line`."""

    def __init__(self, config: SipTrunkConfig) -> None:
        self._config = config
        self._runtime: Runtime | None = None
        self._agent: UserAgent | None = None
        self._legs: dict[int, SipLeg] = {}
        self._unclaimed: defaultdict[int, list[StackEvent]] = defaultdict(list)
        self._dialling = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        # Ending a call takes the stack some 20 ms; many at once would time out, so they queue.
        self._hang_up_turn = asyncio.Lock()
        self._last_hang_up = -_GOODBYE_S

    async def start(self) -> None:
        """Bind the SIP port. Raises LineError naming the port and the mend."""
        if self._runtime is not None:
            raise LineError("the trunk is started already. Call close() first")
        account = self._config.account()
        self._config.check_port()
        runtime = Runtime(command_timeout=_COMMAND_TIMEOUT_S)
        runtime.subscribe(self._on_stack_event)
        runtime.on_dead = self._on_dead  # type: ignore[assignment]  # the library types its hook as None
        try:
            await runtime.start(self._config.stack())
        except BaresipError as error:
            raise LineError(f"the SIP stack did not start: {error}. One trunk can run per process") from error
        self._runtime = runtime
        try:
            self._agent = await UserAgent.create(runtime, account, transfer_policy="reject")
        except BaresipError as error:
            await self.close()
            raise LineError(f"the SIP account is not usable: {error}. Mend user or domain") from error

    async def dial(self, request: DialRequest) -> SipLeg:
        """Send the INVITE and return at once. Raises LineError if it cannot be sent.

        If this is cancelled, the call is ended as soon as the stack knows it.
        """
        check_request(request)
        if self._agent is None:
            raise LineError("the trunk is not started. Call start() before dial()")
        invitation = self._spawn(self._invite(self._agent, request))
        try:
            return await asyncio.shield(invitation)
        except asyncio.CancelledError:
            invitation.add_done_callback(self._hang_up_unwanted)
            raise

    async def close(self) -> None:
        """Hang up every leg and give the ports back, within seconds."""
        if self._runtime is None:
            return
        runtime, self._runtime, self._agent = self._runtime, None, None
        bound_s = 2.0 + 0.1 * len(self._legs)
        try:
            async with asyncio.timeout(bound_s):
                await self._hang_up_all()
        except TimeoutError:
            _log.warning("%d calls did not end within %.1f s of closing the trunk", len(self._legs), bound_s)
        finally:
            self._lose_all("trunk closed")
            for task in self._tasks:
                task.cancel()
            await _stop(runtime)
            self._unclaimed.clear()

    async def _hang_up_all(self) -> None:
        while self._legs or self._tasks:
            for leg in self._legs.values():
                self._spawn(leg.hang_up())
            await asyncio.wait(self._tasks)
        await asyncio.sleep(self._last_hang_up + _GOODBYE_S - time.monotonic())

    async def _invite(self, agent: UserAgent, request: DialRequest) -> SipLeg:
        self._dialling += 1
        try:
            call = await agent.dial(request.to, dict(request.headers))
            early = self._unclaimed.pop(call.handle, [])
            leg_id = next((event.call_id for event in early if event.call_id), str(call.handle))
            leg = SipLeg(call, leg_id, self._terminate, request.ring_timeout_s)
            self._legs[call.handle] = leg
            # A peer that answers at once is faster than this line: replay what was missed.
            for event in early:
                self._deliver(leg, event)
            return leg
        except (BaresipError, ValueError) as error:
            raise LineError(f"the INVITE was not sent: {error}") from error
        finally:
            self._dialling -= 1
            if not self._dialling:
                for handle in list(self._unclaimed):
                    self._end_stray(handle)

    def _on_stack_event(self, event: StackEvent) -> None:
        if not event.call:
            return
        if leg := self._legs.get(event.call):
            self._deliver(leg, event)
            return
        self._unclaimed[event.call].append(event)
        if not self._dialling:
            self._end_stray(event.call)

    def _deliver(self, leg: SipLeg, event: StackEvent) -> None:
        leg.on_stack_event(event)
        if leg.ended:
            self._legs.pop(event.call, None)

    def _end_stray(self, handle: int) -> None:
        """End a call that nobody here dialled: an incoming one, or one whose dialling failed half-way."""
        events = self._unclaimed.pop(handle)
        if self._runtime and not any(event.event is Event.CALL_CLOSED for event in events):
            call = Call(self._runtime, handle=handle, ua_handle=events[0].ua, state=CallState.INCOMING)
            self._spawn(self._hang_up(call))

    def _terminate(self, leg: SipLeg) -> asyncio.Future[None]:
        # A hang-up must get through even if who asked for it is cancelled.
        return asyncio.shield(self._spawn(self._end(leg)))

    async def _end(self, leg: SipLeg) -> None:
        await leg.replied()
        if not leg.ended:
            await self._hang_up(leg.call)
        if not leg.ended:
            # The closing event precedes the command's completion, so none will come.
            leg.on_lost("no closing event")
            self._legs.pop(leg.call.handle, None)

    async def _hang_up(self, call: Call) -> None:
        async with self._hang_up_turn:
            try:
                await call.hangup()
            except StaleHandleError:
                pass
            except BaresipError as error:
                _log.error("a call could not be ended: %s", error)
            self._last_hang_up = time.monotonic()

    def _hang_up_unwanted(self, invitation: asyncio.Task[SipLeg]) -> None:
        if not invitation.cancelled() and invitation.exception() is None:
            self._spawn(invitation.result().hang_up())

    def _on_dead(self) -> None:
        _log.critical("the SIP stack died; calls can only be placed by a new process")
        self._lose_all("SIP stack died")

    def _lose_all(self, text: str) -> None:
        for leg in self._legs.values():
            leg.on_lost(text)
        self._legs.clear()

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _stop(runtime: Runtime) -> None:
    try:
        await runtime.close()
    except BaresipError as error:
        _log.error("the SIP stack did not stop: %s", error)
