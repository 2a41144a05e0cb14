"""Several trunks or bridges as one line: the best free one takes the call, another if it cannot."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from telephony.line import Answered, DialRequest, Ended, EndKind, Leg, LineBusy, LineError, Ringing
from telephony.routing.failover import Outcome, Verdict, judge
from telephony.routing.health import ProbeFault, RoundTrip, Watch, watch_all
from telephony.routing.leg import RoutedLeg
from telephony.routing.queue import ChannelQueue
from telephony.routing.trunk import Channel, Member, Trunk, TrunkStatus

__all__ = ["Member", "TrunkGroup", "TrunkStatus"]

_RETRY_START_S = 30.0
_BUSY_PAUSE_S = 0.5
_LEAST_RING_S = 5.0
"""With less of the ring timeout left no other trunk is tried: nobody answers that fast."""
_GOODBYE_S = 5.0
"""After the lines are closed, legs that have not ended by then are given up."""
_LONGEST_REASON = 60

_log = logging.getLogger(__name__)


@dataclass
class _Call:
    """One call's way through the trunks."""

    request: DialRequest
    untried: set[str]
    in_vain: list[tuple[str, str]] = field(default_factory=list)
    """Trunks that could not carry it, and why."""


@dataclass(frozen=True, slots=True)
class _Try:
    """The call on one trunk."""

    channel: Channel
    leg: Leg


class TrunkGroup:
    """Dials over the best of its members. Implements `telephony.line.Line`.

    A call waits up to `longest_wait_s` for a channel and for the rate of new calls, first come, first
    served. It is tried at most once on each member, and only before anything rang.
    """

    def __init__(self, members: Sequence[Member], *, longest_wait_s: float = 30.0) -> None:
        names = [member.name for member in members]
        if not names or len(set(names)) < len(names) or "" in names:
            raise LineError(f"trunks {names} cannot form a group. Give one or more, each its own name")
        self._members = tuple(members)
        self._longest_wait_s = longest_wait_s
        self._trunks = [Trunk(member) for member in members]
        self._open = False
        self._queue: ChannelQueue
        self._scope: asyncio.TaskGroup
        self._scope_task: asyncio.Task[None] | None = None
        self._calls: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start every member. One that cannot is tried again later; raises LineError if none can."""
        if self._scope_task:
            raise LineError("the trunks are started already. Call close() first")
        self._clock = asyncio.get_running_loop().time
        self._trunks = [Trunk(member) for member in self._members]
        self._queue = ChannelQueue(self._trunks, self._clock)
        try:
            async with asyncio.TaskGroup() as starting:
                for trunk in self._trunks:
                    starting.create_task(trunk.start())
        except BaseException:
            await self._close_lines()
            raise
        faults = [f"{trunk.name}: {trunk.start_fault}" for trunk in self._trunks if not trunk.started]
        if len(faults) == len(self._trunks):
            raise LineError(f"no trunk starts. {'; '.join(faults)}")
        for fault in faults:
            _log.warning("trunk %s; trying again every %g s", fault, _RETRY_START_S)
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._scope_task = asyncio.create_task(self._run(ready))
        try:
            await ready
        except BaseException:
            await self.close()
            raise
        self._open = True

    async def dial(self, request: DialRequest) -> RoutedLeg:
        """Call over the best trunk, and return when it has sent the invitation.

        Raises LineBusy if no channel and start was free in time, and LineError if no trunk can even try.
        """
        call = _Call(request, self._allowed(request))
        first = await self._place(call, self._longest_wait_s)
        leg = RoutedLeg(first.leg)
        ring_until = self._clock() + request.ring_timeout_s
        task = self._scope.create_task(self._carry(leg, call, first, ring_until))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        return leg

    async def close(self) -> None:
        """Hang up every leg, send who waits away, and close every member."""
        scope, self._scope_task = self._scope_task, None
        if scope is None:
            return
        self._open = False
        self._queue.close()
        try:
            await self._close_lines()
            if self._calls:
                await asyncio.wait(self._calls, timeout=_GOODBYE_S)
        finally:
            scope.cancel()
            await asyncio.wait([scope])
            if not scope.cancelled() and (fault := scope.exception()):
                _log.error("the trunks' own tasks broke", exc_info=fault)

    def status(self) -> tuple[TrunkStatus, ...]:
        """Every member as it is now."""
        now = self._clock() if self._scope_task else 0.0
        return tuple(trunk.status(now) for trunk in self._trunks)

    async def _run(self, ready: asyncio.Future[None]) -> None:
        """The scope of everything that runs beside the callers' own tasks, until `close` cancels it."""
        async with asyncio.TaskGroup() as self._scope:
            self._scope.create_task(watch_all([self._watch(t) for t in self._trunks if t.member.probe]))
            for trunk in self._trunks:
                if not trunk.started:
                    self._scope.create_task(self._keep_starting(trunk))
            ready.set_result(None)
            await asyncio.Event().wait()

    def _watch(self, trunk: Trunk) -> Watch:
        assert trunk.member.probe

        def on_result(result: RoundTrip | ProbeFault) -> None:
            trunk.on_probe(self._clock(), result)
            self._queue.serve()

        return Watch(trunk.name, trunk.health, trunk.member.probe, on_result)

    async def _keep_starting(self, trunk: Trunk) -> None:
        while True:
            await asyncio.sleep(_RETRY_START_S)
            if await trunk.start():
                _log.info("trunk %s is started", trunk.name)
                self._queue.serve()
                return

    async def _close_lines(self) -> None:
        started = [trunk for trunk in self._trunks if trunk.started]
        closing = [trunk.member.line.close() for trunk in started]
        for trunk, fault in zip(started, await asyncio.gather(*closing, return_exceptions=True), strict=True):
            if fault:
                _log.error("trunk %s did not close: %r", trunk.name, fault)

    def _allowed(self, request: DialRequest) -> set[str]:
        """The trunks that may call as the number wanted. Raises LineError if it is nobody's here."""
        if not self._open:
            raise LineError("the trunks are not started. Call start() before dial()")
        wanted = request.caller_id
        names = {trunk.name for trunk in self._trunks if not wanted or trunk.caller_ids.owns(wanted)}
        if not names:
            raise LineError(
                f"caller_id {wanted[:40]!r} is none of the trunks' numbers. "
                "Add it to the caller_ids of its trunk if it is yours, or leave it out"
            )
        return names

    async def _place(
        self, call: _Call, wait_s: float, ring_until: float | None = None, retried: RoutedLeg | None = None
    ) -> _Try:
        """Send the call out over a trunk that takes it. Raises LineBusy or LineError if there is none."""
        until = self._clock() + wait_s
        refused: list[Channel] = []
        why: LineError | None = None
        verdict = Outcome.UNKNOWN
        try:
            busy: set[str] = set()
            while channel := await self._channel_in_time(call, until, retried, busy):
                ring_s = ring_until - self._clock() if ring_until else call.request.ring_timeout_s
                try:
                    leg = await self._send(channel, call, ring_s)
                except LineError as error:
                    why = why if isinstance(why, LineBusy) else error
                    if isinstance(error, LineBusy):
                        busy.add(channel.trunk_name)
                    else:
                        call.in_vain.append((channel.trunk_name, str(error)))
                        refused.append(channel)
                    continue
                verdict = Outcome.FAULT
                return _Try(channel, leg)
        except TimeoutError:
            raise why or self._all_busy(call) from None
        finally:
            # What every trunk refuses is the request's fault. It is theirs only if another took it.
            for channel in refused:
                channel.tell(verdict, self._clock())
            if refused:
                self._queue.serve()
        raise why or LineError("no trunk is there for the call: they are not started, closed, or down")

    async def _channel_in_time(
        self, call: _Call, until: float, retried: RoutedLeg | None, busy: set[str]
    ) -> Channel | None:
        """A channel that may take the call; trunks in `busy`, whose worker is away say, are tried again."""
        while (channel := await self._next_channel(call, until, retried)) is None:
            if not busy or self._clock() + _BUSY_PAUSE_S >= until or (retried and retried.given_up):
                return None
            await asyncio.sleep(_BUSY_PAUSE_S)
            call.untried |= busy
            busy.clear()
        return channel

    async def _next_channel(self, call: _Call, until: float, retried: RoutedLeg | None) -> Channel | None:
        if not self._open or (retried and retried.given_up):
            return None
        waiter = self._queue.join(call.untried, last_resort=not call.in_vain, first=retried is not None)
        if retried:
            retried.waiter = waiter
        try:
            channel = await self._queue.channel(waiter, until - self._clock())
        finally:
            if retried:
                retried.waiter = None
        if channel:
            call.untried.discard(channel.trunk_name)
        return channel

    async def _send(self, channel: Channel, call: _Call, ring_s: float) -> Leg:
        """Dial on the channel, and free it if that fails or is cancelled."""
        try:
            leg = await channel.dial(call.request, ring_s)
            if not self._open:
                await leg.hang_up()
                raise LineError("the trunks were closed while the call was dialled")
            return leg
        except LineError as error:
            if isinstance(error, LineBusy):
                channel.tell(Outcome.UNKNOWN, self._clock())
            self._queue.free(channel)
            raise
        except BaseException:
            self._queue.give_back(channel)
            raise

    async def _carry(self, leg: RoutedLeg, call: _Call, current: _Try, ring_until: float) -> None:
        """Pass on what happens to the call, over one trunk after another, to its end."""
        ended: Ended | None = None
        try:
            while True:
                ended, verdict = await self._relay(leg, current)
                if not verdict.try_next or leg.given_up or not self._open:
                    break
                call.in_vain.append((current.channel.trunk_name, _reason(ended)))
                another = await self._another(leg, call, ring_until)
                if another is None and leg.given_up:
                    ended = Ended(self._clock(), EndKind.CANCELLED, None, "hung up by us")
                if another is None:
                    break
                ended, current = None, another
                leg.follow(current.leg)
                if leg.given_up:
                    await current.leg.hang_up()
        except Exception as error:  # one call's fault must not end the others of the group
            _log.exception("a call on trunk %s broke", current.channel.trunk_name)
            with suppress(Exception):
                await current.leg.hang_up()
            ended = ended or Ended(self._clock(), EndKind.SIP_ERROR, None, f"{type(error).__name__}")
        finally:
            self._queue.give_back(current.channel)
            leg.tell(_last_word(ended or self._cut_off(leg), current.channel.trunk_name, call))

    async def _relay(self, leg: RoutedLeg, current: _Try) -> tuple[Ended, Verdict]:
        """Pass on events from one trunk until its leg ended. Its channel is free then."""
        rang = False
        while not isinstance(event := await current.leg.next_event(), Ended):
            if isinstance(event, Answered):
                leg.answered = True
            if isinstance(event, Ringing | Answered):
                rang = True
                current.channel.tell(Outcome.WORKS, self._clock())
                self._queue.serve()  # A circuit may have closed.
            leg.tell(event)
        verdict = judge(event, rang=rang)
        current.channel.tell(verdict.trunk, self._clock())
        self._queue.give_back(current.channel)
        return event, verdict

    async def _another(self, leg: RoutedLeg, call: _Call, ring_until: float) -> _Try | None:
        """The call on a trunk that was not tried yet, if one can take it in time."""
        spare_s = ring_until - self._clock() - _LEAST_RING_S
        if spare_s < 0:
            return None
        try:
            return await self._place(call, min(spare_s, self._longest_wait_s), ring_until, leg)
        except LineError:
            return None

    def _cut_off(self, leg: RoutedLeg) -> Ended:
        kind = EndKind.LOCAL_HANGUP if leg.answered else EndKind.CANCELLED
        return Ended(self._clock(), kind, None, "trunk closed")

    def _all_busy(self, call: _Call) -> LineBusy:
        return LineBusy(
            f"no channel and start was free on {', '.join(sorted(call.untried))} "
            f"within {self._longest_wait_s:g} s. Raise channels or calls_per_second if the carrier "
            "allows it, or call fewer at once"
        )


def _reason(ended: Ended) -> str:
    return ended.text or str(ended.status or ended.kind.value)


def _last_word(ended: Ended, trunk: str, call: _Call) -> Ended:
    """The end as the group tells it: which trunk it came from, and which others failed the call before."""
    before = [
        f"{name} ({reason[:_LONGEST_REASON]})"
        for name, reason in call.in_vain
        if name != trunk or reason != _reason(ended)
    ]
    notes = [ended.note, f"tried in vain: {', '.join(before)}" if before else ""]
    return replace(ended, trunk=trunk, note="; ".join(filter(None, notes)))
