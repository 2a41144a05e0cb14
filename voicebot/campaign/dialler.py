"""Keeps a campaign's calls in the air: claims who is due, asks the gate, places calls, retries."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from voicebot.call.result import CallResult
from voicebot.campaign import retry
from voicebot.campaign.compliance import CampaignFacts, ContactFacts, decide
from voicebot.campaign.plan import CampaignPlan
from voicebot.campaign.rules import Rulebook, house_rules
from voicebot.console.events import (
    CallDialled,
    CallEnded,
    CampaignEnded,
    CampaignStarted,
    ContactRefused,
    DiallingStopped,
    Watcher,
    contact_label,
    ignore,
)
from voicebot.records.async_store import AsyncRecords
from voicebot.records.store import ClaimLostError, Records
from voicebot.records.tables import Call, Campaign, CampaignState, Contact, utc_now

logger = logging.getLogger(__name__)

CLAIM_LEASE_S = 60.0
"""From claim to journal row; a call in the air keeps its contact by itself."""
LONGEST_NAP_S = 60.0
"""The wall clock can be set while we wait for it."""
PAUSE_AFTER_FAULT_S = 60.0
FAULTS_IN_A_ROW = 5
"""So many failed calls without another in between mean that the line is broken, not the people."""
_WHAT_TO_CHECK = {
    "sip_error": "Check the line to {dial}",
    "system_error": "Check the engines (voicebot doctor) and the log",
}
FAULTS = frozenset(_WHAT_TO_CHECK)


class PlaceCall(Protocol):
    """Dials one contact and holds the conversation.

    When cancelled it hangs up (within a few seconds) and preferably returns what it has; it may
    also let the cancellation through. It calls `Records.note_answer` when the call is answered."""

    async def __call__(self, contact: Contact, call_id: int, attempt: int) -> CallResult:
        """Give the result when the call is over."""


@dataclass(frozen=True, slots=True)
class CampaignEnd:
    """How a run of a campaign ended."""

    state: CampaignState
    """completed; ready when someone is due later; interrupted when it was stopped."""
    stopped: str
    """Why dialling stopped early, for a person to read; empty when it ran to its end."""
    calls: int
    pending: int
    """Contacts that are still to be called, by a later run."""
    next_due_at: datetime | None
    wall_time_s: float


class Dialler:
    """One run of one campaign. Everything that decides is asked with the time of `now`."""

    def __init__(
        self,
        records: AsyncRecords,
        campaign: Campaign,
        plan: CampaignPlan,
        place_call: PlaceCall,
        *,
        models: Mapping[str, str] | None = None,
        watcher: Watcher = ignore,
        rules: Rulebook | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """`models` (engine kind to name) is noted in the row of each call."""
        assert campaign.id is not None
        self._records = records
        self._campaign = campaign
        self._campaign_id = campaign.id
        self._plan = plan
        self._place_call = place_call
        self._models = dict(models or {})
        self._watcher = watcher
        self._rules = rules or house_rules()
        self._now = now
        self._in_air = 0
        self._calls = 0
        self._call_ended = asyncio.Event()
        self._next_start = 0.0
        self._faults = 0
        self._stopped = ""

    async def run(self) -> CampaignEnd:
        """Dial until nobody is due soon. A cancelled run ends its live calls, closes their records
        and raises CancelledError; the next run goes on where it stopped.

        Raises InputError when another process runs a campaign on these records."""
        clock = asyncio.get_running_loop().time
        with self._records.records.running(self._campaign):
            began = clock()
            await self._recover()
            await self._records.run(Records.start_run, self._campaign_id, self._now())
            to_call, _ = await self._records.run(Records.pending, self._campaign_id)
            self._watcher(CampaignStarted(self._campaign.name, to_call, monotonic()))
            finished = False
            try:
                async with asyncio.TaskGroup() as calls:
                    await self._dial(calls)
                finished = not self._stopped
            finally:
                end = await self._end(finished, clock() - began)
        return end

    async def _recover(self) -> None:
        recovery = await self._records.run(Records.recover, self._campaign_id, self._retry_at, self._now())
        if recovery.closed or recovery.replayed:
            logger.warning("an earlier run left calls open: %s", recovery)

    async def _end(self, finished: bool, wall_time_s: float) -> CampaignEnd:
        state, pending, next_due_at = CampaignState.INTERRUPTED, 0, None
        try:
            await self._recover()  # gives back what was claimed and not dialled
            pending, next_due_at = await self._records.run(Records.pending, self._campaign_id)
            if finished:
                state = CampaignState.READY if pending else CampaignState.COMPLETED
            await self._records.run(Records.end_run, self._campaign_id, state, self._now(), wall_time_s)
        except SQLAlchemyError as error:
            logger.error("the end of the campaign's run could not be recorded: %s", type(error).__name__)
            self._stop("the database failed")
        self._watcher(CampaignEnded(state, monotonic()))
        return CampaignEnd(state, self._stopped, self._calls, pending, next_due_at, wall_time_s)

    async def _dial(self, calls: asyncio.TaskGroup) -> None:
        while not self._stopped:
            if self._in_air >= self._plan.max_calls_at_once:
                await self._until_a_call_ends()
                continue
            await asyncio.sleep(self._next_start - asyncio.get_running_loop().time())
            try:
                claimed = await self._records.run(
                    Records.claim_due, self._campaign_id, self._now(), CLAIM_LEASE_S
                )
                if not claimed:
                    if await self._nobody_is_due_soon():
                        return
                elif await self._allowed(claimed[0]):
                    self._in_air += 1
                    self._next_start = asyncio.get_running_loop().time() + 1 / self._plan.calls_per_second
                    calls.create_task(self._call(claimed[0]))
            except ClaimLostError as error:
                logger.warning("%s", error)
            except SQLAlchemyError as error:
                self._stop(f"the database failed ({type(error).__name__}): nobody new is called")

    async def _nobody_is_due_soon(self) -> bool:
        """Wait until somebody may be due; True when there is nothing to wait for."""
        _, due_at = await self._records.run(Records.pending, self._campaign_id)
        wait_s = (due_at - self._now()).total_seconds() if due_at is not None else None
        if wait_s is None or wait_s > self._plan.wait_for_due_s:
            if self._in_air == 0:
                return True
            wait_s = None
        await self._until_a_call_ends(wait_s)
        return False

    async def _until_a_call_ends(self, at_most_s: float | None = None) -> None:
        nap_s = LONGEST_NAP_S if at_most_s is None else min(at_most_s, LONGEST_NAP_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(nap_s):
                await self._call_ended.wait()
        self._call_ended.clear()

    async def _allowed(self, contact: Contact) -> bool:
        now = self._now()
        since = now - timedelta(hours=self._rules.longest_memory_h)
        known = await self._records.run(Records.dial_facts, contact.number, since)
        person = ContactFacts(
            contact.number,
            contact.region,
            contact.time_zone,
            contact.consent,
            known.on_do_not_call_list,
            known.dialled_at,
        )
        plan = self._plan
        facts = CampaignFacts(not self._stopped, plan.purpose, plan.caller, plan.calling_window)
        verdict = await asyncio.to_thread(decide, person, facts, self._rules, now)
        if verdict.allowed:
            return True
        due_at = verdict.next_legal
        await self._records.run(
            Records.refuse,
            contact,
            reason=verdict.reason,
            rule=verdict.rule,
            inputs=verdict.inputs,
            now=now,
            due_at=due_at,
        )
        label = contact_label(contact.name, contact.number)
        self._watcher(ContactRefused(label, verdict.reason, monotonic(), final=due_at is None))
        return False

    async def _call(self, contact: Contact) -> None:
        """One call, from its journal row to its closed record."""
        task = asyncio.current_task()
        assert task is not None
        call = Call(
            script_id=self._campaign.script_id,
            script_version=self._campaign.script_version,
            models=self._models,
            dialled_at=self._now(),
        )
        try:
            call_id = await self._records.run(Records.journal_call, call, contact)
            if task.cancelling():  # while the row was written: nobody was rung, nobody is told
                result = CallResult(dialled=False, ended_at=self._now(), not_connected="cancelled")
                await self._records.run(Records.close_call, call_id, result, retry_at=self._now())
                return
            result, retry_at = await self._converse(contact, call_id, call.attempt)
            await self._records.run(Records.close_call, call_id, result, retry_at=retry_at, now=self._now())
        except ClaimLostError as error:
            logger.warning("%s", error)
        except (SQLAlchemyError, OSError) as error:
            self._stop(f"a call could not be recorded ({type(error).__name__}): nobody new is called")
        else:
            ended = result.outcome or result.connected or result.not_connected
            self._watcher(CallEnded(call_id, ended, monotonic(), retry=retry_at is not None))
        finally:
            self._in_air -= 1
            self._call_ended.set()

    async def _converse(
        self, contact: Contact, call_id: int, attempt: int
    ) -> tuple[CallResult, datetime | None]:
        task = asyncio.current_task()
        assert task is not None
        self._calls += 1
        label = contact_label(contact.name, contact.number)
        self._watcher(CallDialled(call_id, label, monotonic(), attempt))
        try:
            result = await self._place_call(contact, call_id, attempt)
        except asyncio.CancelledError:
            result = await self._without_result(call_id, "cancelled")
        except Exception:
            logger.exception("call %d failed", call_id)
            result = await self._without_result(call_id, "sip_error")
        if not task.cancelling():
            self._note_fault(retry.kind_of(result))
        if not result.dialled:  # nobody was rung: at once after a stop, later after a fault
            pause_s = 0.0 if task.cancelling() else PAUSE_AFTER_FAULT_S
            return result, self._now() + timedelta(seconds=pause_s)
        return result, self._retry_at(result, attempt)

    async def _without_result(self, call_id: int, unless_answered: str) -> CallResult:
        call = await self._records.run(Records.find_call, call_id)
        if call is not None and call.answered_at is not None:
            return CallResult(ended_at=self._now(), connected="system_error")
        return CallResult(ended_at=self._now(), not_connected=unless_answered)

    def _retry_at(self, result: CallResult, attempts: int) -> datetime | None:
        following = retry.after(result, attempts, self._plan.retry, self._now())
        return following.at if isinstance(following, retry.Retry) else None

    def _note_fault(self, kind: str) -> None:
        self._faults = self._faults + 1 if kind in FAULTS else 0
        if self._faults >= FAULTS_IN_A_ROW:
            self._stop(
                f"{self._faults} calls in a row ended with {kind}: nobody new is called. "
                f"{_WHAT_TO_CHECK[kind].format(dial=self._plan.dial)}, then run the campaign again"
            )

    def _stop(self, reason: str) -> None:
        if not self._stopped:
            self._stopped = reason
            logger.error("%s", reason)
            self._watcher(DiallingStopped(reason, monotonic()))
