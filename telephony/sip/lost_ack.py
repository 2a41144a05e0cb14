"""The ACK of an answer, sent again when it was lost.

A peer whose 200 is not acknowledged sends it again, and gives the call up after 32 s (RFC 3261, 13.3.1.4).
The stack (baresip-python 0.5.2a3) then means to repeat its ACK, but sends an empty datagram, as a capture
shows. So the ACK is taken from the stack's trace and sent from here. Over TCP and TLS none is lost.
"""

import logging
import re
import socket
from collections import OrderedDict
from contextlib import suppress

from telephony.sip.wire_facts import CALL_ID, CSEQ

_MOST_CALLS = 1024
_WHERE = re.compile(r"(TX|RX) UDP \S{1,60} -> \[?([0-9A-Fa-f.:]{2,45})\]?:(\d{1,5})")
_ANSWER = re.compile(r"SIP/2\.0 2\d\d ")

Datagram = tuple[bytes, tuple[str, int]]
"""What to send, and where to."""


class AckMemory:
    """The last ACK of the newest calls. Pure: trace entries in, what must be sent again out."""

    def __init__(self) -> None:
        self._acks: OrderedDict[str, tuple[str, Datagram]] = OrderedDict()
        """By Call-ID: CSeq number, and the ACK with its destination."""

    def take(self, where: str, message: str) -> Datagram | None:
        """One trace entry: its line with direction and addresses, and the message, which is not trusted."""
        found, call, number = _WHERE.fullmatch(where), CALL_ID.search(message), CSEQ.search(message)
        if not (found and call and number):
            return None
        if found[1] == "TX":
            if message.startswith("ACK "):
                datagram = (f"{message.rstrip()}\r\n\r\n".encode(), (found[2], int(found[3])))
                self._acks[call[1]] = (number[1], datagram)
                self._acks.move_to_end(call[1])
                while len(self._acks) > _MOST_CALLS:
                    self._acks.popitem(last=False)
        elif _ANSWER.match(message) and number[2].upper() == "INVITE":
            cseq, kept = self._acks.get(call[1], ("", None))
            return kept if cseq == number[1] else None
        return None


class LostAcks(logging.Handler):
    """Reads the trace and sends ACKs again. `emit` runs in the stack's log thread."""

    def __init__(self, local_address: str) -> None:
        super().__init__(logging.DEBUG)
        self._memory = AckMemory()
        family = socket.AF_INET6 if ":" in local_address else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        # Any port will do: who awaits an ACK knows it by its dialog, and answers nothing.
        self._socket.bind((local_address, 0))

    def emit(self, record: logging.LogRecord) -> None:
        """Take one trace entry."""
        where, _, message = record.getMessage().partition("\n")
        if again := self._memory.take(where, message[:8192]):
            with suppress(OSError):
                self._socket.sendto(*again)

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()
        super().close()
