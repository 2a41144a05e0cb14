"""What the service and a SIP worker process tell each other, and how it travels.

Frames on the socket are an 8-byte length and a pickle. The socket is a private pair between parent and child,
so unpickling reads nothing that others wrote. Audio goes another way: see `media_rings`.
"""

import asyncio
import pickle
import struct
from dataclasses import dataclass

from telephony.line import DialRequest, LegEvent
from telephony.sip.config import SipTrunkConfig

LENGTH = struct.Struct("!Q")


@dataclass(frozen=True, slots=True)
class Setup:
    """The first message to a worker."""

    config: SipTrunkConfig
    port: int
    slots: int


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker's answer to `Setup`; with `fault` it cannot work and ends."""

    fault: str = ""


@dataclass(frozen=True, slots=True)
class Dial:
    """Send an INVITE. `call` names the call from now on; its audio goes through the rings of `slot`."""

    call: int
    slot: int
    request: DialRequest


@dataclass(frozen=True, slots=True)
class Dialled:
    """The INVITE of `call` is sent; without a leg_id it is not, and `fault` says why."""

    call: int
    leg_id: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call in whatever state it is."""

    call: int


@dataclass(frozen=True, slots=True)
class Flush:
    """The rings of this call want flushing now, not with the next round."""

    call: int


@dataclass(frozen=True, slots=True)
class SendDigits:
    """Send DTMF; `Done` with the same ticket follows."""

    call: int
    digits: str
    ticket: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """Send REFER; `Done` with the same ticket follows when it is on its way."""

    call: int
    to: str
    ticket: int


@dataclass(frozen=True, slots=True)
class Done:
    """What `ticket` asked for is done, or `fault` says why not."""

    ticket: int
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of a call. After `Ended` the worker no longer touches the call's rings."""

    call: int
    event: LegEvent


ToWorker = Setup | Dial | HangUp | Flush | SendDigits | Transfer
FromWorker = Ready | Dialled | Done | Happened


def frame(message: ToWorker | FromWorker) -> bytes:
    """One message as bytes for the socket."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(body)) + body


async def receive(reader: asyncio.StreamReader) -> ToWorker | FromWorker:
    """The next message. Raises IncompleteReadError when the other side has gone."""
    (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
    message: ToWorker | FromWorker = pickle.loads(await reader.readexactly(length))
    return message
