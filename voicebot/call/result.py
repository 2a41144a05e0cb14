"""What a finished call leaves behind: everything the records need, in one value."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
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
class Speculation:
    """What one call began before a turn was over: whatever is begun is used or void."""

    guesses: int = 0
    """Utterances that were recognised at a pause or at their end."""
    guesses_void: int = 0
    """Of those: given up, or recognised once more because the customer had gone on."""
    decoded_s: float = 0.0
    """Seconds of audio that the recogniser was asked to decode for them."""
    decoded_void_s: float = 0.0
    """Of those: of guesses that were void."""
    partials: int = 0
    """Decodings of utterances that went on."""
    partials_s: float = 0.0
    asked_ahead: int = 0
    """Requests to the language model before the turn was over."""
    asked_ahead_used: int = 0
    asked_ahead_void: int = 0
    pieces_void: int = 0
    """Pieces of answers (about one a token) that had come when they were dropped."""

    def figures(self) -> dict[str, float]:
        """By name, as they are kept with the call."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


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
    speculation: Speculation | None = None
    turns: tuple[TurnResult, ...] = ()
