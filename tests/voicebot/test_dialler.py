"""A whole campaign under virtual time: pace, retries, refusals, faults, interruption, resumption."""

import asyncio
import sqlite3
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, col, select

from tests.virtual_time import VIRTUAL_EPOCH, virtual_now
from tests.voicebot.campaigns import make_campaign, make_contact, make_plan, make_records, number
from voicebot.call.result import CallResult
from voicebot.campaign.dialler import CampaignEnd, Dialler
from voicebot.campaign.plan import CampaignPlan
from voicebot.console.events import (
    CallDialled,
    CallEnded,
    CampaignEnded,
    CampaignEvent,
    CampaignStarted,
    ContactRefused,
    DiallingStopped,
)
from voicebot.records.async_store import AsyncRecords
from voicebot.records.store import Records
from voicebot.records.tables import Call, CampaignState, Contact, ContactState, Refusal

pytestmark = pytest.mark.virtual_time

FINISHED = CallResult(connected="finished", outcome="interested")
NO_ANSWER = CallResult(not_connected="no_answer", sip_status=480)
RETRY_ONCE = {"no_answer": {"after_s": 600, "attempts": 2}}

Answer = Callable[[Contact, int], CallResult]


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[AsyncRecords]:
    async with AsyncRecords(make_records(tmp_path)) as records:
        yield records


class People:
    """Who is called: rings for a while, talks for a while, and remembers."""

    def __init__(self, records: AsyncRecords, answer: Answer | None = None, talk_s: float = 30) -> None:
        self.records = records
        self.answer = answer or (lambda contact, attempt: FINISHED)
        self.talk_s = talk_s
        self.rung: Counter[str] = Counter()
        self.rung_at: list[float] = []
        self.in_air = 0
        self.most_in_air = 0
        self.events: list[CampaignEvent] = []

    async def __call__(self, contact: Contact, call_id: int, attempt: int) -> CallResult:
        assert (await self.records.run(Records.find_call, call_id)) is not None, "journalled before"
        self.rung[contact.number] += 1
        self.rung_at.append(asyncio.get_running_loop().time())
        self.in_air += 1
        self.most_in_air = max(self.most_in_air, self.in_air)
        try:
            await asyncio.sleep(self.talk_s)
        finally:
            self.in_air -= 1
        return self.answer(contact, attempt)

    def dialler(self, plan: CampaignPlan, people: int = 8, **contact: Any) -> Dialler:
        contacts = [make_contact(person, **contact) for person in range(1, people + 1)]
        campaign = make_campaign(self.records.records, contacts)
        return Dialler(self.records, campaign, plan, self, now=virtual_now, watcher=self.events.append)

    def calls(self) -> list[Call]:
        with Session(self.records.records.engine) as session:
            return list(session.exec(select(Call).order_by(col(Call.id))))

    def contacts(self) -> list[Contact]:
        with Session(self.records.records.engine) as session:
            return list(session.exec(select(Contact).order_by(col(Contact.id))))

    def refusals(self) -> list[Refusal]:
        with Session(self.records.records.engine) as session:
            return list(session.exec(select(Refusal)))


def assert_each_closed_once(people: People, end: CampaignEnd) -> None:
    calls = people.calls()
    assert end.calls == len(calls) == people.rung.total()
    assert all(call.ended_at for call in calls)
    assert all(bool(call.connected) != bool(call.not_connected) for call in calls)


async def test_everyone_is_called_once_and_never_too_many_at_a_time(records: AsyncRecords) -> None:
    people = People(records)
    end = await people.dialler(make_plan(max_calls_at_once=3), people=10).run()
    assert (end.state, end.stopped, end.pending) == (CampaignState.COMPLETED, "", 0)
    assert people.rung == Counter({number(person): 1 for person in range(1, 11)})
    assert people.most_in_air == 3
    assert_each_closed_once(people, end)
    assert end.wall_time_s == pytest.approx(4 * 30, abs=2)
    assert [contact.outcome for contact in people.contacts()] == ["interested"] * 10
    dialled = [event.call_id for event in people.events if isinstance(event, CallDialled)]
    ended = [event.call_id for event in people.events if isinstance(event, CallEnded)]
    assert sorted(dialled) == sorted(ended)
    assert isinstance(people.events[0], CampaignStarted)
    assert isinstance(people.events[-1], CampaignEnded)
    campaign = records.records.find_campaign("win-back")
    assert campaign is not None
    assert (campaign.state, campaign.wall_time_s) == (CampaignState.COMPLETED, end.wall_time_s)
    assert (campaign.started_at, campaign.ended_at) == (VIRTUAL_EPOCH, virtual_now())


async def test_calls_start_at_the_given_rate(records: AsyncRecords) -> None:
    people = People(records)
    await people.dialler(make_plan(max_calls_at_once=100, calls_per_second=0.5), people=6).run()
    gaps = [later - before for before, later in zip(people.rung_at, people.rung_at[1:], strict=False)]
    assert gaps == pytest.approx([2.0] * 5)


async def test_no_answer_is_retried_once_after_its_pause(records: AsyncRecords) -> None:
    people = People(records, lambda contact, attempt: NO_ANSWER if contact.number == number(1) else FINISHED)
    end = await people.dialler(make_plan(retry=RETRY_ONCE), people=3).run()
    assert end.state is CampaignState.COMPLETED
    assert people.rung == {number(1): 2, number(2): 1, number(3): 1}
    first, second = (call for call in people.calls() if call.to.startswith(f"sip:{number(1)}"))
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.ended_at is not None
    assert (second.dialled_at - first.ended_at).total_seconds() == pytest.approx(600, abs=1)
    assert people.contacts()[0].outcome == "no_answer"
    assert_each_closed_once(people, end)


async def test_a_retry_after_the_horizon_is_left_to_a_later_run(records: AsyncRecords) -> None:
    people = People(records, lambda contact, attempt: NO_ANSWER if attempt == 1 else FINISHED)
    plan = make_plan(retry=RETRY_ONCE, wait_for_due_s=60)
    end = await people.dialler(plan, people=1).run()
    assert (end.state, end.stopped, end.pending, end.calls) == (CampaignState.READY, "", 1, 1)
    assert end.next_due_at is not None
    await asyncio.sleep(600)
    end = await people.dialler(plan, people=1).run()
    assert (end.state, end.pending) == (CampaignState.COMPLETED, 0)
    assert people.rung[number(1)] == 2


async def test_the_gate_refuses_for_good_or_for_now(records: AsyncRecords) -> None:
    people = People(records)
    contacts = [
        make_contact(1),
        make_contact(2),
        make_contact(3, consent=""),
        make_contact(4, time_zone="Asia/Tokyo"),
    ]
    campaign = make_campaign(records.records, contacts, [number(2)])
    end = await Dialler(
        records, campaign, make_plan(), people, now=virtual_now, watcher=people.events.append
    ).run()
    assert people.rung == {number(1): 1}
    assert {(row.contact_id, row.reason) for row in people.refusals()} == {
        (2, "blocklist"),
        (3, "no_consent"),
        (4, "window_closed"),
    }
    states = [(contact.state, contact.outcome) for contact in people.contacts()]
    assert states == [
        (ContactState.DONE, "interested"),
        (ContactState.DONE, "blocklist"),
        (ContactState.DONE, "no_consent"),
        (ContactState.PENDING, ""),
    ]
    eight_in_tokyo = datetime(2026, 3, 2, 23, 0, tzinfo=UTC)
    assert (end.state, end.pending, end.next_due_at) == (CampaignState.READY, 1, eight_in_tokyo)
    refused = [event for event in people.events if isinstance(event, ContactRefused)]
    assert [event.final for event in refused] == [True, True, False]


async def test_an_opt_out_in_the_campaign_forbids_the_number_everywhere(records: AsyncRecords) -> None:
    opted_out = CallResult(connected="opt_out", opted_out=True)
    people = People(records, lambda contact, attempt: opted_out)
    await people.dialler(make_plan(), people=1).run()
    assert (await records.run(Records.dial_facts, number(1), VIRTUAL_EPOCH)).on_do_not_call_list


async def test_a_call_that_raises_does_not_end_the_campaign(records: AsyncRecords) -> None:
    def answer(contact: Contact, attempt: int) -> CallResult:
        if contact.number == number(2):
            raise RuntimeError("a bug in the conversation")
        return FINISHED

    people = People(records, answer)
    end = await people.dialler(make_plan(max_calls_at_once=2), people=4).run()
    assert end.state is CampaignState.COMPLETED
    assert [contact.outcome for contact in people.contacts()] == [
        "interested",
        "sip_error",
        *["interested"] * 2,
    ]
    assert_each_closed_once(people, end)


async def test_a_call_that_raises_after_the_answer_is_a_system_error(records: AsyncRecords) -> None:
    async def place_call(contact: Contact, call_id: int, attempt: int) -> CallResult:
        await records.run(Records.note_answer, call_id, "leg", None, virtual_now())
        raise RuntimeError("a bug in the conversation")

    people = People(records)
    campaign = make_campaign(records.records, [make_contact(1)])
    await Dialler(records, campaign, make_plan(), place_call, now=virtual_now).run()
    (call,) = people.calls()
    assert (call.connected, call.not_connected, call.leg_id) == ("system_error", "", "leg")


async def test_a_broken_line_stops_the_dialling(records: AsyncRecords) -> None:
    people = People(records, lambda contact, attempt: CallResult(not_connected="sip_error"), talk_s=1)
    plan = make_plan(max_calls_at_once=2, retry={"sip_error": {"after_s": 3000, "attempts": 3}})
    end = await people.dialler(plan, people=20).run()
    assert end.state is CampaignState.INTERRUPTED
    assert "5 calls in a row ended with sip_error" in end.stopped
    assert end.calls <= 6
    assert end.pending == 20
    assert len([event for event in people.events if isinstance(event, DiallingStopped)]) == 1
    assert_each_closed_once(people, end)


async def test_faults_among_good_calls_do_not_stop_the_dialling(records: AsyncRecords) -> None:
    people = People(
        records,
        lambda contact, attempt: (
            FINISHED if int(contact.number[-1]) % 4 == 0 else CallResult(not_connected="sip_error")
        ),
    )
    end = await people.dialler(make_plan(max_calls_at_once=1), people=16).run()
    assert (end.state, end.calls) == (CampaignState.COMPLETED, 16)


async def test_interruption_closes_every_record_and_resumption_rings_nobody_twice(
    records: AsyncRecords,
) -> None:
    people = People(records)
    plan = make_plan(max_calls_at_once=3)
    run = asyncio.create_task(people.dialler(plan, people=9).run())
    await asyncio.sleep(45)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert people.in_air == 0
    calls = people.calls()
    assert len(calls) == 6
    assert Counter(call.not_connected or call.connected for call in calls) == {"finished": 3, "cancelled": 3}
    assert all(call.ended_at for call in calls)
    campaign = records.records.find_campaign("win-back")
    assert campaign is not None
    assert campaign.state is CampaignState.INTERRUPTED
    states = Counter(contact.state for contact in people.contacts())
    assert states == {ContactState.DONE: 6, ContactState.PENDING: 3}

    end = await people.dialler(plan, people=9).run()
    assert (end.state, end.calls) == (CampaignState.COMPLETED, 3)
    assert people.rung == Counter({number(person): 1 for person in range(1, 10)})


async def test_a_cancelled_call_may_hand_over_what_it_has(records: AsyncRecords) -> None:
    async def place_call(contact: Contact, call_id: int, attempt: int) -> CallResult:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            await asyncio.sleep(0.2)  # BYE and its answer
            return CallResult(connected="system_error", slots={"name": "Ann"})
        raise AssertionError

    people = People(records)
    campaign = make_campaign(records.records, [make_contact(1)])
    run = asyncio.create_task(Dialler(records, campaign, make_plan(), place_call, now=virtual_now).run())
    await asyncio.sleep(10)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    (call,) = people.calls()
    assert (call.connected, call.slots) == ("system_error", {"name": "Ann"})


@pytest.mark.parametrize("turns", range(1, 60, 3))
async def test_cancelled_at_any_moment_nothing_stays_open_and_nobody_is_lost(
    records: AsyncRecords, turns: int
) -> None:
    """Cancels after a number of turns of the event loop, so also while a row is being written."""
    people = People(records, talk_s=0.001)
    plan = make_plan(max_calls_at_once=2, calls_per_second=1000)
    run = asyncio.create_task(people.dialler(plan, people=4).run())
    for _ in range(turns):
        await asyncio.sleep(0)
        await asyncio.to_thread(int)
    run.cancel()
    await asyncio.wait([run])
    assert run.cancelled()
    assert all(call.ended_at for call in people.calls())
    states = {contact.number: contact.state for contact in people.contacts()}
    assert ContactState.CLAIMED not in states.values()
    assert {number for number, state in states.items() if state is ContactState.DONE} == set(people.rung)
    await people.dialler(plan, people=4).run()
    assert people.rung == Counter({number(person): 1 for person in range(1, 5)})


async def test_a_call_cancelled_while_it_is_journalled_is_not_dialled(
    records: AsyncRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    people = People(records)
    journal_call = Records.journal_call

    def journal_and_be_interrupted(self: Records, call: Call, contact: Contact | None = None) -> int:
        call_id = journal_call(self, call, contact)
        loop.call_soon_threadsafe(run.cancel)
        felt = threading.Event()
        loop.call_soon_threadsafe(felt.set)
        felt.wait(10)
        return call_id

    monkeypatch.setattr(Records, "journal_call", journal_and_be_interrupted)
    run = asyncio.create_task(people.dialler(make_plan(), people=1).run())
    await asyncio.wait([run])
    assert run.cancelled()
    assert people.rung == Counter()
    assert not any(isinstance(event, CallDialled) for event in people.events)
    (call,) = people.calls()
    assert (call.not_connected, call.ended_at is not None) == ("cancelled", True)
    monkeypatch.undo()
    await people.dialler(make_plan(), people=1).run()
    assert people.rung == {number(1): 1}


async def test_a_failing_database_ends_the_dialling_but_not_the_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voicebot.records.database.BUSY_TIMEOUT_MS", 10)
    async with AsyncRecords(make_records(tmp_path)) as records:
        people = People(records)
        run = asyncio.create_task(people.dialler(make_plan(max_calls_at_once=2), people=6).run())
        await asyncio.sleep(15)
        other = sqlite3.connect(tmp_path / "records.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        end = await run
        other.close()
        assert people.rung == {number(1): 1, number(2): 1}
        assert (end.state, "database" in end.stopped) == (CampaignState.INTERRUPTED, True)
        assert len(list(records.records.spool.folder.iterdir())) == 2

        end = await people.dialler(make_plan(), people=6).run()
        assert end.state is CampaignState.COMPLETED
        assert people.rung == Counter({number(person): 1 for person in range(1, 7)})
        assert {call.outcome for call in people.calls()} == {"interested"}
