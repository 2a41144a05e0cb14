"""Asks a SIP peer whether it is there: one OPTIONS request over UDP, TCP or TLS, and its answer.

Any answer shows that the peer lives, also a refusal such as 401, 404, 405 or 483. Three say that no call
would get through: 408 and 504 (a proxy answers, and what is behind it does not) and 503 (overloaded, or
closed for maintenance). Names are resolved to addresses only, not by SRV or NAPTR records.
"""

import asyncio
import ipaddress
import re
import secrets
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from telephony.line import LineError
from telephony.local_address import check_local_address
from telephony.routing.health import ProbeFault, RoundTrip
from telephony.sip.options_message import (
    MOST_BYTES,
    MalformedMessage,
    OptionsRequest,
    OptionsResponse,
    body_length,
    parse_response,
)

__all__ = ["OptionsPing", "OptionsTarget"]

_T1_S, _T2_S = 0.5, 4.0
"""Retransmission over UDP (RFC 3261 17.1.2.2): after T1, then twice as long each time, up to T2."""
_NO_CALLS = frozenset({408, 503, 504})
_MOST_MESSAGES = 16
"""Read from one peer before it is taken for one that does not answer."""
_GOODBYE_S = 1.0
_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}
_HOST = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?))"
    r"(?::(?P<port>[0-9]{1,5}))?"
)
_USER = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()&=+$,]|%[0-9A-Fa-f]{2}){1,64}")


@dataclass(frozen=True, slots=True)
class OptionsTarget:
    """Whom to ask, and from where. Raises LineError naming the field and the mend.

    `domain` and `proxy` are host or host:port, IPv6 in brackets. The request goes to the proxy, if given.
    """

    domain: str
    proxy: str = ""
    transport: Literal["udp", "tcp", "tls"] = "udp"
    user: str = "voicebot"
    local_address: str = ""
    """Address to send from; the system chooses if it is empty or 0.0.0.0."""
    tls_verify: bool = True
    tls_ca: Path | None = None
    """Certificates that are trusted (PEM); those of the system if not given."""
    timeout_s: float = 5.0

    def __post_init__(self) -> None:
        if self.transport not in _PORTS:
            raise LineError(f"transport {self.transport!r} is not known. Set udp, tcp or tls")
        _host_and_port("domain", self.domain, 0)
        _host_and_port("proxy", self.proxy or self.domain, 0)
        if not _USER.fullmatch(self.user):
            raise LineError(
                f"user {self.user[:40]!r} cannot be part of a SIP address. Use letters and digits"
            )
        if not 0 < self.timeout_s <= 32:
            raise LineError(f"an OPTIONS timeout of {self.timeout_s} s is not in 0-32 s. Set 5")
        check_local_address(self.local_address or "0.0.0.0")

    @property
    def peer(self) -> tuple[str, int]:
        """Host and port that the request is sent to."""
        return _host_and_port("proxy", self.proxy or self.domain, _PORTS[self.transport])

    @property
    def bind(self) -> tuple[str, int] | None:
        """What the socket binds to, if that is ours to choose."""
        unspecified = not self.local_address or ipaddress.ip_address(self.local_address).is_unspecified
        return None if unspecified else (self.local_address, 0)


class OptionsPing:
    """Asks the target each time it is called. A `telephony.routing.health.Probe`."""

    def __init__(self, target: OptionsTarget) -> None:
        self._target = target
        self._tls: ssl.SSLContext | None = None

    async def __call__(self) -> RoundTrip | ProbeFault:
        """Ask once. Never raises for what a network or a peer does."""
        target = self._target
        place = f"{_host(target.peer[0])}:{target.peer[1]}/{target.transport}"
        try:
            async with asyncio.timeout(target.timeout_s):
                return await (self._over_udp() if target.transport == "udp" else self._over_stream())
        except TimeoutError:
            return ProbeFault(f"no answer from {place} within {target.timeout_s:g} s")
        except ssl.SSLCertVerificationError as error:
            return ProbeFault(
                f"the certificate of {place} is not trusted: {error.verify_message}. "
                "Set tls_ca to the file with its authority"
            )
        except MalformedMessage as error:
            return ProbeFault(f"the answer from {place} is no SIP: {error}")
        except asyncio.LimitOverrunError:
            return ProbeFault(f"the answer from {place} is no SIP: it is too long")
        except asyncio.IncompleteReadError:
            return ProbeFault(f"{place} closed the connection without an answer")
        except OSError as error:
            return ProbeFault(f"{place} cannot be reached: {error.strerror or error}")
        except LineError as error:
            return ProbeFault(str(error))

    async def _over_udp(self) -> RoundTrip | ProbeFault:
        loop = asyncio.get_running_loop()
        transport, datagrams = await loop.create_datagram_endpoint(
            _Datagrams, local_addr=self._target.bind, remote_addr=self._target.peer
        )
        try:
            request = datagrams.request = self._request(transport.get_extra_info("sockname"))
            began = loop.time()
            transport.sendto(request.encode())
            pauses = retransmission_pauses()
            pause_s = next(pauses)
            while True:
                response = await datagrams.response(pause_s)
                if response is None:
                    transport.sendto(request.encode())
                    pause_s = next(pauses)
                elif response.status >= 200:
                    return _result(response, loop.time() - began)
                else:
                    pause_s = _T2_S  # It is at work: only remind it now and then.
        finally:
            transport.close()

    async def _over_stream(self) -> RoundTrip | ProbeFault:
        host, port = self._target.peer
        tls = await self._context() if self._target.transport == "tls" else None
        reader, writer = await asyncio.open_connection(
            *(host, port), ssl=tls, local_addr=self._target.bind, limit=MOST_BYTES
        )
        try:
            request = self._request(writer.get_extra_info("sockname"))
            clock = asyncio.get_running_loop().time
            began = clock()
            writer.write(request.encode())
            response = await _final_response(reader, request)
            return _result(response, clock() - began)
        finally:
            await _goodbye(writer)

    def _request(self, local: tuple[str, int]) -> OptionsRequest:
        return OptionsRequest(
            domain=self._target.domain,
            user=self._target.user,
            transport=self._target.transport,
            local=f"{_host(local[0])}:{local[1]}",
            branch=f"z9hG4bK{secrets.token_hex(12)}",
            call_id=secrets.token_hex(16),
            tag=secrets.token_hex(8),
        )

    async def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            # Reading the certificates takes tens of milliseconds.
            self._tls = await asyncio.to_thread(_tls_context, self._target)
        return self._tls


def retransmission_pauses() -> Iterator[float]:
    """Seconds from each sending over UDP to the next: 0.5, 1, 2, 4, 4, ..."""
    pause_s = _T1_S
    while True:
        yield pause_s
        pause_s = min(2 * pause_s, _T2_S)


class _Datagrams(asyncio.DatagramProtocol):
    """Keeps what answers the request; everything else that comes to the port is dropped."""

    def __init__(self) -> None:
        self.request: OptionsRequest | None = None
        self._came: asyncio.Queue[OptionsResponse | OSError] = asyncio.Queue(_MOST_MESSAGES)

    async def response(self, within_s: float) -> OptionsResponse | None:
        """The next response, or None if none came. Raises the OSError that the network reported."""
        try:
            async with asyncio.timeout(within_s):
                came = await self._came.get()
        except TimeoutError:
            return None
        if isinstance(came, OSError):
            raise came
        return came

    def datagram_received(self, data: bytes, addr: object) -> None:
        if self.request is None:
            return
        with suppress(MalformedMessage, asyncio.QueueFull):
            if response := parse_response(data.partition(b"\r\n\r\n")[0], self.request):
                self._came.put_nowait(response)

    def error_received(self, exc: Exception) -> None:
        if isinstance(exc, OSError):
            with suppress(asyncio.QueueFull):
                self._came.put_nowait(exc)


async def _final_response(reader: asyncio.StreamReader, request: OptionsRequest) -> OptionsResponse:
    for _ in range(_MOST_MESSAGES):
        # Empty lines between messages keep a connection alive (RFC 5626).
        head = (await reader.readuntil(b"\r\n\r\n")).strip(b"\r\n")
        if not head:
            continue
        await reader.readexactly(body_length(head))
        response = parse_response(head, request)
        if response and response.status >= 200:
            return response
    raise MalformedMessage("many messages, and none answers the request")


async def _goodbye(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        async with asyncio.timeout(_GOODBYE_S):
            await writer.wait_closed()
    except OSError:
        writer.transport.abort()


def _result(response: OptionsResponse, seconds: float) -> RoundTrip | ProbeFault:
    if response.status in _NO_CALLS:
        return ProbeFault(f"it answers {response.status} {response.reason}".rstrip(), response.status)
    return RoundTrip(1000 * seconds, response.status, response.reason, response.allow, response.server)


def _tls_context(target: OptionsTarget) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=target.tls_ca)
    except OSError as error:  # SSLError, for what is no certificate, is one
        raise LineError(
            f"tls_ca {target.tls_ca} cannot be read: {error.strerror or error}. Give a PEM file"
        ) from None
    if not target.tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _host_and_port(name: str, text: str, default: int) -> tuple[str, int]:
    found = _HOST.fullmatch(text)
    if found is None or (found["port"] and not 0 < int(found["port"]) <= 65535):
        raise LineError(f"{name} {text[:80]!r} is no host. Write HOST or HOST:PORT, IPv6 in brackets")
    return found["six"] or found["name"], int(found["port"] or default)


def _host(address: str) -> str:
    """As it stands in a SIP address."""
    return f"[{address.partition('%')[0]}]" if ":" in address else address
