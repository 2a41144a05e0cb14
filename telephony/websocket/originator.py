"""How a call is placed: the side of a provider that is not media."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from telephony.line import DialRequest, EndKind, LineError

_CALLED = re.compile(r"(?:sips?:)?(?P<number>\+?[0-9]{2,20})(?:@[A-Za-z0-9.\-\[\]:]{1,253})?")


@dataclass(frozen=True, slots=True)
class MediaTarget:
    """Where the provider is to reach us for this one call. The token is good for one connection."""

    token: str
    media_url: str
    answer_url: str
    status_url: str


@dataclass(frozen=True, slots=True)
class CallRinging:
    """The provider says that the far end alerts."""

    early_media: bool = False


@dataclass(frozen=True, slots=True)
class CallConnected:
    """The provider says that the call was answered: the media must follow."""


@dataclass(frozen=True, slots=True)
class CallDigit:
    """The provider heard a key, on a wire other than the media's."""

    digit: str


@dataclass(frozen=True, slots=True)
class CallHeld:
    """The provider says that the far end put the call on hold, or (`held` false) took it back."""

    held: bool = True


@dataclass(frozen=True, slots=True)
class CallTransferred:
    """The call is in other hands: it goes on without us and must not be hung up."""


@dataclass(frozen=True, slots=True)
class TransferRefused:
    """Nobody took the call over. It goes on as before."""

    status: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class CallOver:
    """The provider says that the call is over."""

    kind: EndKind
    status: int | None = None
    """SIP status, where the provider tells it."""
    text: str = ""
    q850: int | None = None
    """Cause by ITU-T Q.850, where the provider tells it."""


CallReport = CallRinging | CallConnected | CallDigit | CallHeld | CallTransferred | TransferRefused | CallOver
Report = Callable[[CallReport], None]


@dataclass(frozen=True, slots=True)
class TransferRequest:
    """Connect the callee of a live call with somebody else."""

    to: str
    """A number or sip:NUMBER@HOST."""
    caller_id: str
    """As whom the call was placed; empty for the number that is configured."""
    target: MediaTarget
    report: Report


class OriginationRefused(Exception):
    """The provider was asked and said no: the attempt's disposition, not a fault of the line."""

    def __init__(self, kind: EndKind, status: int | None, text: str) -> None:
        super().__init__(text)
        self.kind, self.status, self.text = kind, status, text


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """What to answer a provider's HTTP request."""

    body: str = ""
    content_type: str = "text/plain"


class Originator(Protocol):
    """Places calls at one provider and ends them."""

    async def start(self) -> None:
        """Become ready. Raises LineError with place and mend."""

    async def originate(self, request: DialRequest, target: MediaTarget, report: Report) -> str:
        """Place a call whose media come to `target`; gives the provider's name of it.

        Raises OriginationRefused if the provider refuses, LineError if it cannot be asked.
        `report` may be called before this returns.
        """

    async def hang_up(self, call_id: str) -> None:
        """End the call in whatever state it is; one that is over already is no fault."""

    async def send_digits(self, call_id: str, digits: str) -> bool:
        """Send DTMF; False where the provider has no way to."""

    async def transfer(self, call_id: str, request: TransferRequest) -> None:
        """Ask the provider to hand the callee over.

        `CallTransferred` or `TransferRefused` is reported, perhaps before this returns. Raises LineError
        if the provider cannot be asked, or knows no transfer.
        """

    def hook(
        self, name: str, target: MediaTarget, query: Mapping[str, str], report: Report
    ) -> HookAnswer | None:
        """The provider asks over HTTP: `answer` (what to do) or `status`. None for what is not known."""

    async def close(self) -> None:
        """Let go of connections."""


def called_number(to: str) -> str:
    """The number in `sip:NUMBER@HOST` or `NUMBER`. Raises LineError: it comes from a contact file."""
    found = _CALLED.fullmatch(to)
    if found is None:
        raise LineError(f"{to[:80]!r} names no telephone number. Write +NUMBER or sip:+NUMBER@HOST")
    return found["number"]
