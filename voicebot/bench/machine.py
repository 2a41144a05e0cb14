"""What the figures were measured on."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    """The processor as /proc names it, the cores this process may use, and the system."""

    processor: str
    cores: int
    kernel: str
    python: str


def processor_name(cpuinfo: str) -> str:
    """From /proc/cpuinfo. Virtual machines often give a vendor and a bare number."""
    fields = dict[str, str]()
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    name = fields.get("model name", "unknown")
    vendor = fields.get("vendor_id", "")
    return (
        name
        if not name.isdigit()
        else f"{vendor} family {fields.get('cpu family', '?')} model {name}".strip()
    )


def this_machine() -> Machine:
    """Read it now."""
    return Machine(
        processor_name(Path("/proc/cpuinfo").read_text()),
        len(os.sched_getaffinity(0)),
        platform.release(),
        platform.python_version(),
    )


def load_average() -> float:
    """Of the last minute."""
    return os.getloadavg()[0]
