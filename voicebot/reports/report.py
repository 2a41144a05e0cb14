"""The shape of a campaign report: what `report.json` holds. `null` means nothing was counted."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer

Number = Annotated[float, PlainSerializer(lambda value: round(value, 4), return_type=float)]
"""Kept exactly, written with four decimals."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rate(_Part):
    """A share with its 95 % Wilson interval and what was counted, in words."""

    numerator: int
    denominator: int
    value: Number | None
    low: Number | None
    high: Number | None
    counts: str
    """What the numerator counts."""
    of: str
    """What the denominator counts."""
    note: str = ""


class Quantiles(_Part):
    """A distribution by its quantiles; p50 and p95 with 95 % order-statistic intervals."""

    n: int
    p50: Number | None
    p95: Number | None
    p99: Number | None
    mean: Number | None
    least: Number | None
    most: Number | None
    p50_low: Number | None
    p50_high: Number | None
    p95_low: Number | None
    p95_high: Number | None
    note: str = ""


class SurveyQuestion(_Part):
    """Answers to one question: score -> how many, and the share of 4s and 5s."""

    question: str
    n: int
    scores: dict[int, int]
    mean: Number | None
    csat: Rate


class Survey(_Part):
    questions: list[SurveyQuestion]
    csat: Rate
    response_rate: Rate


class Dissatisfaction(_Part):
    """Three tiers, never blended. D2 is the headline; D3 is unproven until checked against people."""

    d1_explicit: Rate
    d2_expressed: Rate
    d3_inferred: Rate
    d2_reasons: dict[str, int]


class ErrorRate(_Part):
    """Recognition errors against what the callee really said (known for simulated people only)."""

    unit: str
    """'words', or 'characters' for languages written without spaces."""
    value: Number | None
    low: Number | None
    high: Number | None
    reference_length: int
    substitutions: int
    deletions: int
    insertions: int
    calls: int
    lines_counted: int
    lines_cut: int
    lines_no_reply_expected: int
    lines_over_prompt: int
    calls_not_joined: int
    rule: str


class CallerSide(_Part):
    """The same delays as measured by the simulated people, with their own clock and VAD."""

    reply_latency_ms: Quantiles
    answer_to_greeting_ms: Quantiles


class Stages(_Part):
    endpoint: Quantiles
    asr: Quantiles
    decide: Quantiles
    tts: Quantiles


class Slice(_Part):
    """The headline figures of one script version or one set of models."""

    name: str
    dialled: int
    live: int
    connection_rate: Rate
    conversion: Rate
    d2_expressed: Rate
    reply_latency_ms: Quantiles


class Said(_Part):
    """One utterance. Customer text is what was heard; agent text is what was played."""

    speaker: str
    text: str
    start_ms: Number
    end_ms: Number
    interrupted: bool
    intent: str
    confidence: Number | None
    digits: str
    answered_by: str
    reply_latency_ms: Number | None


class CallDetail(_Part):
    """One dialled attempt."""

    id: int
    contact_id: int | None
    label: str
    attempt: int
    result: str
    group: str
    """'goal', 'finished', 'refused', 'broken', 'machine', 'not_connected' or 'open'."""
    party: str
    outcome: str
    connected: str
    not_connected: str
    sip_status: int | None
    q850_cause: int | None
    trunk: str
    codec: str
    media: dict[str, float]
    line_note: str
    dialled_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    ring_s: Number | None
    talk_s: Number | None
    customer_turns: int
    reply_latency_p50_ms: Number | None
    reply_latency_max_ms: Number | None
    answer_to_greeting_ms: Number | None
    barge_ins: int
    labels: list[str]
    slots: dict[str, str]
    survey: dict[str, int]
    recording: str
    transcript: str
    said: list[Said]


class FunnelStep(_Part):
    name: str
    contacts: int


class CampaignReport(_Part):
    """Everything a report says. Definitions: `definitions`, in words, one per figure."""

    campaign: str
    script: str
    script_version: str
    language: str
    state: str
    started_at: datetime | None
    ended_at: datetime | None
    wall_time_s: Number

    contacts: int
    attempts: int
    not_dialled: dict[str, int]
    dialled: int
    answered: int
    live: int
    machine: int
    unresolved: int
    open_calls: int
    most_calls_at_once: int
    connection_rate: Rate
    connection_rate_by_contact: Rate
    live_connection_rate: Rate
    live_connection_rate_by_contact: Rate
    funnel: list[FunnelStep]
    outcomes: dict[str, int]
    outcome_groups: dict[str, str]
    """Outcome -> the group of the calls that ended so, or 'not_dialled'."""
    connected: dict[str, int]
    not_connected: dict[str, int]

    conversion: Rate
    right_party: Rate
    containment: Rate
    disclosure: Rate
    abandoned: Rate
    opt_outs: int
    opt_out_rate: Rate
    survey: Survey
    dissatisfaction: Dissatisfaction
    handle_time_s: Quantiles
    customer_turns_per_live_call: Number | None

    reply_latency_ms: Quantiles
    reply_latency_by_stage_ms: Stages
    reply_latency_values_ms: list[Number]
    answer_to_greeting_ms: Quantiles
    late_greetings: int
    dead_air: int
    replies_by: dict[str, int]
    barge_ins: int
    false_stops: int
    interrupted_prompts: Rate
    speculation: dict[str, Number]
    """What was begun before turns were over, summed over the calls; names as in `voicebot.call.result`."""
    max_tick_lateness_ms: Number
    tick_lateness_p99_ms: Number
    asr_word_error_rate: ErrorRate | None
    caller_side: CallerSide | None

    by_script_version: list[Slice]
    by_models: list[Slice]
    definitions: dict[str, str]
    calls: list[CallDetail]
