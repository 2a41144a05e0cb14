"""`voicebot campaign run` is interrupted and killed in the middle of calls: nobody is rung twice for it."""

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import NoResultFound

from tests.system.processes import descendants, until_gone
from tests.system.small_campaign import (
    NAME,
    Kept,
    pick_personas,
    read_records,
    small_settings,
    write_small_campaign,
)
from voicebot.records.tables import CampaignState, ContactState
from voicebot.settings import Settings
from voicebot.simulation.crowd import people
from voicebot.simulation.log import CallEnd, CallEntry, read_log

FIRST = ("interested", "opts_out")
"""Called first, two at a time; they talk long enough to be interrupted."""
LATER = ("line_busy", "number_unassigned")
START_S = 30.0
END_S = 40.0
VOICEBOT = Path(sys.executable).with_name("voicebot")


@dataclass(frozen=True)
class Scene:
    """A campaign whose people can be called, and the environment of the command."""

    folder: Path
    settings: Settings
    numbers: Mapping[str, str]
    plan: Path
    log: Path

    @asynccontextmanager
    async def campaign_run(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """The command, as typed in a terminal."""
        with (self.folder / "console.txt").open("ab") as console:
            process = await asyncio.create_subprocess_exec(
                *(VOICEBOT, "campaign", "run", self.plan),
                cwd=self.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                env={
                    **os.environ,
                    "VOICEBOT_DATABASE": self.settings.database,
                    "VOICEBOT_WEIGHTS": str(self.settings.weights),
                    "VOICEBOT_TRUNKS__MAIN__LOCAL_PORT": str(self.settings.trunks["main"].local_port),
                },
            )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def two_are_talking(self, process: asyncio.subprocess.Process) -> None:
        """Wait until two calls were answered and the bot has begun to speak in both."""
        async with asyncio.timeout(START_S):
            while await asyncio.to_thread(self._talking) < 2:
                assert process.returncode is None, self.console()
                await asyncio.sleep(0.2)
        await asyncio.sleep(2)

    def _talking(self) -> int:
        if not (self.folder / "small.db").exists():
            return 0
        try:
            calls = read_records(self.settings).calls
        except NoResultFound:  # The tables are there, the campaign is not yet.
            return 0
        return sum(call.answered_at is not None and call.ended_at is None for call in calls)

    def console(self) -> str:
        return (self.folder / "console.txt").read_text()

    def entries(self) -> dict[str, list[CallEntry]]:
        """What the people of each number saw."""
        entries: dict[str, list[CallEntry]] = {number: [] for number in self.numbers.values()}
        for entry in read_log(self.log):
            entries[entry.number].append(entry)
        return entries


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    settings = small_settings(folder)
    numbers = pick_personas(folder / "personas", FIRST + LATER)
    log = folder / "people.jsonl"
    async with people(
        log=log, weights=settings.weights, cache=settings.cache, personas=folder / "personas"
    ) as crowd:
        order = [numbers[persona] for persona in FIRST + LATER]
        plan = write_small_campaign(folder, crowd.port, order, max_calls_at_once=2)
        yield Scene(folder, settings, numbers, plan, log)


async def resume(scene: Scene) -> Kept:
    """The second run of the command: it must go through. Gives what the records hold then."""
    async with scene.campaign_run() as process, asyncio.timeout(END_S):
        assert await process.wait() == 0, scene.console()
    return read_records(scene.settings)


def assert_nobody_was_rung_twice(scene: Scene, kept: Kept) -> None:
    rung = {number: len(entries) for number, entries in scene.entries().items()}
    assert rung == dict.fromkeys(scene.numbers.values(), 1)
    attempts = Counter(call.contact_id for call in kept.calls)
    assert set(attempts.values()) == {1}
    assert len(attempts) == len(scene.numbers)
    assert all(contact.state is ContactState.DONE for contact in kept.contacts.values())
    assert kept.campaign.state is CampaignState.COMPLETED


async def test_ctrl_c_says_goodbye_keeps_the_records_and_can_be_resumed(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        async with here.campaign_run() as process:
            await here.two_are_talking(process)
            engines = list(descendants(process.pid))
            assert len(engines) >= 3
            process.send_signal(signal.SIGINT)
            began = time.monotonic()
            async with asyncio.timeout(15):
                assert await process.wait() == 130, here.console()
            assert time.monotonic() - began < 10
            await until_gone(engines, 2)
        assert "Traceback" not in here.console()

        kept = read_records(here.settings)
        assert kept.campaign.state is CampaignState.INTERRUPTED
        assert len(kept.calls) == 2
        for call in kept.calls:
            assert call.ended_at
            assert call.connected == "system_error", "it was not the callee who hung up"
            assert kept.turns_of(call), "what was said until then is kept"
            assert (tmp_path / f"out/{NAME}/recordings" / call.recording).stat().st_size > 8000
        await asyncio.sleep(0.5)
        ends = [here.entries()[here.numbers[persona]][0].end for persona in FIRST]
        assert ends == [CallEnd.BOT_HUNG_UP] * 2, "both got a BYE"

        kept = await resume(here)
        assert_nobody_was_rung_twice(here, kept)
        outcomes = {kept.contacts[here.numbers[persona]].outcome for persona in LATER}
        assert outcomes == {"busy", "not_exist"}


async def test_a_killed_campaign_is_resumed_without_ringing_anyone_twice(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        async with here.campaign_run() as process:
            await here.two_are_talking(process)
            engines = list(descendants(process.pid))
            process.kill()
            await process.wait()
            await until_gone(engines, 5)
        left = read_records(here.settings)
        assert [call.ended_at for call in left.calls] == [None, None]
        assert left.campaign.state is CampaignState.RUNNING

        kept = await resume(here)
        cut = [kept.calls_of(here.numbers[persona])[0] for persona in FIRST]
        assert [call.connected for call in cut] == ["system_error"] * 2
        assert all(call.ended_at for call in kept.calls)
    assert_nobody_was_rung_twice(here, kept)


async def test_sigterm_is_taken_as_ctrl_c_before_the_first_call_too(tmp_path: Path) -> None:
    """While the engines load. Nothing listens at the address: no call may get so far."""
    settings = small_settings(tmp_path)
    plan = write_small_campaign(tmp_path, 9, ["+12125550101"])
    here = Scene(tmp_path, settings, {}, plan, tmp_path / "people.jsonl")
    async with here.campaign_run() as process:
        async with asyncio.timeout(START_S):
            while not (engines := list(descendants(process.pid))):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        process.terminate()
        async with asyncio.timeout(10):
            assert await process.wait() == 130, here.console()
        await until_gone(engines, 5)
    assert "Traceback" not in here.console()
    assert read_records(settings).calls == []
