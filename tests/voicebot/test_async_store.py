"""The writer thread: work handed over is done and known, whatever becomes of the caller."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.virtual_time import VIRTUAL_EPOCH as NOW
from tests.voicebot.campaigns import make_campaign, make_contact, make_records
from voicebot.records.async_store import AsyncRecords
from voicebot.records.store import Records
from voicebot.records.tables import Call


@pytest.fixture
def let_go(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Until it is set, journalling takes its time."""
    go = threading.Event()
    journal_call = Records.journal_call

    def slowly(self: Records, call: Call) -> int:
        go.wait(10)
        return journal_call(self, call)

    monkeypatch.setattr(Records, "journal_call", slowly)
    yield go
    go.set()


@pytest.fixture
def slow(tmp_path: Path, let_go: threading.Event) -> Iterator[AsyncRecords]:
    records = AsyncRecords(make_records(tmp_path))
    yield records
    let_go.set()
    records.close()


async def test_results_and_errors_come_through(tmp_path: Path) -> None:
    async with AsyncRecords(make_records(tmp_path)) as records:
        campaign = make_campaign(records.records, [make_contact(1)])
        claimed = await records.run(Records.claim_due, campaign.id or 0, NOW, lease_s=60)
        assert [contact.number for contact in claimed] == [make_contact(1).number]
        with pytest.raises(LookupError):
            await records.run(Records.close_call, 99, None)  # type: ignore[arg-type]


async def test_the_event_loop_goes_on_meanwhile(slow: AsyncRecords, let_go: threading.Event) -> None:
    job = asyncio.create_task(slow.run(Records.journal_call, Call()))
    await asyncio.sleep(0.05)
    assert not job.done()
    let_go.set()
    assert await job == 1


async def test_a_cancelled_caller_gets_its_result_and_feels_the_cancellation_next(
    slow: AsyncRecords, let_go: threading.Event
) -> None:
    seen: list[object] = []

    async def caller() -> None:
        seen.append(await slow.run(Records.journal_call, Call()))
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    task = asyncio.create_task(caller())
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.sleep(0.05)
    assert not task.done()
    let_go.set()
    await asyncio.wait([task], timeout=5)
    assert seen == [1, "cancelled"]
    assert task.cancelled()


async def test_a_timeout_around_it_is_still_a_timeout(slow: AsyncRecords, let_go: threading.Event) -> None:
    asyncio.get_running_loop().call_later(0.1, let_go.set)

    async def work() -> None:
        async with asyncio.timeout(0.02):
            assert await slow.run(Records.journal_call, Call()) == 1
            await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        await work()


async def test_what_was_handed_over_is_done_before_the_thread_ends(tmp_path: Path) -> None:
    async with AsyncRecords(make_records(tmp_path)) as records:
        campaign = make_campaign(records.records, [make_contact(1)])
        job = asyncio.create_task(records.run(Records.start_run, campaign.id or 0, NOW))
        await asyncio.sleep(0)
    await job
    found = make_records(tmp_path).find_campaign("win-back")
    assert found is not None
    assert found.started_at == NOW
