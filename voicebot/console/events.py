"""What a running campaign tells whoever watches: small frozen events, given to one callback.

Times are `time.monotonic()` seconds. Labels must already be safe to show: see `contact_label`.
A watcher only looks: it must return at once, and the campaign does not depend on it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from voicebot.masking import mask_number


@dataclass(frozen=True, slots=True)
class CampaignStarted:
    """A run begins; `contacts` is how many are still open in it (after a resume: those left)."""

    name: str
    contacts: int
    at: float


@dataclass(frozen=True, slots=True)
class ContactRefused:
    """A contact is not dialled. `final` is False when it may be dialled later (window closed)."""

    label: str
    reason: str
    at: float
    final: bool = True


@dataclass(frozen=True, slots=True)
class CallDialled:
    """An INVITE goes out."""

    call_id: int
    label: str
    at: float
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class CallRinging:
    """The far end alerts."""

    call_id: int
    at: float


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """The far end took the call."""

    call_id: int
    at: float


@dataclass(frozen=True, slots=True)
class TurnSaid:
    """One side said something. `speaker` is 'agent' or 'customer'."""

    call_id: int
    speaker: str
    text: str
    at: float
    reply_latency_ms: float | None = None
    """Agent turns that answer speech: end of speech to first sample sent."""


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The call is over. `result` is the script's outcome, else the connected or not_connected word."""

    call_id: int
    result: str
    at: float
    retry: bool = False
    """Another attempt at the same contact will follow."""


@dataclass(frozen=True, slots=True)
class DiallingStopped:
    """No new call is placed any more; live ones go on."""

    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class CampaignEnded:
    """The run is over: `state` is 'completed', 'ready' (someone is due another day) or 'interrupted'."""

    state: str
    at: float


CampaignEvent = (
    CampaignStarted
    | ContactRefused
    | CallDialled
    | CallRinging
    | CallAnswered
    | TurnSaid
    | CallEnded
    | DiallingStopped
    | CampaignEnded
)

Watcher = Callable[[CampaignEvent], None]
"""Gets every event of a run, in order, on the event loop's thread."""


def ignore(event: CampaignEvent) -> None:
    """The watcher that looks away."""


def contact_label(name: str, number: str) -> str:
    """First name and the last four digits: enough to follow a call, too little to identify."""
    first = name.split()[0] if name.split() else ""
    return f"{first} {mask_number(number)}".strip()
