"""The people's telephones: real SIP user agents, one for each number, on one port."""

import asyncio
import re
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import baresip
from baresip import Call, Event, Runtime, StackEvent, UserAgent
from baresip.errors import AudioNotActive, AudioRestarted, BaresipError

from voicebot.simulation.ears import SAMPLE_RATE_HZ

HOST = "127.0.0.1"
ATTEMPT_HEADER = "X-Attempt"
RTP_TIMEOUT_S = 20
BYTES_PER_MS = 2 * SAMPLE_RATE_HZ / 1000
LONGEST_READ = 32_768

CONFIG = """\
sip_listen {host}:{port}
audio_jitter_buffer_type fixed
audio_jitter_buffer_ms 20-60
"""
ACCOUNT = (
    "<sip:{number}@{host}:{port};transport=udp>;regint=0;answermode=manual"
    # Without "none" the stack offers video to nobody by a re-INVITE right after the answer.
    ";audio_codecs={codec};video_codecs=none;dtmfmode=rtpevent"
)


class PortInUseError(Exception):
    """Somebody else listens on the port that the people were to have."""


class IncomingCall:
    """One call on its way to a person, and what became of it."""

    def __init__(self, call: Call, attempt: int) -> None:
        self.attempt = attempt
        self.sip_call_id = call.call_id or ""
        self._call = call
        self._established = False
        self._settled = asyncio.Event()
        self._ended = asyncio.Event()
        call.on(self._on_event)

    async def wait_ended(self) -> None:
        """Until either side has ended it."""
        await self._ended.wait()

    async def answer(self) -> bool:
        """200 OK. False when the caller gave up first."""
        try:
            await self._call.answer()
        except BaresipError:
            await self.hang_up()
        await self._settled.wait()
        return self._established

    async def reject(self) -> None:
        """486 Busy Here."""
        with suppress(BaresipError):
            await self._call.reject()

    async def hang_up(self) -> None:
        """BYE. Harmless when the call is over already."""
        with suppress(BaresipError):
            await self._call.hangup()

    async def press(self, digits: str) -> None:
        """Send keys as RFC 4733 events."""
        with suppress(BaresipError):
            await self._call.send_dtmf(digits)

    def read(self) -> bytes:
        """All samples that came since the last time."""
        with suppress(AudioNotActive, AudioRestarted):
            return bytes(self._call.audio.read(LONGEST_READ))
        return b""

    def write(self, pcm: bytes) -> None:
        """Queue samples for sending."""
        with suppress(AudioNotActive, AudioRestarted):
            self._call.audio.write(pcm)

    def queued_ms(self) -> float:
        """Audio that is queued and not yet on the wire; infinite while none can be sent."""
        with suppress(AudioNotActive):
            return float(self._call.audio.info().tx_buffered / BYTES_PER_MS)
        return float("inf")

    def _on_event(self, event: StackEvent) -> None:
        if event.event is Event.CALL_ESTABLISHED:
            self._established = True
            self._settled.set()
        elif event.event is Event.CALL_CLOSED:
            self._settled.set()
            self._ended.set()


@dataclass(frozen=True, slots=True)
class UnknownNumber:
    """Somebody called a number that nobody has; the stack answered 404."""

    number: str
    attempt: int
    sip_call_id: str


class Attempts:
    """Which attempt a call is: its header says so, or the calls to that number are counted."""

    def __init__(self) -> None:
        self._calls: Counter[str] = Counter()

    def next(self, number: str, headers: Mapping[str, str]) -> int:
        """From 1."""
        self._calls[number] += 1
        told = headers.get(ATTEMPT_HEADER, "")
        return int(told) if re.fullmatch("[1-9][0-9]?", told) else self._calls[number]


@asynccontextmanager
async def telephones(
    port: int,
    numbers: Mapping[str, str],
    *,
    on_call: Callable[[str, IncomingCall], None],
    on_unknown: Callable[[UnknownNumber], None],
) -> AsyncIterator[None]:
    """Plug in a telephone for each number (number -> codec) and unplug them at the end.

    Raises PortInUseError, or BaresipError when the stack does not start."""
    require_free(port)
    attempts = Attempts()
    config = baresip.Config(
        net_interface=HOST,
        max_concurrent_calls=None,
        expose_headers=(ATTEMPT_HEADER,),
        rtp_timeout=RTP_TIMEOUT_S,
        extra_config_text=CONFIG.format(host=HOST, port=port),
    )
    runtime = Runtime(command_timeout=10)
    await runtime.start(config)
    try:
        runtime.subscribe(lambda event: _notice_unknown(event, attempts, on_unknown))
        for number, codec in numbers.items():
            account = ACCOUNT.format(number=number, host=HOST, port=port, codec=codec)
            agent = await UserAgent.create(runtime, account)
            agent.on_incoming(
                lambda call, number=number: on_call(
                    number, IncomingCall(call, attempts.next(number, call.headers))
                )
            )
        yield
    finally:
        await runtime.close()


def _notice_unknown(
    event: StackEvent, attempts: Attempts, on_unknown: Callable[[UnknownNumber], None]
) -> None:
    if event.event is not Event.SIPSESS_FAILED or not (event.text or "").startswith("404"):
        return
    found = re.match(r"sips?:(\+?[0-9]{1,20})@", event.to or "")
    number = found[1] if found else "unknown"
    on_unknown(UnknownNumber(number, attempts.next(number, event.headers), event.call_id or ""))


def require_free(port: int) -> None:
    """The stack itself would start without its port and not say so."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PortInUseError(f"UDP port {port} on {HOST} is taken: {error.strerror}") from None
