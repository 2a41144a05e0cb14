"""Asking a peer whether it is there: sipp over UDP and TCP, a TLS server, and peers that misbehave."""

import asyncio
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from telephony.routing.health import ProbeFault, RoundTrip
from telephony.sip.options import OptionsPing, OptionsTarget
from tests.system.sipp import FINISH_S, SCENARIOS, START_S, find_sipp, free_udp_ports, is_bound

Answer = Callable[[bytes], Awaitable[bytes]]


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@asynccontextmanager
async def sipp_answers(status: str, transport: Literal["udp", "tcp"], folder: Path) -> AsyncIterator[int]:
    """sipp, which answers one OPTIONS request. Gives its port, and fails if its scenario was not played."""
    scenario = folder / "options.xml"
    scenario.write_text((SCENARIOS / "options.xml").read_text().replace("@STATUS@", status))
    port = free_udp_ports()
    process = await asyncio.create_subprocess_exec(
        *(find_sipp(), "-sf", scenario, "-i", "127.0.0.1", "-p", str(port), "-m", "1", "-nostdin"),
        *("-t", "u1" if transport == "udp" else "t1"),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(START_S):
            while not (is_bound if transport == "udp" else is_listening)(port):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)
        yield port
        async with asyncio.timeout(FINISH_S):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def response_to(request: bytes, status: str = "200 OK") -> bytes:
    """What a correct peer answers."""
    kept = [
        line
        for line in request.split(b"\r\n")
        if line.startswith((b"Via:", b"From:", b"To:", b"Call-ID:", b"CSeq:"))
    ]
    return b"\r\n".join([b"SIP/2.0 " + status.encode(), *kept, b"Content-Length: 0", b"", b""])


@asynccontextmanager
async def stream_peer(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(await answer(await reader.readuntil(b"\r\n\r\n")))
            await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def correct(request: bytes) -> bytes:
    return response_to(request)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key in the same file."""
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=trunk "
        "-keyout key.pem -out cert.pem -addext subjectAltName=IP:127.0.0.1".split(),
        cwd=folder,
        check=True,
        capture_output=True,
    )
    both = folder / "both.pem"
    both.write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())
    return both


def tls_server(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_sipp_answers_over_udp_and_tcp(transport: Literal["udp", "tcp"], tmp_path: Path) -> None:
    async with sipp_answers("200 OK", transport, tmp_path) as port:
        result = await OptionsPing(OptionsTarget(f"127.0.0.1:{port}", transport=transport))()
    assert isinstance(result, RoundTrip), result
    assert (result.status, result.reason, result.server) == (200, "OK", "sipp")
    assert result.allow == ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS")
    assert 50 <= result.ms < 1000


async def test_a_refusal_shows_that_the_peer_lives(tmp_path: Path) -> None:
    async with sipp_answers("405 Method Not Allowed", "udp", tmp_path) as port:
        target = OptionsTarget("trunk.example.com", f"127.0.0.1:{port}", local_address="127.0.0.1")
        result = await OptionsPing(target)()
    assert isinstance(result, RoundTrip)
    assert result.status == 405


async def test_a_peer_that_is_closed_for_calls_is_a_fault(tmp_path: Path) -> None:
    async with sipp_answers("503 Service Unavailable", "udp", tmp_path) as port:
        result = await OptionsPing(OptionsTarget(f"127.0.0.1:{port}"))()
    assert result == ProbeFault("it answers 503 Service Unavailable", 503)


async def test_a_trusted_certificate_lets_the_answer_in(certificate: Path) -> None:
    async with stream_peer(correct, tls_server(certificate)) as port:
        target = OptionsTarget(f"127.0.0.1:{port}", transport="tls", tls_ca=certificate)
        ping = OptionsPing(target)
        results = [await ping(), await ping()]
    assert [isinstance(result, RoundTrip) and result.status for result in results] == [200, 200]


async def test_a_strange_certificate_does_not_unless_the_check_is_off(certificate: Path) -> None:
    async with stream_peer(correct, tls_server(certificate)) as port:
        refused = await OptionsPing(OptionsTarget(f"127.0.0.1:{port}", transport="tls"))()
        other_name = OptionsTarget(f"localhost:{port}", transport="tls", tls_ca=certificate)
        wrong_name = await OptionsPing(other_name)()
        unchecked = await OptionsPing(OptionsTarget(f"127.0.0.1:{port}", transport="tls", tls_verify=False))()
    assert isinstance(refused, ProbeFault)
    assert "is not trusted: self-signed certificate. Set tls_ca" in refused.text
    assert isinstance(wrong_name, ProbeFault)
    assert "Hostname mismatch" in wrong_name.text
    assert isinstance(unchecked, RoundTrip)


async def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    for file in (empty, tmp_path / "absent.pem"):
        result = await OptionsPing(OptionsTarget("127.0.0.1:1", transport="tls", tls_ca=file))()
        assert isinstance(result, ProbeFault)
        assert f"tls_ca {file} cannot be read" in result.text


async def test_a_lost_request_is_sent_again() -> None:
    class Lossy(asyncio.DatagramProtocol):
        requests: list[bytes] = []  # noqa: RUF012

        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            self.requests.append(data)
            self.transport.sendto(b"\x00\xff not SIP", addr)
            self.transport.sendto(response_to(data).replace(b"branch=z9hG4bK", b"branch=z9hG4bKx"), addr)
            if len(self.requests) == 2:
                self.transport.sendto(response_to(data), addr)

    loop = asyncio.get_running_loop()
    peer, lossy = await loop.create_datagram_endpoint(Lossy, local_addr=("127.0.0.1", 0))
    try:
        result = await OptionsPing(OptionsTarget(f"127.0.0.1:{peer.get_extra_info('sockname')[1]}"))()
    finally:
        peer.close()
    assert isinstance(result, RoundTrip)
    assert 490 <= result.ms < 2000
    assert len(set(lossy.requests)) == 1


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_a_port_where_nobody_listens_is_a_fault_at_once(
    transport: Literal["udp", "tcp", "tls"],
) -> None:
    began = time.monotonic()
    result = await OptionsPing(OptionsTarget(f"127.0.0.1:{free_udp_ports()}", transport=transport))()
    assert isinstance(result, ProbeFault)
    assert "refused" in result.text.lower() or "connect call failed" in result.text.lower()
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("sent", "fault"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is no SIP"),
        (b"x" * 70_000, "is no SIP: it is too long"),
        (b"\r\n\r\n" * 40, "many messages"),
        (b"", "closed the connection without an answer"),
        (b"SIP/2.0 200 OK\r\nContent-Length: 99999999\r\n\r\n", "Content-Length"),
    ],
)
async def test_what_a_hostile_peer_sends_is_a_fault(sent: bytes, fault: str) -> None:
    async def answer(_: bytes) -> bytes:
        return sent

    async with stream_peer(answer) as port:
        result = await OptionsPing(OptionsTarget(f"127.0.0.1:{port}", transport="tcp"))()
    assert isinstance(result, ProbeFault)
    assert fault in result.text


async def test_a_peer_that_says_nothing_is_a_fault_in_time() -> None:
    async def answer(_: bytes) -> bytes:
        await asyncio.sleep(5)
        return b""

    async with stream_peer(answer) as port:
        target = OptionsTarget(f"127.0.0.1:{port}", transport="tcp", timeout_s=0.3)
        result = await OptionsPing(target)()
    assert result == ProbeFault(f"no answer from 127.0.0.1:{port}/tcp within 0.3 s")
