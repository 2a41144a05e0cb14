"""Which windows the network is spared, whatever network it is."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.vad.gate import GatedVad

WINDOW = 256
LOUD, QUIET = 0.01, 0.0001


class CountingDetector:
    """Says 0.9 to everything, and notes for whom it ran."""

    def __init__(self) -> None:
        self.ran: list[list[int]] = []
        self.opened = 0

    def open(self) -> int:
        self.opened += 1
        return self.opened - 1

    def close(self, slot: int) -> None:
        pass

    def run(self, slots: NDArray[np.intp], windows: NDArray[np.float32]) -> NDArray[np.float32]:
        assert len(slots) == len(windows)
        self.ran.append([int(slot) for slot in slots])
        return np.full(len(slots), 0.9, np.float32)


@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=30), st.integers(0, 4))
def test_each_stream_runs_while_it_is_loud_and_for_the_hangover_after_it(
    loudness: list[list[bool]], hangover: int
) -> None:
    detector = CountingDetector()
    gate = GatedVad(detector, -60, hangover)
    slots = np.array([gate.open() for _ in range(3)])
    since = [0, 0, 0]
    for loud in loudness:
        windows = np.stack([np.full(WINDOW, LOUD if each else QUIET, np.float32) for each in loud])
        before = len(detector.ran)
        probabilities = gate.run(slots, windows)
        since = [0 if each else count + 1 for each, count in zip(loud, since, strict=True)]
        expected = [slot for slot in range(3) if since[slot] <= hangover]
        assert (detector.ran[before:] or [[]])[0] == expected
        assert [p > 0 for p in probabilities] == [slot in expected for slot in range(3)]


def test_a_new_stream_in_an_old_slot_is_heard_afresh() -> None:
    detector = CountingDetector()
    gate = GatedVad(detector, -60, 1)
    slots = np.array([gate.open()])
    for _ in range(5):
        gate.run(slots, np.zeros((1, WINDOW), np.float32))
    assert len(detector.ran) == 1
    detector.opened = 0
    assert gate.open() == 0
    gate.run(slots, np.zeros((1, WINDOW), np.float32))
    assert len(detector.ran) == 2


def test_many_streams_open() -> None:
    gate = GatedVad(CountingDetector(), -60, 0)
    slots = np.array([gate.open() for _ in range(200)])
    assert gate.run(slots, np.full((200, WINDOW), LOUD, np.float32)).min() > 0.8
