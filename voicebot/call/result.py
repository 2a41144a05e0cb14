"""What a finished call leaves behind: everything the records need, in one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Party(StrEnum):
    """Who answered."""

    LIVE = "live"
    MACHINE = "machine"
    UNRESOLVED = "unresolved"


@dataclass(frozen=True, slots=True)
class TurnResult:
    """One utterance of either side. Fields as in `voicebot.records.tables.Turn`."""

    speaker: str
    node: str = ""
    text: str = ""
    planned_text: str = ""
    start_ms: float = 0.0
    end_ms: float = 0.0
    interrupted: bool = False
    intent: str = ""
    confidence: float | None = None
    asr_mode: str = ""
    digits: str = ""
    answered_by: str = ""
    reply_latency_ms: float | None = None
    endpoint_ms: float | None = None
    asr_ms: float | None = None
    decide_ms: float | None = None
    tts_ms: float | None = None


@dataclass(frozen=True, slots=True)
class CallResult:
    """How one attempt ended. Exactly one of `not_connected` and `connected` is set."""

    leg_id: str = ""
    dialled: bool = True
    """False when the call was given up before its INVITE: nobody was rung."""
    ringing_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    not_connected: str = ""
    connected: str = ""
    sip_status: int | None = None
    q850_cause: int | None = None
    trunk: str = ""
    codec: str = ""
    line_note: str = ""
    """What the line found worth telling a person, such as a session refresh that the peer wanted in vain."""
    party: Party | None = None
    outcome: str = ""
    labels: frozenset[str] = frozenset()
    slots: Mapping[str, str] = field(default_factory=dict)
    survey: Mapping[str, int] = field(default_factory=dict)
    opted_out: bool = False
    """The number goes on the do-not-call list in the same transaction."""
    answer_to_greeting_ms: float | None = None
    user_hangup_after_greeting_s: float | None = None
    barge_ins: int = 0
    false_stops: int = 0
    recording: str = ""
    media: Mapping[str, float] = field(default_factory=dict)
    turns: tuple[TurnResult, ...] = ()
