"""What one call counts as: the predicates that every metric is built from."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from voicebot.records.tables import Call, Contact, Party, SurveyAnswer, Turn

GOALS = frozenset({"interested", "accepted", "booked", "sold"})
"""Script outcomes that reach the goal unless the campaign's settings name others under `goals`;
a node may also give the call the label 'goal'."""
REFUSALS = frozenset({"refused", "not_interested", "opted_out", "opt_out"})
ENDED_BY_SCRIPT = frozenset({"finished", "opt_out", "callback_requested"})
"""`connected` words of calls that the script itself brought to an end."""
NEED_A_PERSON = frozenset({"human_requested", "complaint"})
"""Outcomes that leave work for a person."""
EARLY_HANGUP_S = 10.0
GRACE_S = 2.0
"""From answer to greeting; a person who waits longer in silence was abandoned."""


@dataclass(frozen=True, slots=True)
class CallFacts:
    """A call with everything that belongs to it, read through the metric definitions."""

    call: Call
    contact: Contact | None
    turns: tuple[Turn, ...] = ()
    survey: tuple[SurveyAnswer, ...] = ()
    goals: Collection[str] = field(default=GOALS)

    @property
    def answered(self) -> bool:
        return self.call.answered_at is not None

    @property
    def live(self) -> bool:
        return self.answered and self.call.party is Party.LIVE

    @property
    def machine(self) -> bool:
        return self.answered and self.call.party is Party.MACHINE

    @property
    def unresolved(self) -> bool:
        return self.answered and not self.live and not self.machine

    @property
    def goal(self) -> bool:
        return self.live and (self.call.outcome in self.goals or "goal" in self.call.labels)

    @property
    def contained(self) -> bool:
        """Finished without a person of ours being needed, now or later."""
        return self.finished and self.call.outcome not in NEED_A_PERSON

    @property
    def finished(self) -> bool:
        """A defined outcome, and the script ended the call: nobody hung up."""
        return self.live and self.call.connected in ENDED_BY_SCRIPT and bool(self.call.outcome)

    @property
    def opt_out(self) -> bool:
        return self.call.connected == "opt_out" or "opt_out" in self.call.labels

    @property
    def abandoned(self) -> bool:
        """A live person who heard nothing from us for longer than the grace time."""
        silent = self.call.answer_to_greeting_ms is None and (self.talk_s or 0.0) > GRACE_S
        return self.live and (self.call.connected == "abandoned" or silent)

    @property
    def late_greeting(self) -> bool:
        delay = self.call.answer_to_greeting_ms
        return self.live and delay is not None and delay > GRACE_S * 1000

    @property
    def survey_asked(self) -> bool:
        return self.live and (bool(self.survey) or any(t.node.startswith("survey.") for t in self.turns))

    @property
    def disclosed(self) -> bool:
        return self.live and "disclosed" in self.call.labels

    @property
    def right_party(self) -> bool:
        return self.live and "identity_confirmed" in self.call.labels

    @property
    def result(self) -> str:
        """One word for tables: the script's outcome, else how the call ended."""
        call = self.call
        if call.ended_at is None:
            return "open"
        return call.outcome or call.connected or call.not_connected or "unknown"

    @property
    def group(self) -> str:
        """The few kinds that plots colour by."""
        if self.call.ended_at is None:
            return "open"
        if not self.answered:
            return "not_connected"
        if self.machine:
            return "machine"
        if self.goal:
            return "goal"
        if self.opt_out or self.call.outcome in REFUSALS:
            return "refused"
        return "finished" if self.finished else "broken"

    @property
    def d2_reasons(self) -> tuple[str, ...]:
        """Why a live call counts as expressed dissatisfaction; empty when it does not."""
        if not self.live:
            return ()
        labels = set(self.call.labels)
        refused = self.call.outcome in REFUSALS or self.call.connected.startswith("user_hangup")
        found = {
            "complaint": "complaint" in labels,
            "opt_out": self.opt_out,
            "abuse": "abuse" in labels,
            "robot_question_then_refusal": "robot_question" in labels and refused,
            "human_request_after_failure": {"human_request", "repeat_failure"} <= labels,
            "regulator_complaint": "regulator_complaint" in labels,
        }
        return tuple(reason for reason, present in found.items() if present)

    @property
    def d3(self) -> bool:
        """Inferred dissatisfaction: an early hang-up before any intent, or negative sentiment."""
        after = self.call.user_hangup_after_greeting_s
        said_something = any(turn.speaker == "customer" and turn.intent for turn in self.turns)
        early = after is not None and after < EARLY_HANGUP_S and not said_something
        return self.live and (early or "negative_sentiment" in self.call.labels)

    @property
    def ring_s(self) -> float | None:
        """INVITE to answer, or to the end when nobody answered."""
        return _seconds(self.call.dialled_at, self.call.answered_at or self.call.ended_at)

    @property
    def talk_s(self) -> float | None:
        """Answer to hang-up."""
        return _seconds(self.call.answered_at, self.call.ended_at)

    @property
    def replies(self) -> tuple[Turn, ...]:
        """Agent turns that come straight after a customer turn."""
        pairs = zip(self.turns, self.turns[1:], strict=False)
        return tuple(b for a, b in pairs if a.speaker == "customer" and b.speaker == "agent")

    @property
    def reply_latencies_ms(self) -> tuple[float, ...]:
        return tuple(t.reply_latency_ms for t in self.turns if t.reply_latency_ms is not None)


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    # SQLite gives times back without their zone; all of them are UTC.
    if start is None or end is None:
        return None
    return (end.replace(tzinfo=None) - start.replace(tzinfo=None)).total_seconds()
