"""Who takes part in `voicebot bench media`. Each module connects its calls and gives their audio."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Protocol

from voicebot.bench.media_drive import MediaLeg


@dataclass(frozen=True, slots=True)
class MediaPeer:
    """Where the contender's calls go: sipp for SIP, the echo for media."""

    sip_host: str
    sip_port: int
    media_host: str
    media_port: int


class Connect(Protocol):
    """Connects calls and ends them on leaving."""

    def __call__(
        self, calls: int, peer: MediaPeer, setup_s: float
    ) -> AbstractAsyncContextManager[Sequence[MediaLeg]]:
        """Raises BenchError unless all calls stand within `setup_s`."""


@dataclass(frozen=True, slots=True)
class MediaContender:
    """One way to carry a call's media. `module` has a `connect`, imported only in its own process."""

    name: str
    module: str
    distribution: str
    package: str
    measured_version: str
    """What was tried; the library's interface may change with others."""
    sip_transport: str
    """As sipp names it: u1 is UDP, t1 is TCP."""
    lead_frames: int
    """Two where the contender's own threads send on time, none where each write is a packet."""

    @property
    def installed(self) -> bool:
        """Whether it can be imported."""
        return find_spec(self.package) is not None

    @property
    def requirement(self) -> str:
        """What pip installs."""
        return f"{self.distribution}=={self.measured_version}"

    @property
    def version(self) -> str:
        """The version that is installed."""
        return version(self.distribution)

    def load(self) -> Connect:
        """Import it."""
        connect: Connect = import_module(f"{__name__}.{self.module}").connect
        return connect


OURS = MediaContender(
    "voicebot", "voicebot_trunk", "baresip-python", "baresip", "0.5.2a3", "u1", lead_frames=2
)
MEDIA_CONTENDERS = (
    OURS,
    MediaContender(
        *("agent-transport", "agent_transport_calls", "agent-transport", "agent_transport", "0.2.2", "t1"),
        lead_frames=2,
    ),
    MediaContender("aiortp", "aiortp_sessions", "aiortp", "aiortp", "0.8.0", "u1", lead_frames=0),
)
