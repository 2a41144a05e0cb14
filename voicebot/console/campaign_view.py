"""What a watcher knows of a running campaign: the sum of its events so far."""

from collections import Counter, deque
from dataclasses import dataclass, field

from voicebot.console.events import (
    CallAnswered,
    CallDialled,
    CallEnded,
    CallRinging,
    CampaignEnded,
    CampaignEvent,
    CampaignStarted,
    ContactRefused,
    DiallingStopped,
    TurnSaid,
)

LATENCIES_KEPT = 500


@dataclass(slots=True)
class CallView:
    """One call in the air. `since` is when the present state began, `time.monotonic()` seconds."""

    label: str
    attempt: int
    since: float
    state: str = "dialling"
    speaker: str = ""
    words: str = ""


@dataclass(slots=True)
class CampaignView:
    """Changed only by `take`. `state` is '', 'running', 'completed' or 'interrupted'."""

    name: str = ""
    state: str = ""
    contacts: int = 0
    done: int = 0
    dialled: int = 0
    answered: int = 0
    started_at: float = 0.0
    ended_at: float | None = None
    calls: dict[int, CallView] = field(default_factory=dict)
    results: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES_KEPT))
    """Of the newest replies: a long campaign must not slow its own display."""

    @property
    def left(self) -> int:
        """Contacts still open, those in the air included."""
        return max(0, self.contacts - self.done)

    def elapsed_s(self, now: float) -> float:
        """Since the start of this run; stands still once it has ended."""
        return (now if self.ended_at is None else self.ended_at) - self.started_at if self.state else 0.0

    def take(self, event: CampaignEvent) -> None:
        """Add one event. Events of unknown calls are ignored: a watcher may come late."""
        match event:
            case CampaignStarted():
                self.name, self.contacts, self.started_at = event.name, event.contacts, event.at
                self.state = "running"
            case ContactRefused():
                self.refused[event.reason] += 1
                self.done += event.final
            case CallDialled():
                self.calls[event.call_id] = CallView(event.label, event.attempt, event.at)
                self.dialled += 1
            case CallRinging():
                self._move(event.call_id, "ringing", event.at)
            case CallAnswered():
                self._move(event.call_id, "talking", event.at)
                self.answered += 1
            case TurnSaid():
                self._hear(event)
            case CallEnded():
                self.calls.pop(event.call_id, None)
                self.results[event.result] += 1
                self.done += not event.retry
            case DiallingStopped():
                self.state = f"stopped: {event.reason}"
            case CampaignEnded():
                self.state, self.ended_at = event.state, event.at

    def _move(self, call_id: int, state: str, at: float) -> None:
        if call := self.calls.get(call_id):
            call.state, call.since = state, at

    def _hear(self, event: TurnSaid) -> None:
        if event.reply_latency_ms is not None:
            self.latencies_ms.append(event.reply_latency_ms)
        if call := self.calls.get(event.call_id):
            call.speaker, call.words = event.speaker, event.text
