"""A bad network between a trunk and its peer's RTP port: loses, delays and reorders packets, both ways.

It needs no rights and no kernel module, unlike netem; SIP itself does not pass through it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import cast


@dataclass(frozen=True)
class Impairment:
    """What happens to each packet, each way."""

    loss: float = 0.02
    least_delay_s: float = 0.02
    most_delay_s: float = 0.04
    """Delays are uniform between the two; packets come 20 ms apart and so overtake none within 20 ms."""
    late: float = 0.01
    """The share that is held back for 25 ms more, and is overtaken by the next."""


@dataclass
class LossyWire(asyncio.DatagramProtocol):
    """Whatever comes from the peer goes to whoever sent last to the peer."""

    peer_port: int
    impairment: Impairment
    random: Random
    passed: int = 0
    lost: int = 0
    overtaken: int = 0
    _caller: tuple[str, int] | None = None
    _transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        peer = ("127.0.0.1", self.peer_port)
        if addr != peer:
            self._caller = addr
        to = self._caller if addr == peer else peer
        if to is None:
            return
        if self.random.random() < self.impairment.loss:
            self.lost += 1
            return
        self.passed += 1
        wait_s = self.random.uniform(self.impairment.least_delay_s, self.impairment.most_delay_s)
        if self.random.random() < self.impairment.late:
            wait_s += 0.025
            self.overtaken += 1
        asyncio.get_running_loop().call_later(wait_s, self._send, data, to)

    def _send(self, data: bytes, to: tuple[str, int]) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.sendto(data, to)


@asynccontextmanager
async def lossy_wire(
    port: int, peer_port: int, impairment: Impairment, seed: int = 3
) -> AsyncIterator[LossyWire]:
    """Listen on `port` for what is meant for `peer_port`."""
    loop = asyncio.get_running_loop()
    transport, wire = await loop.create_datagram_endpoint(
        lambda: LossyWire(peer_port, impairment, Random(seed)), local_addr=("127.0.0.1", port)
    )
    try:
        yield wire
    finally:
        transport.close()
