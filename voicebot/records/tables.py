"""What is kept, as tables. Times are UTC; durations carry their unit in the name."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, DateTime, Dialect, Enum, Index, TypeDecorator, UniqueConstraint
from sqlmodel import Field, SQLModel

from voicebot.call.result import Party as Party

# Named constraints can be altered by a later migration on every database.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment. SQLite keeps no zone, so every moment is stored and given back as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _stored_by_value(states: type[StrEnum]) -> Enum:
    """Plain text holding 'live' rather than 'LIVE': the same on every database, no type to migrate."""
    return Enum(
        states,
        native_enum=False,
        length=16,
        values_callable=lambda members: [member.value for member in members],
    )


def utc_now() -> datetime:
    """The present moment, aware, UTC."""
    return datetime.now(UTC)


class CampaignState(StrEnum):
    """Life of a campaign."""

    READY = "ready"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    COMPLETED = "completed"


class ContactState(StrEnum):
    """Where one person stands in one campaign."""

    PENDING = "pending"
    CLAIMED = "claimed"
    DONE = "done"


class Campaign(SQLModel, table=True):
    """One run of a script over a contact list."""

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(index=True, unique=True)
    script_id: str
    script_version: str
    """Hash of the script file's content."""
    language: str = "en"
    state: CampaignState = Field(default=CampaignState.READY, sa_type=_stored_by_value(CampaignState))
    settings: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    wall_time_s: float = 0.0
    """Sum over all runs of this campaign (an interrupted one is resumed)."""
    max_tick_lateness_ms: float = 0.0
    tick_lateness_p99_ms: float = 0.0


class Contact(SQLModel, table=True):
    """One person in one campaign."""

    __table_args__ = (
        UniqueConstraint("campaign_id", "number"),
        Index("ix_contact_due", "campaign_id", "state", "due_at"),
    )
    id: int | None = Field(default=None, primary_key=True)
    campaign_id: int = Field(foreign_key="campaign.id", index=True)
    number: str = Field(index=True)
    """E.164."""
    address: str
    """SIP URI that is dialled."""
    name: str = ""
    time_zone: str = ""
    """IANA zone; empty when unknown."""
    region: str = ""
    """ISO country, with or without state: US, US-CA. Empty when only the number tells."""
    consent: str = ""
    """'', 'express' or 'written'."""
    variables: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    state: ContactState = Field(default=ContactState.PENDING, sa_type=_stored_by_value(ContactState))
    attempts: int = 0
    due_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    outcome: str = ""
    """Final result over all attempts; empty while open."""


class Refusal(SQLModel, table=True):
    """A decision not to dial, with the rule that said so and what it looked at."""

    id: int | None = Field(default=None, primary_key=True)
    campaign_id: int = Field(foreign_key="campaign.id", index=True)
    contact_id: int = Field(foreign_key="contact.id", index=True)
    at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    reason: str
    """not_dialled taxonomy: blocklist, window_closed, no_consent, daily_limit, ..."""
    rule: str
    inputs: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class Call(SQLModel, table=True):
    """One dialled attempt. The row is the journal: written before the INVITE, closed exactly once."""

    __table_args__ = (UniqueConstraint("contact_id", "attempt"),)
    id: int | None = Field(default=None, primary_key=True)
    campaign_id: int | None = Field(default=None, foreign_key="campaign.id", index=True)
    contact_id: int | None = Field(default=None, foreign_key="contact.id", index=True)
    attempt: int = 1
    to: str = ""
    leg_id: str = ""
    script_id: str = ""
    script_version: str = ""
    models: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Engine kind -> name and version."""
    dialled: bool = True
    """False when it was given up before the INVITE: nobody was rung."""
    dialled_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    ringing_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """None while the call is open: recovery closes rows that a dead process left."""
    not_connected: str = ""
    """not_connected taxonomy when it was never answered: busy, no_answer, not_exist, ..."""
    connected: str = ""
    """connected taxonomy when it was: finished, user_hangup, voicemail, opt_out, ..."""
    sip_status: int | None = None
    q850_cause: int | None = None
    """Cause of the telephone network behind the SIP peer, where it gave one (ITU-T Q.850)."""
    trunk: str = ""
    """Name of the trunk or bridge that carried it."""
    codec: str = ""
    line_note: str = ""
    party: Party | None = Field(default=None, sa_type=_stored_by_value(Party))
    outcome: str = ""
    """The script's result: interested, callback, refused, ..."""
    labels: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    slots: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    answer_to_greeting_ms: float | None = None
    user_hangup_after_greeting_s: float | None = None
    """Seconds from the end of the greeting to a hang-up by the callee; None if they did not."""
    barge_ins: int = 0
    false_stops: int = 0
    recording: str = ""
    """Path of the dual-channel recording, relative to the recordings folder."""
    media: dict[str, float] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """RTP counters."""


class Turn(SQLModel, table=True):
    """One utterance of either side, in order."""

    id: int | None = Field(default=None, primary_key=True)
    call_id: int = Field(foreign_key="call.id", index=True)
    position: int
    speaker: str
    """'agent' or 'customer'."""
    node: str = ""
    text: str = ""
    """Only what was heard: an interrupted prompt is cut at the last word played."""
    planned_text: str = ""
    start_ms: float = 0.0
    """Since the answer."""
    end_ms: float = 0.0
    interrupted: bool = False
    intent: str = ""
    confidence: float | None = None
    asr_mode: str = ""
    digits: str = ""
    answered_by: str = ""
    """Agent turns: shortcut, llm or script."""
    reply_latency_ms: float | None = None
    """Agent turns that answer speech: end of speech to first sample sent. Stages add up to it."""
    endpoint_ms: float | None = None
    asr_ms: float | None = None
    decide_ms: float | None = None
    tts_ms: float | None = None


class SurveyAnswer(SQLModel, table=True):
    """A score that a callee gave, 1 (worst) to 5 (best)."""

    id: int | None = Field(default=None, primary_key=True)
    call_id: int = Field(foreign_key="call.id", index=True)
    question: str
    score: int


class DoNotCall(SQLModel, table=True):
    """A number nobody may dial again, and why."""

    number: str = Field(primary_key=True)
    reason: str
    """'list' (imported) or 'opt_out' (said in a call)."""
    call_id: int | None = Field(default=None, foreign_key="call.id")
    added_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
