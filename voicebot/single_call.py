"""One call to any SIP peer or over a bridge, outside of campaigns: for trying a script or a trunk."""

import asyncio
import re
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from rich.console import Console

from dialogs.policy import open_dialogue
from dialogs.problem import InputError, Problem
from dialogs.prompts import contact_sayings
from dialogs.script.load import load_script
from telephony.line import DialRequest
from voicebot.call.result import CallResult
from voicebot.call.session import CallSession
from voicebot.call.watching import CallWatcher
from voicebot.console.progress import CampaignProgress
from voicebot.console.steps import Steps
from voicebot.lines import ALL_TRUNKS, LineChoice, build_line
from voicebot.records.async_store import AsyncRecords
from voicebot.records.database import open_database
from voicebot.records.store import Records
from voicebot.service import check_ready, prepare_service
from voicebot.settings import Settings


async def place_single_call(
    to: str,
    script_file: Path,
    variables: Mapping[str, str],
    settings: Settings,
    choice: LineChoice = ALL_TRUNKS,
) -> CallResult:
    """Call `to` (a number or a SIP URI) with a script.

    Progress goes to standard error; the result is returned. Raises InputError for a number on the
    do-not-call list, or a trunk or bridge that there is not. An opt-out said in the call is kept.
    """
    script = load_script(script_file)
    known = {name: variable.example for name, variable in script.variables.items()} | dict(variables)
    await asyncio.to_thread(check_ready, settings, script, choice)
    records = Records(open_database(settings.database))
    numbers = numbers_of(to)
    now = datetime.now(UTC)
    if any(records.dial_facts(number, now).on_do_not_call_list for number in numbers):
        mend = "Call another number; an opt-out is final"
        raise InputError([Problem(to, 0, "this number is on the do-not-call list", mend)])
    console = Console(stderr=True)
    async with AsyncExitStack() as stack:
        with Steps(console) as steps:
            service = await stack.enter_async_context(
                prepare_service(settings, script, settings.recordings, steps, build_line(settings, choice))
            )
        keeper = await stack.enter_async_context(AsyncRecords(records))
        await service.speaker.prerender(contact_sayings(script, known))
        watcher = stack.enter_context(CampaignProgress(console, live=False))
        session = CallSession(
            line=service.line,
            clock=service.clock,
            engines=service.engines,
            script=script,
            opening=open_dialogue(script, known),
            request=DialRequest(to, ring_timeout_s=settings.ring_timeout_s),
            settings=settings,
            watcher=CallWatcher(watcher, 0),
            local_now=datetime.now,
            recordings=service.recordings,
            name=f"call-{datetime.now():%Y%m%d-%H%M%S}",
            journal=_Journal(keeper, numbers),
        )
        return await session.run()


@dataclass(frozen=True, slots=True)
class _Journal:
    """Keeps an opt-out at once; satisfies `journal.CallJournal`."""

    records: AsyncRecords
    numbers: tuple[str, ...]

    async def answered(self, leg_id: str, ringing_at: datetime | None, answered_at: datetime) -> None:
        """A single call has no row of its own."""

    async def opted_out(self) -> None:
        await self.records.run(Records.add_do_not_call, self.numbers, "opt_out")


def numbers_of(to: str) -> tuple[str, ...]:
    """All E.164 numbers that `to`, or the user part of a SIP URI, may mean: with "+", with 00 or 011 in
    front, or without any sign of the country. None for a name."""
    if re.fullmatch(r"\+?[\d\s().-]+", to):
        to = f"sip:{to}@"
    user, at, _ = to.partition(":")[2].partition("@")
    user = unquote(user.partition(";")[0]) if at else ""
    digits = re.sub(r"[\s().-]", "", user)
    if not re.fullmatch(r"\+?\d{5,18}", digits):
        return ()
    if digits.startswith("+"):
        return (digits,)
    bare = {digits, digits.removeprefix("00"), digits.removeprefix("011"), "1" + digits}
    return tuple(sorted(f"+{each}" for each in bare if not each.startswith("0")))
