"""A SIP trunk: outgoing calls over one account, carried by worker processes.

Each worker runs one SIP stack, which is global to its process, for at most some 60 calls. Audio comes and
goes through shared memory, so the media clock of the service reads and writes every call without waiting.
"""

import asyncio

from telephony.line import DialRequest, LineBusy, LineError
from telephony.sip.config import SipTrunkConfig
from telephony.sip.invitation import check_request
from telephony.sip.leg import SipLeg
from telephony.sip.worker_process import WorkerProcess

__all__ = ["SipTrunk", "SipTrunkConfig"]


class SipTrunk:
    """Dials over one SIP account. Implements `telephony.line.Line`."""

    def __init__(self, config: SipTrunkConfig) -> None:
        self._config = config
        self._workers: list[WorkerProcess] = []

    @property
    def workers(self) -> tuple[WorkerProcess, ...]:
        """Those that carry the calls; none before `start`."""
        return tuple(self._workers)

    async def start(self) -> None:
        """Bind the SIP ports and register if the trunk wants that. Raises LineError with the mend."""
        if self._workers:
            raise LineError("the trunk is started already. Call close() first")
        config = self._config
        config.check_port()
        slots, larger = divmod(config.channels, config.worker_count)
        self._workers = [
            WorkerProcess(config, config.local_port + number, slots + (number < larger))
            for number in range(config.worker_count)
        ]
        outcomes = await asyncio.gather(*(worker.start() for worker in self._workers), return_exceptions=True)
        faults = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if faults:
            await self.close()
            raise faults[0]

    async def dial(self, request: DialRequest) -> SipLeg:
        """Send the INVITE and return at once. Raises LineError if it cannot be sent, LineBusy if all
        channels are taken.

        If this is cancelled, the call is ended as soon as the stack knows it.
        """
        check_request(request, self._config)
        if not self._workers:
            raise LineError("the trunk is not started. Call start() before dial()")
        worker = max(self._workers, key=lambda worker: worker.free)
        if not worker.free:
            raise LineBusy(f"all {self._config.channels} channels of the trunk are taken")
        return await worker.dial(request)

    async def close(self) -> None:
        """Hang up every leg and give the ports back, within seconds."""
        workers, self._workers = self._workers, []
        await asyncio.gather(*(worker.close() for worker in workers))
