"""Who answers the callers."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from voicebot.bench.error import BenchError

PIPECAT_VERSION = "1.14.0"
_ROOT = Path(__file__).parent.parent.parent.parent


@dataclass(frozen=True, slots=True)
class Contender:
    """`turn_end` chooses among Pipecat's ways to tell the end of a turn; empty for ours."""

    name: str
    turn_end: str = ""

    @property
    def peer(self) -> bool:
        """Somebody else's."""
        return bool(self.turn_end)


OURS = Contender("voicebot")
PIPECAT = (
    Contender("pipecat, VAD 0.2 + 0.6 s", "vad"),
    Contender("pipecat, smart turn v3", "smart"),
    Contender("pipecat, VAD 0.2 + 0 s", "shortest"),
)
PEERS = {"pipecat": PIPECAT}


def contenders(peers: str) -> tuple[Contender, ...]:
    """Ours and those of the named peer. Raises BenchError if it is unknown or not installed."""
    if not peers:
        return (OURS,)
    if peers not in PEERS:
        raise BenchError(f"--peer {peers!r} is not known. Write --peer {' or '.join(PEERS)}")
    pipecat_python()
    return (OURS, *PEERS[peers])


def pipecat_python() -> Path:
    """The Python of the environment that Pipecat has to itself. Raises BenchError."""
    python = _ROOT / ".venv-pipecat" / "bin" / "python"
    if not python.exists():
        raise BenchError(f"Pipecat is not installed in {python.parent.parent}. Run: make pipecat")
    return python


def pipecat_version() -> str:
    """Of the one that is installed. Raises BenchError."""
    told = subprocess.run(
        [str(pipecat_python()), "-c", "from importlib.metadata import version; print(version('pipecat-ai'))"],
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode:
        raise BenchError("Pipecat's environment is damaged. Run: make pipecat")
    return told.stdout.strip()
