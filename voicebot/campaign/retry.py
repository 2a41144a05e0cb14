"""Whether and when to call someone again. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from voicebot.call.result import CallResult, Party

RetryKind = Literal[
    "no_answer",
    "busy",
    "rejected",
    "powered_off",
    "unreachable",
    "out_of_service",
    "arrears",
    "spam_labelled",
    "network_blocked",
    "sip_error",
    "cancelled",
    "system_error",
    "machine",
]
"""What may be retried. A person who was spoken to is never called again by a retry."""


class RetryRule(BaseModel):
    """Call again after a pause, up to a number of calls."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after_s: float = Field(gt=0)
    attempts: int = Field(ge=2, le=50)
    """Calls in all, the first one counted: 2 is one retry."""


RetryPolicy = Mapping[RetryKind, RetryRule]


@dataclass(frozen=True, slots=True)
class Retry:
    """Call again at this moment."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Done:
    """Do not call again; this is the contact's result."""

    outcome: str


def kind_of(result: CallResult) -> str:
    """The one word that a retry policy goes by."""
    if result.party is Party.MACHINE:
        return "machine"
    return result.not_connected or result.connected


def after(result: CallResult, attempts: int, policy: RetryPolicy, now: datetime) -> Retry | Done:
    """What follows a call, when `attempts` calls (this one counted) have been made."""
    rule = {str(kind): rule for kind, rule in policy.items()}.get(kind_of(result))
    talked = result.opted_out or result.party is Party.LIVE or bool(result.outcome)
    if rule is None or talked or attempts >= rule.attempts:
        return Done(result.outcome or result.connected or result.not_connected)
    return Retry(now + timedelta(seconds=rule.after_s))
