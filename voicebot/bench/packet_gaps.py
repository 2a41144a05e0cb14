"""Time between the RTP packets of one call, over all calls."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class PacketGaps:
    """Milliseconds between packets of one sender that follow each other; 20 is due."""

    packets: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0


def packet_gaps(streams: Iterable[Sequence[float]], start_s: float, end_s: float) -> PacketGaps:
    """From each stream's arrival times, those between start and end. Zeros if there are no two."""
    within = [arrivals[(arrivals >= start_s) & (arrivals <= end_s)] for arrivals in map(np.asarray, streams)]
    gaps_ms = np.concatenate([np.zeros(0), *(np.diff(arrivals) for arrivals in within)]) * 1000
    packets = sum(arrivals.size for arrivals in within)
    if not gaps_ms.size:
        return PacketGaps(packets)
    p50, p99, most = np.percentile(gaps_ms, [50, 99, 100])
    return PacketGaps(packets, float(p50), float(p99), float(most))
