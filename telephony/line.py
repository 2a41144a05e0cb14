"""The line: what every transport offers, so that no other room knows which wire is used.

A `Line` dials and gives a `Leg`. A leg tells what happens to it as events and moves
8 kHz mono audio in 20 ms frames. Reading and writing never block: the media clock calls
them for every leg on each tick.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 8_000
FRAME_MS = 20
FRAME_SAMPLES = SAMPLE_RATE_HZ * FRAME_MS // 1000

Frame = NDArray[np.int16]
"""160 samples, signed 16 bit, 8 kHz mono."""


class EndKind(StrEnum):
    """Why a leg ended. The first group never connected; the second ended after an answer."""

    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REJECTED = "rejected"
    NOT_EXIST = "not_exist"
    POWERED_OFF = "powered_off"
    UNREACHABLE = "unreachable"
    OUT_OF_SERVICE = "out_of_service"
    ARREARS = "arrears"
    SPAM_LABELLED = "spam_labelled"
    NETWORK_BLOCKED = "network_blocked"
    SIP_ERROR = "sip_error"
    CANCELLED = "cancelled"

    REMOTE_HANGUP = "remote_hangup"
    LOCAL_HANGUP = "local_hangup"
    MEDIA_LOST = "media_lost"
    TRANSFERRED = "transferred"


@dataclass(frozen=True, slots=True)
class MediaStatistics:
    """RTP and RTCP counters of one leg at its end; times in ms; MOS 1..4.5 by the E-model."""

    packets_sent: int = 0
    packets_received: int = 0
    packets_lost: int = 0
    """Sent by the far end and not received here."""
    packets_lost_far: int = 0
    """Sent by us and reported missing by the far end (RTCP)."""
    jitter_ms: float = 0.0
    round_trip_ms: float = 0.0
    mos: float | None = None
    concealed_frames: int = 0
    """Frames of 20 ms that were missing when they were due and were filled in."""


@dataclass(frozen=True, slots=True)
class Ringing:
    """The far end alerts (180), or plays early media (183)."""

    at: float
    early_media: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """200 OK and media up. `at` is `time.monotonic()` seconds; `codec` such as "PCMU/8000" where known."""

    at: float
    codec: str = ""


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """A DTMF digit (0-9, A-D, * or #) that the far end sent."""

    at: float
    digit: str


@dataclass(frozen=True, slots=True)
class Held:
    """The far end put the call on hold: nobody listens until `Unheld`."""

    at: float


@dataclass(frozen=True, slots=True)
class Unheld:
    """The far end is back."""

    at: float


@dataclass(frozen=True, slots=True)
class TransferFailed:
    """The far end did not take the transfer; the call goes on."""

    at: float
    status: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """The leg is over: the last event of every leg, sent exactly once."""

    at: float
    kind: EndKind
    status: int | None = None
    """SIP status, where one ended the call."""
    text: str = ""
    statistics: MediaStatistics = field(default_factory=MediaStatistics)
    q850: int | None = None
    """Cause of the telephone network behind the SIP peer (Reason header, ITU-T Q.850)."""
    note: str = ""
    """What a person who reads the record should know, such as a refresh that the peer wanted in vain."""
    trunk: str = ""
    """Name of the trunk or bridge that carried the call."""


LegEvent = Ringing | Answered | DigitPressed | Held | Unheld | TransferFailed | Ended


@dataclass(frozen=True, slots=True)
class DialRequest:
    """Whom to call, and as whom.

    `to` is a number in E.164 (+...), for which the line builds the address, or a whole SIP URI.
    Headers travel with the INVITE (X-... names). Without `caller_id` the line chooses one of its own.
    """

    to: str
    headers: Mapping[str, str] = field(default_factory=dict)
    ring_timeout_s: float = 30.0
    caller_id: str = ""


class LineError(Exception):
    """The line could not even try: bad address, port in use, transport down."""


class LineBusy(LineError):
    """Every channel is taken, or the rate of new calls is used up. Nothing was sent; try later."""


class Leg(Protocol):
    """One call on a line, from dialling to its end."""

    @property
    def leg_id(self) -> str:
        """The transport's own name of the call (the SIP Call-ID)."""

    async def next_event(self) -> LegEvent:
        """Wait for the next event. After `Ended` there is none; do not call again."""

    def read_frame(self, into: Frame) -> bool:
        """Fill `into` with the next 160 samples heard; zeros and False when none are there.

        False too for a frame that was missing and filled in: it sounds like what was heard before for at
        most 60 ms, then like a quiet line.
        """

    def write_frame(self, frame: Frame) -> None:
        """Queue 160 samples for sending. Silence need not be written."""

    def flush(self) -> None:
        """Drop what was written and is not yet on the wire (barge-in)."""

    def queued_samples(self) -> int:
        """Samples written and not yet on the wire."""

    async def send_digits(self, digits: str) -> None:
        """Send DTMF (RFC 4733 where the wire has it)."""

    async def transfer(self, to: str) -> None:
        """Hand the callee over to `to` (blind transfer), and return when the request is on its way.

        `Ended` with TRANSFERRED follows, or `TransferFailed` and the call goes on. Raises LineError for
        a target that cannot be asked for, or a wire that knows no transfer.
        """

    async def hang_up(self) -> None:
        """CANCEL or BYE, as the state asks. Safe to call on an ended leg. `Ended` follows."""


class Line(Protocol):
    """A way out: one SIP trunk, one media bridge."""

    async def start(self) -> None:
        """Bind ports and become ready to dial. Raises LineError with place and mend."""

    async def dial(self, request: DialRequest) -> Leg:
        """Send the invitation and return at once; what comes of it arrives as events."""

    async def close(self) -> None:
        """Hang up every leg and give the ports back."""
