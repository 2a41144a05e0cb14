"""A call is journalled before it is dialled and closed exactly once, whatever dies when."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, col, select

from dialogs.problem import InputError
from tests.virtual_time import VIRTUAL_EPOCH as NOW
from tests.voicebot.campaigns import make_campaign, make_contact, make_records, number
from voicebot.call.result import CallResult, Party, Speculation, TurnResult
from voicebot.records.call_closing import Closing
from voicebot.records.store import ClaimLostError, Records
from voicebot.records.tables import (
    Call,
    Campaign,
    Contact,
    ContactState,
    DoNotCall,
    Refusal,
    SurveyAnswer,
    Turn,
)

RESULT = CallResult(
    leg_id="abc@127.0.0.1",
    ringing_at=NOW,
    answered_at=NOW + timedelta(seconds=3),
    ended_at=NOW + timedelta(seconds=40),
    connected="opt_out",
    sip_status=200,
    party=Party.LIVE,
    outcome="refused",
    labels=frozenset({"opt_out", "complaint"}),
    slots={"reason": "too many calls"},
    survey={"satisfaction": 2},
    opted_out=True,
    barge_ins=1,
    media={"packets_sent": 100.0},
    speculation=Speculation(guesses=3, asked_ahead=1, decoded_s=2.12345),
    turns=(
        TurnResult("agent", text="Hello", planned_text="Hello there", interrupted=True),
        TurnResult("customer", text="Do not call me", intent="opt_out", confidence=0.98),
    ),
)


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return make_records(tmp_path)


def claim(records: Records, campaign: Campaign) -> Contact:
    assert campaign.id is not None
    return records.claim_due(campaign.id, NOW, lease_s=60)[0]


def dial(records: Records, campaign: Campaign) -> tuple[int, Contact]:
    contact = claim(records, campaign)
    return records.journal_call(Call(dialled_at=NOW), contact), contact


def stored_contact(records: Records, person: int = 1) -> Contact:
    with Session(records.engine) as session:
        return session.exec(select(Contact).where(Contact.number == number(person))).one()


def test_a_closing_writes_everything_in_one_go(records: Records) -> None:
    campaign = make_campaign(records, [make_contact(1)])
    call_id, _ = dial(records, campaign)
    assert records.close_call(call_id, RESULT) is Closing.WRITTEN
    with Session(records.engine) as session:
        call = session.exec(select(Call)).one()
        turns = session.exec(select(Turn).order_by(col(Turn.position))).all()
        survey = session.exec(select(SurveyAnswer)).one()
        forbidden = session.exec(select(DoNotCall)).one()
    assert (call.connected, call.outcome, call.party, call.sip_status) == ("opt_out", "refused", "live", 200)
    assert call.labels == ["complaint", "opt_out"]
    assert call.media["packets_sent"] == 100.0
    assert (call.media["guesses"], call.media["asked_ahead"], call.media["decoded_s"]) == (3, 1, 2.123)
    assert call.ended_at == NOW + timedelta(seconds=40)
    assert [(turn.position, turn.speaker, turn.text) for turn in turns] == [
        (0, "agent", "Hello"),
        (1, "customer", "Do not call me"),
    ]
    assert (survey.question, survey.score) == ("satisfaction", 2)
    assert (forbidden.number, forbidden.reason, forbidden.call_id) == (number(1), "opt_out", call_id)
    contact = stored_contact(records)
    assert (contact.state, contact.outcome, contact.attempts) == (ContactState.DONE, "refused", 1)
    assert contact.lease_until is None


def test_a_second_closing_changes_nothing(records: Records) -> None:
    campaign = make_campaign(records, [make_contact(1)])
    call_id, _ = dial(records, campaign)
    records.close_call(call_id, RESULT)
    again = CallResult(not_connected="busy")
    assert records.close_call(call_id, again, retry_at=NOW) is Closing.ALREADY_CLOSED
    with Session(records.engine) as session:
        assert session.exec(select(Call)).one().not_connected == ""
        assert len(session.exec(select(Turn)).all()) == 2
    assert stored_contact(records).state is ContactState.DONE


def test_half_a_closing_is_none(records: Records) -> None:
    """A fault in the last part of the transaction undoes the first; the spool has the whole."""
    campaign = make_campaign(records, [make_contact(1)])
    call_id, _ = dial(records, campaign)
    survey: dict[str, Any] = {"satisfaction": None}
    broken = CallResult(connected="finished", survey=survey, turns=RESULT.turns)
    assert records.close_call(call_id, broken) is Closing.SPOOLED
    with Session(records.engine) as session:
        assert session.exec(select(Turn)).all() == []
        assert session.exec(select(Call)).one().ended_at is None


def test_retry_makes_the_contact_due_again_but_an_opt_out_never(records: Records) -> None:
    campaign = make_campaign(records, [make_contact(1), make_contact(2)])
    later = NOW + timedelta(hours=1)
    call_id, _ = dial(records, campaign)
    records.close_call(call_id, CallResult(not_connected="no_answer"), retry_at=later)
    contact = stored_contact(records)
    assert (contact.state, contact.due_at, contact.outcome) == (ContactState.PENDING, later, "")
    call_id, _ = dial(records, campaign)
    records.close_call(call_id, RESULT, retry_at=later)
    assert stored_contact(records, 2).state is ContactState.DONE


def test_a_call_given_up_before_its_invite_is_kept_as_such(records: Records) -> None:
    campaign = make_campaign(records, [make_contact(1)])
    call_id, _ = dial(records, campaign)
    records.close_call(call_id, CallResult(dialled=False, not_connected="system_error"), retry_at=NOW)
    call = records.find_call(call_id)
    assert call is not None
    assert not call.dialled
    assert stored_contact(records).state is ContactState.PENDING


def test_a_contact_is_claimed_by_one_only_until_the_lease_is_over(records: Records) -> None:
    campaign = make_campaign(records, [make_contact(1)])
    assert campaign.id is not None
    contact = claim(records, campaign)
    assert records.claim_due(campaign.id, NOW + timedelta(seconds=59), 60) == []
    again = records.claim_due(campaign.id, NOW + timedelta(seconds=61), 60)
    assert [found.id for found in again] == [contact.id]
    with pytest.raises(ClaimLostError):
        records.journal_call(Call(), contact)
    records.journal_call(Call(), again[0])


def test_a_contact_in_a_call_is_not_claimed_even_after_its_lease(records: Records) -> None:
    campaign = make_campaign(records, [make_contact(1)])
    assert campaign.id is not None
    dial(records, campaign)
    assert records.claim_due(campaign.id, NOW + timedelta(days=1), 60) == []


def test_a_refusal_is_recorded_with_its_inputs(records: Records) -> None:
    campaign = make_campaign(records, [make_contact(1), make_contact(2)])
    tomorrow = NOW + timedelta(days=1)
    records.refuse(
        claim(records, campaign), reason="blocklist", rule="DO-NOT-CALL", inputs={}, now=NOW, due_at=None
    )
    records.refuse(
        claim(records, campaign),
        reason="window_closed",
        rule="US-HOURS",
        inputs={"zones": ["America/New_York"]},
        now=NOW,
        due_at=tomorrow,
    )
    assert (stored_contact(records).state, stored_contact(records).outcome) == (
        ContactState.DONE,
        "blocklist",
    )
    assert stored_contact(records, 2).due_at == tomorrow
    with Session(records.engine) as session:
        refusals = session.exec(select(Refusal)).all()
    assert [(row.reason, row.inputs) for row in refusals] == [
        ("blocklist", {}),
        ("window_closed", {"zones": ["America/New_York"]}),
    ]
    assert campaign.id is not None
    assert records.pending(campaign.id) == (1, tomorrow)


def test_resuming_adds_new_contacts_and_keeps_the_others(records: Records) -> None:
    campaign = make_campaign(records, [make_contact(1)])
    call_id, _ = dial(records, campaign)
    records.close_call(call_id, CallResult(connected="finished"))
    again = make_campaign(records, [make_contact(1), make_contact(2)], [number(3)])
    assert again.id == campaign.id
    assert stored_contact(records).state is ContactState.DONE
    assert stored_contact(records, 2).state is ContactState.PENDING
    assert records.dial_facts(number(3), NOW).on_do_not_call_list


def test_a_mended_contact_file_counts_for_those_still_to_be_called(records: Records) -> None:
    make_campaign(records, [make_contact(1, consent="written")])
    make_campaign(records, [make_contact(1, consent="", time_zone="America/Denver")])
    assert (stored_contact(records).consent, stored_contact(records).time_zone) == ("", "America/Denver")
    campaign = make_campaign(records, [])
    dial(records, campaign)
    make_campaign(records, [make_contact(1, consent="written")])
    assert stored_contact(records).consent == ""


def test_calls_of_all_campaigns_count_for_a_number(records: Records) -> None:
    for name in ("a", "b"):
        campaign, _ = records.open_campaign(
            Campaign(name=name, script_id="s", script_version="1"), [make_contact(1)]
        )
        dial(records, campaign)
    assert records.dial_facts(number(1), NOW - timedelta(hours=1)).dialled_at == (NOW, NOW)
    assert records.dial_facts(number(1), NOW).dialled_at == ()


def never(result: CallResult, attempts: int) -> None:
    return None


def test_a_database_that_fails_at_the_end_of_a_call_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voicebot.records.database.BUSY_TIMEOUT_MS", 10)
    records = make_records(tmp_path)
    campaign = make_campaign(records, [make_contact(1)])
    assert campaign.id is not None
    call_id, _ = dial(records, campaign)
    other = sqlite3.connect(tmp_path / "records.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert records.close_call(call_id, RESULT, now=NOW) is Closing.SPOOLED
    other.close()
    spooled = list(records.spool.folder.iterdir())
    assert [(path.name, path.stat().st_mode & 0o777) for path in spooled] == [(f"call-{call_id}.json", 0o600)]
    assert records.recover(campaign.id, never, NOW).replayed == 1
    assert list(records.spool.folder.iterdir()) == []
    with Session(records.engine) as session:
        assert len(session.exec(select(Turn)).all()) == 2
        assert session.exec(select(Call)).one().connected == "opt_out"
    assert records.dial_facts(number(1), NOW).on_do_not_call_list


def test_a_spool_file_that_cannot_be_read_is_set_aside(records: Records) -> None:
    records.spool.folder.mkdir()
    (records.spool.folder / "call-1.json").write_text("{")
    assert records.replay_spool() == 0
    assert [path.name for path in records.spool.folder.iterdir()] == ["call-1.rejected"]


@pytest.mark.parametrize(
    ("answered", "column", "value"),
    [
        (False, "not_connected", "cancelled"),
        (True, "connected", "system_error"),
    ],
)
def test_recovery_closes_what_a_killed_process_left(
    tmp_path: Path, answered: bool, column: str, value: str
) -> None:
    """The child journals one call, claims a second contact and is killed by SIGKILL."""
    child = subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(f"""
            import os, signal
            from pathlib import Path
            from tests.virtual_time import VIRTUAL_EPOCH as NOW
            from tests.voicebot.campaigns import *
            from voicebot.records.tables import Call
            records = make_records(Path({str(tmp_path)!r}))
            campaign = make_campaign(records, [make_contact(1), make_contact(2), make_contact(3)])
            with records.running(campaign):
                first, second = records.claim_due(campaign.id, NOW, 3600, limit=2)
                call_id = records.journal_call(Call(dialled_at=NOW), first)
                if {answered}:
                    records.note_answer(call_id, "leg", NOW, NOW)
                os.kill(os.getpid(), signal.SIGKILL)
        """),
        ],
        env={**os.environ, "PYTHONPATH": "."},
        timeout=60,
    )
    assert child.returncode == -signal.SIGKILL
    records = make_records(tmp_path)
    campaign = records.find_campaign("win-back")
    assert campaign is not None
    assert campaign.id is not None
    with records.running(campaign):
        recovery = records.recover(campaign.id, never, NOW)
        assert (recovery.closed, recovery.released) == (1, 1)
        assert records.recover(campaign.id, never, NOW).closed == 0
    with Session(records.engine) as session:
        call = session.exec(select(Call)).one()
    assert getattr(call, column) == value
    assert call.ended_at == NOW
    contact = stored_contact(records)
    assert (contact.state, contact.attempts, contact.outcome) == (ContactState.DONE, 1, value)
    due = [contact.number for contact in records.claim_due(campaign.id, NOW, 60, limit=9)]
    assert due == [number(2), number(3)]


def test_two_processes_cannot_run_campaigns_of_one_database(tmp_path: Path) -> None:
    records = make_records(tmp_path)
    campaign = make_campaign(records, [make_contact(1)])
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(f"""
            from pathlib import Path
            from voicebot.records.run_lock import run_lock
            with run_lock(Path({str(tmp_path / "records.db")!r}), "win-back"):
                print("held", flush=True)
                input()
        """),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "held\n"
        with pytest.raises(InputError, match="another process is running"), records.running(campaign):
            pass
    finally:
        child.kill()
        child.communicate()
    with records.running(campaign):
        pass
