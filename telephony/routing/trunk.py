"""One trunk of a group: how it is set up, what is known of it, and the channels that calls hold on it."""

import asyncio
import math
from dataclasses import dataclass, replace

from telephony.line import DialRequest, Leg, Line, LineError
from telephony.routing.caller_id import CallerIds
from telephony.routing.circuit_breaker import CircuitBreaker, CircuitState
from telephony.routing.failover import Outcome
from telephony.routing.health import HealthState, Probe, ProbeFault, RoundTrip, TrunkHealth
from telephony.routing.selection import Candidate
from telephony.routing.token_bucket import TokenBucket


@dataclass(frozen=True, slots=True)
class Member:
    """A line and what it may carry. Raises LineError naming the field and the mend."""

    name: str
    line: Line
    priority: int = 1
    """1 is tried first; equal ones share the calls."""
    channels: int = 60
    """Most calls at once."""
    calls_per_second: float = 10.0
    caller_ids: tuple[str, ...] = ()
    """Numbers to call as; if there are none, the line chooses."""
    probe: Probe | None = None
    """Asks the peer whether it is there; None never asks."""
    options_interval_s: float = 30.0

    def __post_init__(self) -> None:
        if self.channels < 1:
            raise LineError(f"trunk {self.name}: {self.channels} channels carry no call. Set 1 or more")
        if not 0 < self.calls_per_second < math.inf:
            raise LineError(f"trunk {self.name}: calls_per_second is no rate. Set more than 0")
        if not 0 <= self.options_interval_s < math.inf:
            raise LineError(f"trunk {self.name}: options_interval_s is no time. Set seconds, 0 for never")


@dataclass(frozen=True, slots=True)
class TrunkStatus:
    """A trunk at one moment, for people and reports."""

    name: str
    started: bool
    priority: int
    calls: int
    channels: int
    calls_per_second: float
    dialled: int
    """Calls given to it so far."""
    faults: int
    """Those that it failed."""
    circuit: CircuitState
    health: HealthState
    round_trip_ms: float | None
    """Of its latest answer to OPTIONS."""
    fault: str
    """Why it did not start, or why the latest OPTIONS was in vain; empty if all is well."""


class Trunk:
    """What the group knows of one member."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.name = member.name
        self.started = False
        self.start_fault = ""
        self.caller_ids = CallerIds(member.caller_ids)
        self.bucket = TokenBucket(member.calls_per_second)
        self.breaker = CircuitBreaker()
        self.health = TrunkHealth(member.options_interval_s if member.probe else 0.0)
        self.calls = self.dialled = self.faults = 0

    async def start(self) -> bool:
        """Start the line; if that cannot be, keep the reason. Raises nothing of the line's own."""
        try:
            await self.member.line.start()
        except LineError as error:
            self.start_fault = str(error)
            return False
        except asyncio.CancelledError:
            await self.member.line.close()
            raise
        self.started, self.start_fault = True, ""
        return True

    def candidate(self, now: float) -> Candidate:
        """What the choice of a trunk looks at."""
        state = self.breaker.state(now)
        return Candidate(
            self.name,
            self.member.priority,
            self.calls,
            self.member.channels,
            self.bucket.wait_s(now),
            down=self.health.state is HealthState.DOWN,
            circuit_open=not self.breaker.admits(now),
            half_open_in_s=self.breaker.half_open_in_s(now) if state is CircuitState.OPEN else math.inf,
        )

    def take(self, now: float) -> "Channel":
        """Take a free channel and a start of the rate; both were seen in `candidate` at the same time."""
        self.bucket.take(now)
        ticket = self.breaker.admit(now)
        self.calls += 1
        return Channel(self, self.breaker.admit_anyway() if ticket is None else ticket)

    def on_probe(self, now: float, result: RoundTrip | ProbeFault) -> None:
        """What came of asking the peer; the health has taken it already."""
        if isinstance(result, RoundTrip):
            self.breaker.ping_answered(now)

    def status(self, now: float) -> TrunkStatus:
        return TrunkStatus(
            name=self.name,
            started=self.started,
            priority=self.member.priority,
            calls=self.calls,
            channels=self.member.channels,
            calls_per_second=self.member.calls_per_second,
            dialled=self.dialled,
            faults=self.faults,
            circuit=self.breaker.state(now),
            health=self.health.state,
            round_trip_ms=self.health.last.ms if self.health.last else None,
            fault=self.start_fault or self.health.fault,
        )


class Channel:
    """One call's place on a trunk, from before it is dialled to its end."""

    def __init__(self, trunk: Trunk, ticket: int) -> None:
        self._trunk = trunk
        self._ticket = ticket
        self._held = True
        self._told = False

    @property
    def trunk_name(self) -> str:
        return self._trunk.name

    async def dial(self, request: DialRequest, ring_timeout_s: float) -> Leg:
        """Call over this trunk, as the nearest of its numbers. Raises LineError as the line does."""
        caller_id = self._trunk.caller_ids.choose(request.to, request.caller_id)
        self._trunk.dialled += 1
        return await self._trunk.member.line.dial(
            replace(request, caller_id=caller_id, ring_timeout_s=ring_timeout_s)
        )

    def tell(self, outcome: Outcome, now: float) -> None:
        """What the call showed of the trunk. The first report counts."""
        if self._told:
            return
        self._told = True
        breaker = self._trunk.breaker
        match outcome:
            case Outcome.WORKS:
                breaker.succeeded(self._ticket, now)
            case Outcome.FAULT:
                self._trunk.faults += 1
                breaker.failed(self._ticket, now)
            case Outcome.UNKNOWN:
                breaker.abandoned(self._ticket)

    def release(self) -> bool:
        """Give the channel back. True the first time, False if it was given back before."""
        held, self._held = self._held, False
        if held:
            self._trunk.calls -= 1
        return held
