"""Which windows the network is spared, whatever network it is."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.vad.gate import ABOVE_NOISE_DB, LOUD_DBFS, QUIET_DBFS, GatedVad

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


def levels(*stretches: tuple[int, float]) -> list[float]:
    """So many windows of a level in dBFS each."""
    return [level for count, level in stretches for _ in range(count)]


def heard(levels_dbfs: list[float], hangover: int = 0) -> list[bool]:
    gate = GatedVad(CountingDetector(), hangover=hangover)
    slots = np.array([gate.open()])
    gate.open()
    return [
        bool(gate.run(slots, np.full((1, WINDOW), 10 ** (level / 20), np.float32))[0] > 0)
        for level in levels_dbfs
    ]


SECOND = 31


def test_a_line_s_own_noise_is_spared_once_it_is_known() -> None:
    for noise in (-61.0, -58.0, -54.0):
        told = heard(levels((60 * SECOND, noise)))
        assert all(told[: 3 * SECOND])
        assert not any(told[4 * SECOND :])


def test_what_stands_out_of_the_noise_is_heard_and_so_is_all_above_the_cap() -> None:
    assert heard(levels((200, -58.0), (1, -58 + ABOVE_NOISE_DB + 0.1)))[-1]
    assert not heard(levels((200, -58.0), (1, -58 + ABOVE_NOISE_DB - 0.1)))[-1]
    assert all(heard(levels((1_000, LOUD_DBFS + 0.1))))


def test_noise_that_rises_is_heard_for_seconds_and_noise_that_falls_is_followed_at_once() -> None:
    told = heard(levels((200, -70.0), (200, -58.0)))
    assert not any(told[:200])
    assert all(told[200 : 200 + 3 * SECOND])
    assert not any(told[200 + 5 * SECOND :])
    assert heard(levels((200, -56.0), (1, -66.0), (1, -58.0)))[-1]


def test_one_quiet_moment_every_three_seconds_keeps_all_the_rest_loud() -> None:
    """As in speech: however long somebody talks softly, it is not taken for the line's noise."""
    talk = levels(*[(2 * SECOND, -55.0), (1, -70.0)] * 20)
    assert all(told for told, level in zip(heard(talk), talk, strict=True) if level == -55.0)


def test_a_new_stream_has_none_of_the_noise_of_the_last_in_its_slot() -> None:
    detector = CountingDetector()
    gate = GatedVad(detector, hangover=0)
    slots, noise = np.array([gate.open()]), np.full((1, WINDOW), 10 ** (-56 / 20), np.float32)
    for _ in range(5 * SECOND):
        last = gate.run(slots, noise)[0]
    assert last == 0
    detector.opened = 0
    assert gate.open() == 0
    assert gate.run(slots, noise)[0] > 0


@given(st.lists(st.floats(-80, -40), min_size=1, max_size=300))
def test_whatever_came_before_the_loud_is_heard_and_the_quiet_is_not(levels_dbfs: list[float]) -> None:
    for told, level in zip(heard(levels_dbfs), levels_dbfs, strict=True):
        if level > LOUD_DBFS + 0.01:
            assert told
        if level < QUIET_DBFS - 0.01:
            assert not told


def test_many_streams_open() -> None:
    gate = GatedVad(CountingDetector(), -60, 0)
    slots = np.array([gate.open() for _ in range(200)])
    assert gate.run(slots, np.full((200, WINDOW), LOUD, np.float32)).min() > 0.8
