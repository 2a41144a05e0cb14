"""The far end's media: sends every RTP packet back and notes when the kernel received it.

A process of its own: prints its port, echoes until a line with the start and end of the measured
time (seconds since the epoch) comes in, answers with the packet gaps as JSON and ends.
"""

import json
import selectors
import socket
import struct
import sys
from array import array
from collections import defaultdict
from dataclasses import asdict

from voicebot.bench.packet_gaps import packet_gaps

_SO_TIMESTAMPNS = 35  # Not in Python's socket module.
_TIMESPEC = struct.Struct("qq")
_ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size)
_RECEIVE_BUFFER = 4 << 20
_LARGEST_PACKET = 2048
_MOST_PACKETS_AT_ONCE = 256
_RTP_VERSION = 2

Address = tuple[str, int]


def bind_pair(host: str) -> tuple[socket.socket, socket.socket]:
    """Sockets for RTP on an even port and for RTCP on the next. What RTCP brings is dropped."""
    for _ in range(100):
        rtp, rtcp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        rtp.bind((host, 0))
        port = rtp.getsockname()[1]
        if port % 2 == 0:
            try:
                rtcp.bind((host, port + 1))
                return rtp, rtcp
            except OSError:
                pass
        rtp.close()
        rtcp.close()
    raise OSError(f"no two free UDP ports in a row on {host}")


class Echo:
    """Arrival times by sender, in seconds since the epoch."""

    def __init__(self, rtp: socket.socket) -> None:
        self._rtp = rtp
        rtp.setblocking(False)
        rtp.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        rtp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        self.arrivals: defaultdict[Address, array[float]] = defaultdict(lambda: array("d"))

    def serve(self) -> None:
        """Echo what has arrived."""
        for _ in range(_MOST_PACKETS_AT_ONCE):
            try:
                packet, ancillary, _, sender = self._rtp.recvmsg(_LARGEST_PACKET, _ANCILLARY_BYTES)
            except BlockingIOError:
                return
            if not packet or packet[0] >> 6 != _RTP_VERSION:
                continue
            for _, kind, stamp in ancillary:
                if kind == _SO_TIMESTAMPNS:
                    seconds, nanoseconds = _TIMESPEC.unpack(stamp)
                    self.arrivals[sender].append(seconds + nanoseconds * 1e-9)
            try:
                self._rtp.sendto(packet, sender)
            except OSError:
                continue  # Its socket is closed, or the buffer full: as on any network.


def main() -> None:
    """Run until told the window."""
    rtp, rtcp = bind_pair(sys.argv[1])
    echo = Echo(rtp)
    print(rtp.getsockname()[1], flush=True)
    with selectors.DefaultSelector() as selector:
        selector.register(rtp, selectors.EVENT_READ, echo.serve)
        selector.register(rtcp, selectors.EVENT_READ, lambda: rtcp.recv(_LARGEST_PACKET))
        selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.data is None:
                    start_s, end_s = map(float, sys.stdin.readline().split() or (0, 0))
                    print(json.dumps(asdict(packet_gaps(echo.arrivals.values(), start_s, end_s))), flush=True)
                    return
                key.data()


if __name__ == "__main__":
    main()
