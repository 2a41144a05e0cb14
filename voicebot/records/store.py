"""The one place that writes the records. Every method is one transaction."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, and_, exists, func, or_
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import sessionmaker
from sqlmodel import Session, col, select

from voicebot.call.result import CallResult
from voicebot.records.call_closing import Closing, close, forbid, lost_call
from voicebot.records.database import WRITES, database_file
from voicebot.records.run_lock import run_lock
from voicebot.records.spool import CallClosing, Spool
from voicebot.records.tables import (
    Call,
    Campaign,
    CampaignState,
    Contact,
    ContactState,
    DoNotCall,
    Refusal,
    utc_now,
)

logger = logging.getLogger(__name__)

RetryDecision = Callable[[CallResult, int], datetime | None]
"""Given how a call ended and how many calls the contact has had: when to call again, None for never."""


class ClaimLostError(Exception):
    """Someone else holds this contact by now: do not dial."""


@dataclass(frozen=True, slots=True)
class DialFacts:
    """What the records know about a number at the moment of dialling."""

    on_do_not_call_list: bool
    dialled_at: tuple[datetime, ...]
    """Recent calls to it, of all campaigns, oldest first."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a process that died had left."""

    replayed: int
    """Closings that had been spooled."""
    closed: int
    """Calls that were open."""
    released: int
    """Contacts that were claimed and not dialled."""


class Records:
    """Campaigns, contacts and calls. Blocking: from a coroutine use `AsyncRecords`."""

    def __init__(self, engine: Engine, spool: Path | None = None) -> None:
        """`spool` is a folder; by default it lies beside an SQLite database."""
        self.engine = engine
        self._file = database_file(engine.url)
        if spool is None:
            spool = Path(f"{self._file}.spool") if self._file else Path("voicebot.spool")
        self.spool = Spool(spool)
        self._reading = sessionmaker(engine, class_=Session, expire_on_commit=False)
        self._writing = sessionmaker(
            engine.execution_options(**WRITES), class_=Session, expire_on_commit=False
        )

    # Campaigns

    def find_campaign(self, name: str) -> Campaign | None:
        """The campaign of this name."""
        with self._reading() as session:
            return session.exec(select(Campaign).where(Campaign.name == name)).first()

    def open_campaign(
        self, campaign: Campaign, contacts: Iterable[Contact], do_not_call: Iterable[str] = ()
    ) -> tuple[Campaign, int]:
        """Create the campaign, or find the one of its name and take over its script and settings.

        Contacts whose number the campaign does not have yet are added (their `campaign_id` is set
        here); those it has keep their state. Returns the campaign and how many were added. When
        reading the contacts raises, nothing is changed."""
        with self._writing.begin() as session:
            found = session.exec(select(Campaign).where(Campaign.name == campaign.name)).first()
            if found is None:
                session.add(campaign)
                found = campaign
            else:
                for name in ("script_id", "script_version", "language", "settings"):
                    setattr(found, name, getattr(campaign, name))
            session.flush()
            assert found.id is not None
            added = _add_contacts(session, found.id, contacts)
            for number in do_not_call:
                forbid(session, number, "list", None)
        return found, added

    def running(self, campaign: Campaign) -> AbstractContextManager[None]:
        """Hold the right to run this campaign. Raises InputError when another process runs one."""
        return run_lock(self._file, campaign.name) if self._file else nullcontext()

    def start_run(self, campaign_id: int, now: datetime) -> None:
        """The campaign is being dialled."""
        with self._writing.begin() as session:
            campaign = session.get_one(Campaign, campaign_id)
            campaign.state = CampaignState.RUNNING
            campaign.started_at = campaign.started_at or now
            campaign.ended_at = None

    def end_run(self, campaign_id: int, state: CampaignState, now: datetime, wall_time_s: float) -> None:
        """The run is over; its wall time is added to that of earlier runs."""
        with self._writing.begin() as session:
            campaign = session.get_one(Campaign, campaign_id)
            campaign.state = state
            campaign.ended_at = now
            campaign.wall_time_s += wall_time_s

    def note_tick_lateness(self, campaign_id: int, longest_ms: float, p99_ms: float) -> None:
        """How late the media clock was in this run; the worst over all runs is kept."""
        with self._writing.begin() as session:
            campaign = session.get_one(Campaign, campaign_id)
            campaign.max_tick_lateness_ms = max(campaign.max_tick_lateness_ms, longest_ms)
            campaign.tick_lateness_p99_ms = max(campaign.tick_lateness_p99_ms, p99_ms)

    # Contacts

    def contacts_of(self, campaign_id: int) -> list[Contact]:
        """Everyone in a campaign, in the order of the contact file."""
        with self._reading() as session:
            return list(
                session.exec(
                    select(Contact).where(Contact.campaign_id == campaign_id).order_by(col(Contact.id))
                )
            )

    def claim_due(self, campaign_id: int, now: datetime, lease_s: float, limit: int = 1) -> list[Contact]:
        """Take contacts that are due, those dialled before first. No one else gets them until the
        lease is over; a contact with a call in the air is not given out again even then."""
        lapsed = and_(
            col(Contact.state) == ContactState.CLAIMED,
            col(Contact.lease_until) < now,
            ~exists().where(col(Call.contact_id) == Contact.id, col(Call.ended_at).is_(None)),
        )
        due = and_(col(Contact.state) == ContactState.PENDING, col(Contact.due_at) <= now)
        with self._writing.begin() as session:
            contacts = session.exec(
                select(Contact)
                .where(Contact.campaign_id == campaign_id, or_(due, lapsed))
                .order_by(col(Contact.attempts).desc(), col(Contact.due_at), col(Contact.id))
                .limit(limit)
                .with_for_update(skip_locked=True)
            ).all()
            for contact in contacts:
                contact.state = ContactState.CLAIMED
                contact.lease_until = now + timedelta(seconds=lease_s)
        return list(contacts)

    def release(self, contact: Contact) -> None:
        """Give a claimed contact back undialled."""
        with self._writing.begin() as session:
            held = _held(session, contact)
            held.state, held.lease_until = ContactState.PENDING, None

    def pending(self, campaign_id: int) -> tuple[int, datetime | None]:
        """How many contacts are still to be called, and when the next of them is due."""
        with self._reading() as session:
            count, next_due_at = session.exec(
                select(func.count(), func.min(Contact.due_at)).where(
                    Contact.campaign_id == campaign_id, col(Contact.state) == ContactState.PENDING
                )
            ).one()
        return count, next_due_at

    def dial_facts(self, number: str, since: datetime) -> DialFacts:
        """What the compliance gate asks about a number."""
        with self._reading() as session:
            forbidden = session.get(DoNotCall, number) is not None
            dialled_at = session.exec(
                select(Call.dialled_at)
                .join(Contact, col(Call.contact_id) == Contact.id)
                .where(Contact.number == number, Call.dialled_at > since, col(Call.dialled))
                .order_by(col(Call.dialled_at))
            ).all()
        return DialFacts(forbidden, tuple(dialled_at))

    def refuse(
        self,
        contact: Contact,
        *,
        reason: str,
        rule: str,
        inputs: Mapping[str, Any],
        now: datetime,
        due_at: datetime | None,
    ) -> None:
        """Record that a claimed contact is not dialled: not before `due_at`, or (None) never."""
        with self._writing.begin() as session:
            held = _held(session, contact)
            assert held.id is not None
            held.lease_until = None
            if due_at is None:
                held.state, held.outcome = ContactState.DONE, reason
            else:
                held.state, held.due_at = ContactState.PENDING, due_at
            session.add(
                Refusal(
                    campaign_id=held.campaign_id,
                    contact_id=held.id,
                    at=now,
                    reason=reason,
                    rule=rule,
                    inputs=dict(inputs),
                )
            )

    def add_do_not_call(
        self, numbers: Iterable[str], reason: str = "list", call_id: int | None = None
    ) -> int:
        """Forbid numbers (E.164) in every campaign from now on. Returns how many are new."""
        with self._writing.begin() as session:
            return sum(forbid(session, number, reason, call_id) for number in numbers)

    # Calls

    def journal_call(self, call: Call, contact: Contact | None = None) -> int:
        """Write the row of a call, before its INVITE, and count the attempt. Returns the call's id.

        For a claimed contact the row's campaign, contact, number of the attempt and address are
        filled in. Raises ClaimLostError when the claim is not ours any more."""
        with self._writing.begin() as session:
            if contact is not None:
                held = _held(session, contact)
                held.attempts += 1
                call.campaign_id, call.contact_id = held.campaign_id, held.id
                call.attempt, call.to = held.attempts, held.address
            session.add(call)
            session.flush()
            assert call.id is not None
        return call.id

    def find_call(self, call_id: int) -> Call | None:
        """The row of a call."""
        with self._reading() as session:
            return session.get(Call, call_id)

    def note_answer(
        self, call_id: int, leg_id: str, ringing_at: datetime | None, answered_at: datetime
    ) -> None:
        """Journal that the call was answered, so that recovery knows it even if we die now."""
        with self._writing.begin() as session:
            call = session.get_one(Call, call_id)
            call.leg_id, call.ringing_at, call.answered_at = leg_id, ringing_at, answered_at

    def close_call(
        self,
        call_id: int,
        result: CallResult,
        *,
        retry_at: datetime | None = None,
        now: datetime | None = None,
    ) -> Closing:
        """Write, in one transaction and once only, all that a call leaves: its row, turns, survey
        answers, the do-not-call entry of an opt-out, and the contact: due again at `retry_at`, or
        done. A second closing changes nothing. A database that fails does not lose the result."""
        closing = CallClosing(call_id, result, retry_at, now or utc_now())
        try:
            with self._writing.begin() as session:
                return close(session, closing)
        except SQLAlchemyError as error:
            path = self.spool.keep(closing)
            logger.error(
                "call %d: the database failed (%s); its end is kept in %s", call_id, _kind(error), path
            )
            return Closing.SPOOLED

    def replay_spool(self) -> int:
        """Write the closings that a failing database had refused. Raises when it still fails."""
        replayed = 0
        for path, closing in self.spool.waiting():
            try:
                if closing is None:
                    raise LookupError("not readable")
                with self._writing.begin() as session:
                    replayed += close(session, closing) is Closing.WRITTEN
            except LookupError as error:
                logger.error("%s cannot be replayed: %s; it is set aside", path, error)
                self.spool.set_aside(path)
            else:
                path.unlink()
        return replayed

    def recover(self, campaign_id: int, retry_at: RetryDecision, now: datetime) -> Recovery:
        """Close what a dead process left open. Only for the holder of `running`.

        A journalled call counts as an attempt, whether or not its INVITE went out: better a call
        too few than a person rung twice."""
        replayed = self.replay_spool()
        with self._writing.begin() as session:
            open_calls = session.exec(
                select(Call).where(Call.campaign_id == campaign_id, col(Call.ended_at).is_(None))
            ).all()
            for call in open_calls:
                assert call.id is not None
                result = lost_call(call, now)
                close(session, CallClosing(call.id, result, retry_at(result, call.attempt), now))
            session.flush()
            claimed = session.exec(
                select(Contact).where(
                    Contact.campaign_id == campaign_id, col(Contact.state) == ContactState.CLAIMED
                )
            ).all()
            for contact in claimed:
                contact.state, contact.lease_until = ContactState.PENDING, None
        return Recovery(replayed, len(open_calls), len(claimed))


def _held(session: Session, contact: Contact) -> Contact:
    """The contact's row, if the claim that `contact` carries still stands. `lease_until` serves as
    the fencing token: every claim sets another one."""
    held = session.get(Contact, contact.id, with_for_update=True)
    if held is None or held.state is not ContactState.CLAIMED or held.lease_until != contact.lease_until:
        raise ClaimLostError(f"contact {contact.id} is no longer claimed by this process")
    return held


_MENDABLE = ("address", "name", "time_zone", "region", "consent", "variables")
"""Columns of a contact that a mended file changes while the contact is still to be called."""


def _add_contacts(session: Session, campaign_id: int, contacts: Iterable[Contact]) -> int:
    """Add those the campaign does not have; what the file now says of those it has to call still counts."""
    known = set(session.exec(select(Contact.number).where(Contact.campaign_id == campaign_id)))

    def unknown() -> Iterator[Contact]:
        for contact in contacts:
            if contact.number not in known:
                yield contact
            else:
                _mend(session, campaign_id, contact)

    new = unknown()
    added = 0
    while chunk := list(islice(new, 1000)):
        for contact in chunk:
            contact.campaign_id = campaign_id
        session.add_all(chunk)
        session.flush()
        added += len(chunk)
    return added


def _mend(session: Session, campaign_id: int, contact: Contact) -> None:
    same = (Contact.campaign_id == campaign_id, Contact.number == contact.number)
    held = session.exec(select(Contact).where(*same)).one()
    if held.state is ContactState.PENDING:
        for name in _MENDABLE:
            if getattr(held, name) != getattr(contact, name):
                setattr(held, name, getattr(contact, name))


def _kind(error: SQLAlchemyError) -> str:
    """The error without its SQL parameters, which hold what people said."""
    return str(getattr(error, "orig", None) or type(error).__name__)
