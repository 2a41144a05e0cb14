"""A SIP worker that dies during a campaign: its call is closed in the records, and the next one is placed."""

import asyncio
import os
import signal
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlmodel import Session, col, select

from dialogs.policy import open_dialogue
from telephony.line import DialRequest
from telephony.sip.trunk import SipTrunk, SipTrunkConfig
from tests.system.sipp import called_party, free_udp_ports
from tests.virtual_time import VIRTUAL_EPOCH
from tests.voicebot.call.scripted_call import (
    SCRIPT,
    KnowsTheIntents,
    KnowsTheLines,
    LoudnessDetector,
    SteadyVoice,
)
from tests.voicebot.campaigns import make_campaign, make_contact, make_plan, make_records
from voicebot.call.engines import Engines
from voicebot.call.media.media_clock import MediaClock
from voicebot.call.result import CallResult
from voicebot.call.session import CallSession
from voicebot.call.watching import CallWatcher
from voicebot.campaign.dialler import Dialler
from voicebot.console.events import ignore
from voicebot.records.async_store import AsyncRecords
from voicebot.records.tables import Call, CampaignState, Contact
from voicebot.settings import Settings

TALK_S = 1.5


@dataclass
class PlacesRealCalls:
    """Satisfies `dialler.PlaceCall`; the worker of the first call is killed while it is up."""

    trunk: SipTrunk
    clock: MediaClock
    uri: str
    calls: int = 0
    results: list[CallResult] = field(default_factory=list)

    async def __call__(self, contact: Contact, call_id: int, attempt: int) -> CallResult:
        self.calls += 1
        async with asyncio.timeout(15):
            while not self.trunk.workers[0].free:  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.05)
        session = CallSession(
            line=self.trunk,
            clock=self.clock,
            engines=Engines(KnowsTheLines(()), KnowsTheIntents(), SteadyVoice()),
            script=SCRIPT,
            opening=open_dialogue(SCRIPT, {"first_name": "Sam"}),
            request=DialRequest(self.uri),
            settings=Settings(longest_call_s=TALK_S),
            watcher=CallWatcher(ignore, call_id),
            local_now=datetime.now,
        )
        if self.calls == 1:
            asyncio.get_running_loop().call_later(0.8, self._kill_the_worker)
        result = await session.run()
        self.results.append(result)
        return result

    def _kill_the_worker(self) -> None:
        pid = self.trunk.workers[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)


async def test_the_call_is_closed_and_its_channel_comes_back(tmp_path: Path) -> None:
    trunk = SipTrunk(SipTrunkConfig(local_port=free_udp_ports(), channels=1))
    clock = MediaClock(LoudnessDetector())
    async with (
        called_party("instant_answer", tmp_path, calls=2, echo=False) as peer,
        AsyncRecords(make_records(tmp_path)) as records,
    ):
        await trunk.start()
        ticking = asyncio.create_task(clock.run())
        try:
            place = PlacesRealCalls(trunk, clock, peer.uri)
            campaign = make_campaign(records.records, [make_contact(1), make_contact(2)])
            began = time.monotonic()

            def noon() -> datetime:
                return VIRTUAL_EPOCH + timedelta(seconds=time.monotonic() - began)

            dialler = Dialler(records, campaign, make_plan(max_calls_at_once=1), place, now=noon)
            end = await dialler.run()
        finally:
            ticking.cancel()
            await trunk.close()
        with Session(records.records.engine) as session:
            calls = list(session.exec(select(Call).order_by(col(Call.id))))
    assert end.state is CampaignState.COMPLETED
    assert [call.connected for call in calls] == ["system_error", "max_duration"]
    assert all(call.answered_at and call.ended_at for call in calls)
