"""A person at a browser instead of a telephone: nobody is called, somebody is shown where to connect."""

from collections.abc import Callable, Mapping

from telephony.line import DialRequest, LineError
from telephony.websocket.originator import CallRinging, HookAnswer, MediaTarget, Report, TransferRequest

Invite = Callable[[DialRequest, MediaTarget], None]


class BrowserOriginator:
    """Implements `telephony.websocket.originator.Originator`. The connection itself is the answer."""

    def __init__(self, invite: Invite) -> None:
        """`invite` is told address and token, to show them to the person."""
        self._invite = invite

    async def start(self) -> None:
        """Nothing to do."""

    async def originate(self, request: DialRequest, target: MediaTarget, report: Report) -> str:
        """Invite the person."""
        self._invite(request, target)
        report(CallRinging())
        return f"browser-{target.token[:8]}"

    async def hang_up(self, call_id: str) -> None:
        """The connection is all there is."""

    async def send_digits(self, call_id: str, digits: str) -> bool:
        """The codec does it."""
        return False

    async def transfer(self, call_id: str, request: TransferRequest) -> None:
        """There is nobody to hand over to."""
        raise LineError("a browser cannot be transferred. Use a SIP trunk or another bridge")

    def hook(
        self, name: str, target: MediaTarget, query: Mapping[str, str], report: Report
    ) -> HookAnswer | None:
        """There are none."""
        return None

    async def close(self) -> None:
        """Nothing to do."""
