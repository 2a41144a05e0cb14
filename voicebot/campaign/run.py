"""One run of a campaign: from the campaign file to the report."""

import asyncio
import logging
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from dialogs.policy import open_dialogue
from dialogs.prompts import contact_sayings
from dialogs.script.format import Script
from dialogs.script.load import load_script, script_version
from dialogs.script.variables import required_variables
from models.engine import EngineError
from telephony.line import DialRequest, LineBusy, LineError
from voicebot.call.result import CallResult
from voicebot.call.session import CallSession
from voicebot.call.watching import CallWatcher
from voicebot.campaign.dialler import CampaignEnd, Dialler
from voicebot.campaign.opening import open_campaign
from voicebot.campaign.plan import CampaignPlan, load_plan
from voicebot.campaign.whereabouts import warm_up
from voicebot.console import events
from voicebot.console.progress import CampaignProgress
from voicebot.console.steps import Steps
from voicebot.lines import LineChoice, build_line, caller_id
from voicebot.records.async_store import AsyncRecords
from voicebot.records.database import open_database
from voicebot.records.store import Records
from voicebot.records.tables import Campaign, CampaignState, Contact
from voicebot.service import Service, check_ready, prepare_service
from voicebot.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CampaignRun:
    """What a run leaves: the records, and how it ended."""

    campaign: Campaign
    end: CampaignEnd
    recordings: Path

    @property
    def went_through(self) -> bool:
        """Everyone who may be called by now was called; some may be due another day."""
        return self.end.state is not CampaignState.INTERRUPTED


@dataclass(frozen=True, slots=True)
class CallPlacer:
    """Places the calls of one campaign; satisfies `dialler.PlaceCall`."""

    service: Service
    script: Script
    plan: CampaignPlan
    records: AsyncRecords
    watcher: events.Watcher

    async def __call__(self, contact: Contact, call_id: int, attempt: int) -> CallResult:
        """Render what is said to this contact, dial, converse. Cancelled, hang up and give what there is."""
        zone = contact.time_zone or self.plan.calling_window.time_zone or "UTC"
        session = CallSession(
            line=self.service.line,
            clock=self.service.clock,
            engines=self.service.engines,
            script=self.script,
            opening=open_dialogue(self.script, contact.variables),
            request=DialRequest(
                contact.address,
                {"X-Attempt": str(attempt)},
                self.plan.ring_timeout_s,
                caller_id(self.service.settings, line_choice(self.plan), self.plan.caller.number),
            ),
            settings=self.service.settings,
            watcher=CallWatcher(self.watcher, call_id),
            local_now=lambda: datetime.now(ZoneInfo(zone)),
            recordings=self.service.recordings,
            name=f"call-{call_id:06d}",
            journal=_Journal(self.records, call_id, contact.number),
        )
        try:
            await self.service.speaker.prerender(contact_sayings(self.script, contact.variables))
            return await session.run()
        except asyncio.CancelledError:
            return session.result()
        except LineBusy as error:
            logger.warning("call %d waits for a channel: %s", call_id, error)
            return CallResult(dialled=False, ended_at=datetime.now(UTC), not_connected="concurrency")
        except (EngineError, LineError) as error:
            # Nobody was rung: the contact stays due, and repeated faults stop the dialling.
            logger.error("call %d could not be placed: %s: %s", call_id, type(error).__name__, error)
            kind = "system_error" if isinstance(error, EngineError) else "sip_error"
            return CallResult(dialled=False, ended_at=datetime.now(UTC), not_connected=kind)


@dataclass(frozen=True, slots=True)
class _Journal:
    """Keeps one call's journal in the records; satisfies `journal.CallJournal`."""

    records: AsyncRecords
    call_id: int
    number: str

    async def answered(self, leg_id: str, ringing_at: datetime | None, answered_at: datetime) -> None:
        await self.records.run(Records.note_answer, self.call_id, leg_id, ringing_at, answered_at)

    async def opted_out(self) -> None:
        await self.records.run(Records.add_do_not_call, [self.number], "opt_out", self.call_id)


def line_choice(plan: CampaignPlan) -> LineChoice:
    """The way out that a campaign names."""
    return LineChoice(plan.trunk, plan.bridge)


async def run_campaign(
    plan_file: Path, settings: Settings, *, recordings: Path, console: Console
) -> CampaignRun:
    """Call everyone who may be called now. Run again, it resumes and rings nobody twice.

    Raises InputError, WeightsError, EngineDown or LineError before anyone is called. Cancelled, it
    ends live calls with BYE and keeps all records.
    """
    plan = load_plan(plan_file)
    script = load_script(plan.script)
    if not plan.survey:
        script = script.model_copy(update={"survey": None})
    caller_id(settings, line_choice(plan), plan.caller.number)  # refuses a number that is not ours
    await asyncio.to_thread(check_ready, settings, script, line_choice(plan))
    await asyncio.to_thread(warm_up)
    records = Records(open_database(settings.database))
    opened = await asyncio.to_thread(
        open_campaign,
        records,
        plan,
        script_id=script.id,
        script_version=script_version(plan.script),
        language=script.language,
        required_variables=required_variables(script),
    )
    async with AsyncRecords(records) as keeper, AsyncExitStack() as stack:
        with Steps(console) as steps:
            line = build_line(settings, line_choice(plan))
            service = await stack.enter_async_context(
                prepare_service(settings, script, recordings, steps, line)
            )
        with CampaignProgress(console) as watcher:
            end = await _dial(opened.campaign, plan, script, keeper, service, watcher)
    return CampaignRun(opened.campaign, end, recordings)


async def _dial(
    campaign: Campaign,
    plan: CampaignPlan,
    script: Script,
    records: AsyncRecords,
    service: Service,
    watcher: events.Watcher,
) -> CampaignEnd:
    assert campaign.id is not None
    placer = CallPlacer(service, script, plan, records, watcher)
    dialler = Dialler(records, campaign, plan, placer, models=service.engines.names, watcher=watcher)
    try:
        return await dialler.run()
    finally:
        late = service.clock.lateness
        with suppress(SQLAlchemyError):  # The dialler has said already that the database failed.
            await records.run(Records.note_tick_lateness, campaign.id, late.max_ms, late.percentile(0.99))
