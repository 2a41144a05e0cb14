"""One call to any SIP peer, outside of campaigns: for trying a script or a trunk."""

import asyncio
import re
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

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
from voicebot.records.database import open_database
from voicebot.records.store import Records
from voicebot.service import check_ready, prepare_service
from voicebot.settings import Settings


async def place_single_call(
    to: str, script_file: Path, variables: Mapping[str, str], settings: Settings
) -> CallResult:
    """Call `to` (a SIP URI) with a script. Progress goes to standard error; the result is returned.

    Raises InputError for a number on the do-not-call list. An opt-out said in the call is kept.
    """
    script = load_script(script_file)
    known = {name: variable.example for name, variable in script.variables.items()} | dict(variables)
    await asyncio.to_thread(check_ready, settings, script)
    records = Records(open_database(settings.database))
    number = _number(to)
    if number and records.dial_facts(number, datetime.now(UTC)).on_do_not_call_list:
        mend = "Call another number; an opt-out is final"
        raise InputError([Problem(to, 0, "this number is on the do-not-call list", mend)])
    console = Console(stderr=True)
    async with AsyncExitStack() as stack:
        with Steps(console) as steps:
            service = await stack.enter_async_context(
                prepare_service(settings, script, settings.recordings, steps)
            )
        await service.speaker.prerender(contact_sayings(script, known))
        watcher = stack.enter_context(CampaignProgress(console, live=False))
        session = CallSession(
            line=service.line,
            clock=service.clock,
            engines=service.engines,
            script=script,
            opening=open_dialogue(script, known),
            request=DialRequest(to, ring_timeout_s=settings.trunk.ring_timeout_s),
            settings=settings,
            watcher=CallWatcher(watcher, 0),
            local_now=datetime.now,
            recordings=service.recordings,
            name=f"call-{datetime.now():%Y%m%d-%H%M%S}",
        )
        result = await session.run()
    if number and result.opted_out:
        records.add_do_not_call([number], "opt_out")
    return result


def _number(to: str) -> str:
    """The E.164 number in a SIP URI, if its user part is one."""
    found = re.match(r"sips?:(\+[1-9]\d{4,14})@", to)
    return found[1] if found else ""
