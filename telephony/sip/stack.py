"""The baresip stack inside a worker process: outgoing calls over one account, RTP on native threads.

Native threads pace the RTP packets and run the jitter buffer, so that a busy Python process
disturbs no call. The stack is global to its process.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from baresip import BaresipError, Event, StackEvent, StaleHandleError
from baresip._native import lib  # type: ignore[import-not-found]
from baresip.call import Call, CallState
from baresip.runtime import Runtime
from baresip.ua import UserAgent

from telephony.line import DialRequest, LegEvent, LineError
from telephony.sip import stack_config
from telephony.sip.config import SipTrunkConfig
from telephony.sip.invitation import dial_headers, redirect_uri, request_uri
from telephony.sip.lost_ack import LostAcks
from telephony.sip.media_rings import WorkerRings
from telephony.sip.stack_call import StackCall
from telephony.sip.wire_facts import WireReader

_COMMAND_TIMEOUT_S = 10.0
_GOODBYE_S = 0.2
"""After the last BYE or CANCEL the port stays open this long for the replies."""
_MOST_REDIRECTS = 3
_HANG_UP_AGAIN_S = (0.2, 1.0, 3.0)
_LOOK_EVERY_S, _LONGEST_SILENCE_S = 2.0, 4.0
_NAME_TRIES, _NAME_PAUSE_S = 20, 0.005

_log = logging.getLogger(__name__)

# Below this the stack's records name the called number; its trace is for the reader alone.
logging.getLogger("baresip").setLevel(logging.WARNING)
_trace = logging.getLogger("baresip.native.sip")
_trace.propagate = False

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Dialled:
    """A call and what it was dialled with."""

    call: StackCall
    request: DialRequest
    redirects: int = 0


class SipStack:
    """Dials as the trunk's account, or as one of its caller-IDs."""

    def __init__(self, config: SipTrunkConfig, port: int) -> None:
        self.dead = asyncio.Event()
        """The stack does nothing any more: only a new process can place calls."""
        self._config = config
        self._port = port
        self._runtime: Runtime | None = None
        self._agents: dict[str, UserAgent] = {}
        self._dialled: dict[int, _Dialled] = {}
        self._redirects: dict[int, str] = {}
        """Contact of a 3xx answer, between its event and the closing one."""
        self._unclaimed: defaultdict[int, list[StackEvent]] = defaultdict(list)
        self._dialling = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        # Ending a call takes the stack some 20 ms; many at once would time out, so they queue.
        self._hang_up_turn = asyncio.Lock()
        self._last_hang_up = -_GOODBYE_S
        loop = asyncio.get_running_loop()
        self._acks: LostAcks | None = None
        self._wire = WireReader(lambda call_id: loop.call_soon_threadsafe(self._on_reply, call_id))

    @property
    def calls(self) -> Iterator[StackCall]:
        """Those that are not over."""
        return (dialled.call for dialled in list(self._dialled.values()))

    async def start(self) -> None:
        """Bind the SIP port and register if the trunk wants that. Raises LineError with the mend."""
        _trace.setLevel(logging.DEBUG)
        _trace.addHandler(self._wire)
        if self._config.transport == "udp":
            self._acks = LostAcks(self._config.local_address)
            _trace.addHandler(self._acks)
        runtime = Runtime(command_timeout=_COMMAND_TIMEOUT_S)
        runtime.subscribe(self._on_stack_event)
        runtime.on_dead = self._on_dead  # type: ignore[assignment]  # the library types its hook as None
        try:
            await runtime.start(stack_config.stack(self._config, self._port))
        except BaresipError as error:
            raise LineError(f"the SIP stack did not start: {error}") from error
        self._runtime = runtime
        try:
            for caller_id in ("", *self._config.caller_ids):
                account = stack_config.account(self._config, caller_id)
                self._agents[caller_id] = await UserAgent.create(runtime, account, transfer_policy="reject")
        except BaresipError as error:
            raise LineError(f"the SIP account is not usable: {error}. Mend user or domain") from error
        if self._config.register_s:
            try:
                await self._agents[""].register()
            except BaresipError as error:
                raise LineError(
                    f"{self._config.domain} did not take our registration: {error}. "
                    "Check user, login and password"
                ) from error

    async def dial(
        self, request: DialRequest, rings: WorkerRings, tell: Callable[[LegEvent], None]
    ) -> StackCall:
        """Send the INVITE of a checked request and return at once. Raises LineError if it cannot be sent."""
        timeouts_s = request.ring_timeout_s, self._config.rtp_timeout_s
        call = StackCall(rings, tell, self._terminate, self._wire.of, *timeouts_s)
        await self._invite(_Dialled(call, request), request_uri(request.to, self._config))
        return call

    async def watch(self) -> None:
        """Return when the stack has died, or no longer answers."""
        while not self.dead.is_set():
            try:
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await self.dead.wait()
            except TimeoutError:
                await self._look_after()

    async def _look_after(self) -> None:
        if self._runtime is None:
            return
        try:
            await self._runtime.cmd(lib.BP_CMD_PING, timeout=_LONGEST_SILENCE_S)
        except BaresipError as error:
            _log.critical("the SIP stack does not answer: %s", error)
            self._lose_all("SIP stack does not answer")
            self.dead.set()

    async def close(self) -> None:
        """Hang up every call and give the ports back, within seconds."""
        if self._runtime is None:
            return
        runtime, self._runtime = self._runtime, None
        bound_s = 2.0 + 0.1 * len(self._dialled)
        try:
            async with asyncio.timeout(bound_s):
                await self._hang_up_all()
                if self._config.register_s and "" in self._agents:
                    await self._agents[""].unregister()
        except TimeoutError:
            _log.warning("%d calls did not end within %.1f s of closing", len(self._dialled), bound_s)
        except BaresipError as error:
            _log.warning("unregistering failed: %s", error)
        finally:
            self._lose_all("trunk closed")
            for task in self._tasks:
                task.cancel()
            await _stop(runtime)
            _trace.removeHandler(self._wire)
            if self._acks:
                _trace.removeHandler(self._acks)
                self._acks.close()

    async def _hang_up_all(self) -> None:
        while self._dialled or self._tasks:
            for call in self.calls:
                call.hang_up()
            # A redirect that is being followed has neither yet for a moment.
            await asyncio.wait(self._tasks or {self._spawn(asyncio.sleep(0.02))})
        await asyncio.sleep(self._last_hang_up + _GOODBYE_S - time.monotonic())

    async def _invite(self, dialled: _Dialled, uri: str) -> None:
        request, call = dialled.request, dialled.call
        caller_id = request.caller_id or next(iter(self._config.caller_ids), "")
        self._dialling += 1
        try:
            native = await self._agents[caller_id].dial(uri, dial_headers(request, self._config))
            early = await self._first_events(native.handle)
            leg_id = next((event.call_id for event in early if event.call_id), "")
            call.adopt(native, leg_id)
            self._dialled[native.handle] = dialled
            if self._wire.of(leg_id).replied:
                call.on_reply()
            # A peer that answers at once is faster than this line: replay what was missed. The library's own
            # object has missed it too; it must know its state, and at the end let go of the runtime.
            for event in early:
                native._on_stack_event(event)
                self._deliver(dialled, event)
        except (BaresipError, ValueError) as error:
            raise LineError(f"the INVITE was not sent: {error}") from error
        finally:
            self._dialling -= 1
            if not self._dialling:
                for handle in list(self._unclaimed):
                    self._end_stray(handle)

    async def _first_events(self, handle: int) -> list[StackEvent]:
        """What the stack has said of a new call so far; its first event, which is due, names the call."""
        for _ in range(_NAME_TRIES):
            if self._unclaimed.get(handle):
                break
            await asyncio.sleep(_NAME_PAUSE_S)
        return self._unclaimed.pop(handle, [])

    # -- what the stack reports ----------------------------------------------------------------

    def _on_reply(self, call_id: str) -> None:
        for call in self.calls:
            if call.leg_id == call_id:
                call.on_reply()

    def _on_stack_event(self, event: StackEvent) -> None:
        if not event.call:
            return
        if dialled := self._dialled.get(event.call):
            self._deliver(dialled, event)
            return
        self._unclaimed[event.call].append(event)
        if not self._dialling:
            self._end_stray(event.call)

    def _deliver(self, dialled: _Dialled, event: StackEvent) -> None:
        if event.event is Event.CALL_REDIRECT:
            self._redirects[event.call] = (event.text or "").partition(",")[2]
            return
        if event.event is Event.CALL_CLOSED:
            self._dialled.pop(event.call, None)
            if self._follows(dialled, self._redirects.pop(event.call, "")):
                self._wire.forget(dialled.call.leg_id)
                return
        dialled.call.on_stack_event(event)
        if dialled.call.ended:
            self._forget(event.call, dialled.call)

    def _follows(self, dialled: _Dialled, contact: str) -> bool:
        """Whether a 3xx answer sends the call elsewhere; its record says so if that must not be."""
        call = dialled.call
        if not contact or call.unwanted:
            return False
        uri = redirect_uri(contact, self._config, dialled.request.to)
        if uri is None or dialled.redirects >= _MOST_REDIRECTS:
            call.note = (
                "redirected to a number or host that `redirects` does not allow"
                if uri is None
                else (f"redirected more than {_MOST_REDIRECTS} times")
            )
            return False
        self._spawn(self._follow(replace(dialled, redirects=dialled.redirects + 1), uri))
        return True

    async def _follow(self, dialled: _Dialled, uri: str) -> None:
        try:
            await self._invite(dialled, uri)
        except LineError as error:
            dialled.call.on_lost(str(error))
            return
        if dialled.call.unwanted:
            # Given up while there was no call to end.
            await self._end(dialled.call)

    def _end_stray(self, handle: int) -> None:
        """End a call that nobody here dialled: an incoming one, or one whose dialling failed half-way."""
        events = self._unclaimed.pop(handle, [])
        if self._runtime and events and not any(event.event is Event.CALL_CLOSED for event in events):
            call = Call(self._runtime, handle=handle, ua_handle=events[0].ua, state=CallState.INCOMING)
            self._spawn(self._hang_up(call))

    def _on_dead(self) -> None:
        _log.critical("the SIP stack died; calls can only be placed by a new process")
        self._lose_all("SIP stack died")
        self.dead.set()

    def _lose_all(self, text: str) -> None:
        for handle, dialled in list(self._dialled.items()):
            dialled.call.on_lost(text)
            self._forget(handle, dialled.call)

    def _forget(self, handle: int, call: StackCall) -> None:
        self._dialled.pop(handle, None)
        self._wire.forget(call.leg_id)

    # -- ending calls --------------------------------------------------------------------------

    def _terminate(self, call: StackCall) -> asyncio.Future[None]:
        # A hang-up must get through even if who asked for it is cancelled.
        return asyncio.shield(self._spawn(self._end(call)))

    async def _end(self, call: StackCall) -> None:
        await call.replied()
        native = call.call
        if not call.ended and native is not None and native.handle in self._dialled:
            await self._hang_up(native)
            if not call.ended:
                # The closing event precedes the command's completion, so none will come.
                call.on_lost("no closing event")
                self._forget(native.handle, call)

    async def _hang_up(self, call: Call) -> None:
        async with self._hang_up_turn:
            for pause_s in _HANG_UP_AGAIN_S:
                try:
                    await call.hangup()
                    break
                except StaleHandleError:
                    break
                except BaresipError as error:
                    _log.error("a call could not be ended: %s", error)
                    await asyncio.sleep(pause_s)
            else:
                # A call that goes on for nobody costs money: the process ends, and takes it along.
                self.dead.set()
            self._last_hang_up = time.monotonic()

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
