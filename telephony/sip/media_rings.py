"""Audio between a SIP worker process and the service: one ring each way for each call, in shared memory.

Each ring has one writer and one reader, in different processes. Positions only grow and are written after
the samples they cover; x86-64 keeps stores in order and 8-byte stores whole, so no lock is needed.
"""

import mmap
import os
import time

import numpy as np
from numpy.typing import NDArray

RING_SAMPLES = 8192
"""1.02 s at 8 kHz, each way."""
_COUNTERS = 8
"""Of 8 bytes for each call: a cache line, so that calls do not disturb one another."""
_HEARD_WRITTEN, _SAID_TAKEN, _FLUSH_DONE, _ON_WIRE, _ON_WIRE_AT = range(5)
_HEARD_READ, _SAID_WRITTEN, _FLUSH_ASKED = range(5, 8)
_SAMPLES_PER_NS = 8_000 / 1e9

Samples = NDArray[np.int16]


class MediaMemory:
    """The rings of `slots` calls in one anonymous shared file, of which `descriptor` is passed on."""

    def __init__(self, slots: int, descriptor: int | None = None) -> None:
        """Without `descriptor` new memory, all zero; with it, another process's."""
        self.slots = slots
        self.descriptor = os.memfd_create("voicebot-media") if descriptor is None else descriptor
        counters = (slots + 1) * _COUNTERS * 8
        size = counters + 2 * slots * RING_SAMPLES * 2
        if descriptor is None:
            os.ftruncate(self.descriptor, size)
        self._memory = mmap.mmap(self.descriptor, size)
        self._counters = memoryview(self._memory)[:counters].cast("q")
        samples = np.frombuffer(self._memory, np.int16, offset=counters).reshape(2, slots, RING_SAMPLES)
        self._heard, self._said = samples[0], samples[1]

    def of(self, slot: int) -> tuple[memoryview, Samples, Samples]:
        """Counters, ring of what is heard and ring of what is said of one call."""
        counters = self._counters[slot * _COUNTERS : (slot + 1) * _COUNTERS]
        return counters, self._heard[slot], self._said[slot]

    @property
    def beats(self) -> int:
        """Grows for as long as the worker's media loop runs."""
        return int(self._counters[-1])

    def beat(self) -> None:
        """The worker's media loop went round."""
        self._counters[-1] += 1

    def close(self) -> None:
        """Give the file back, once; the memory goes when nobody maps it any more."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def clear(self, slot: int) -> None:
        """Make a slot ready for its next call. Neither side may use it meanwhile."""
        for place in range(slot * _COUNTERS, (slot + 1) * _COUNTERS):
            self._counters[place] = 0


class ServiceRings:
    """The service's end of one call: reads what was heard, writes what is said. Never blocks."""

    def __init__(self, memory: MediaMemory, slot: int) -> None:
        self._counters, self._heard, self._said = memory.of(slot)

    def read(self) -> bytes:
        """All samples heard since the last time; the oldest are left out if the reader was long away."""
        written, read = self._counters[_HEARD_WRITTEN], self._counters[_HEARD_READ]
        # The writer may be about to overwrite the oldest quarter.
        read = max(read, written - RING_SAMPLES * 3 // 4)
        if read == written:
            return b""
        pcm = _copy_out(self._heard, read, written).tobytes()
        self._counters[_HEARD_READ] = written
        return pcm

    def write(self, samples: Samples) -> int:
        """Queue samples for sending; gives how many were taken."""
        written, taken = self._counters[_SAID_WRITTEN], self._counters[_SAID_TAKEN]
        room = min(len(samples), RING_SAMPLES - (written - taken))
        _copy_in(self._said, written, samples[:room])
        self._counters[_SAID_WRITTEN] = written + room
        return room

    def flush(self) -> None:
        """Have everything dropped that is not on the wire yet."""
        self._counters[_FLUSH_ASKED] = self._counters[_SAID_WRITTEN]

    def queued(self) -> int:
        """Samples written and not yet on the wire, to within a packet."""
        counters = self._counters
        written, asked = counters[_SAID_WRITTEN], counters[_FLUSH_ASKED]
        if asked > counters[_FLUSH_DONE]:
            return written - asked
        return max(0, written - counters[_SAID_TAKEN]) + _left(counters)


class WorkerRings:
    """The worker's end of the same call."""

    def __init__(self, memory: MediaMemory, slot: int) -> None:
        self._counters, self._heard, self._said = memory.of(slot)

    def put_heard(self, samples: Samples) -> None:
        """Hand on what came from the network; what nobody reads is overwritten."""
        written = self._counters[_HEARD_WRITTEN]
        samples = samples[-RING_SAMPLES // 4 :]
        _copy_in(self._heard, written, samples)
        self._counters[_HEARD_WRITTEN] = written + len(samples)

    def take_said(self) -> Samples | None:
        """Samples to send that came since the last time; None if there are none."""
        written, taken = self._counters[_SAID_WRITTEN], self._counters[_SAID_TAKEN]
        return _copy_out(self._said, taken, written) if written > taken else None

    def said_was_taken(self, samples: int, on_wire: int) -> None:
        """`samples` of `take_said` were passed on; the stack now holds `on_wire` samples unsent."""
        self._counters[_ON_WIRE_AT] = time.monotonic_ns()
        self._counters[_ON_WIRE] = on_wire
        self._counters[_SAID_TAKEN] += samples

    @property
    def on_wire(self) -> int:
        """What the stack should hold unsent by now, going by what was told of it last."""
        return _left(self._counters)

    def flush_wanted(self) -> bool:
        """Whether the service has asked for it; what it had written until then is passed over."""
        asked = self._counters[_FLUSH_ASKED]
        if asked <= self._counters[_FLUSH_DONE]:
            return False
        self._counters[_SAID_TAKEN] = max(self._counters[_SAID_TAKEN], asked)
        self._counters[_ON_WIRE] = 0
        self._counters[_FLUSH_DONE] = asked
        return True


def _left(counters: memoryview) -> int:
    on_wire, at = counters[_ON_WIRE], counters[_ON_WIRE_AT]
    if not on_wire:
        return 0
    return max(0, on_wire - int((time.monotonic_ns() - at) * _SAMPLES_PER_NS))


def _copy_in(ring: Samples, position: int, samples: Samples) -> None:
    start = position % RING_SAMPLES
    first = min(len(samples), RING_SAMPLES - start)
    ring[start : start + first] = samples[:first]
    ring[: len(samples) - first] = samples[first:]


def _copy_out(ring: Samples, start: int, end: int) -> Samples:
    place, length = start % RING_SAMPLES, end - start
    first = min(length, RING_SAMPLES - place)
    if first == length:
        return ring[place : place + length].copy()
    return np.concatenate([ring[place:], ring[: length - first]])
