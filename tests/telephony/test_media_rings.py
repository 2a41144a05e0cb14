"""The rings between a worker process and the service: nothing is lost, doubled or put out of order."""

import os
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.sip.media_rings import RING_SAMPLES, MediaMemory, ServiceRings, WorkerRings


@pytest.fixture
def memory() -> Iterator[MediaMemory]:
    memory = MediaMemory(3)
    yield memory
    memory.close()


def ends(memory: MediaMemory, slot: int = 1) -> tuple[ServiceRings, WorkerRings]:
    """As two processes would have them: each with a mapping of its own."""
    other = MediaMemory(memory.slots, os.dup(memory.descriptor))
    return ServiceRings(memory, slot), WorkerRings(other, slot)


def numbers(start: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return (np.arange(start, start + count) % 30_000).astype(np.int16)


@given(st.lists(st.tuples(st.sampled_from(["put", "read"]), st.integers(1, 900)), max_size=80))
@settings(max_examples=60, deadline=None)
def test_what_is_heard_arrives_whole_and_in_order(steps: list[tuple[str, int]]) -> None:
    memory = MediaMemory(2)
    service, worker = ends(memory)
    put, got, unread = 0, 0, 0
    for step, count in steps:
        if step == "put" and unread + count < RING_SAMPLES // 2:
            worker.put_heard(numbers(put, count))
            put, unread = put + count, unread + count
        elif step == "read":
            heard = np.frombuffer(service.read(), np.int16)
            assert np.array_equal(heard, numbers(got, len(heard)))
            got, unread = got + len(heard), 0
            assert got == put
    memory.close()


def test_a_reader_that_was_away_gets_the_newest(memory: MediaMemory) -> None:
    service, worker = ends(memory)
    for start in range(0, 20_000, 160):
        worker.put_heard(numbers(start, 160))
    heard = np.frombuffer(service.read(), np.int16)
    assert len(heard) == RING_SAMPLES * 3 // 4
    assert heard[-1] == numbers(19_999, 1)[0]
    assert service.read() == b""


def test_what_is_said_goes_out_once(memory: MediaMemory) -> None:
    service, worker = ends(memory)
    sent: list[int] = []
    for start in range(0, 24_000, 160):
        assert service.write(numbers(start, 160)) == 160
        taken = worker.take_said()
        assert taken is not None
        worker.said_was_taken(len(taken), 0)
        sent += taken.tolist()
    assert sent == numbers(0, 24_000).tolist()
    assert service.queued() == 0


def test_a_full_ring_takes_no_more(memory: MediaMemory) -> None:
    service, _ = ends(memory)
    assert service.write(numbers(0, RING_SAMPLES - 10)) == RING_SAMPLES - 10
    assert service.write(numbers(0, 160)) == 10
    assert service.queued() == RING_SAMPLES


def test_a_flush_drops_what_was_written_and_nothing_after_it(memory: MediaMemory) -> None:
    service, worker = ends(memory)
    service.write(numbers(0, 800))
    service.flush()
    assert service.queued() == 0
    service.write(numbers(5_000, 160))
    assert service.queued() == 160
    assert worker.flush_wanted()
    assert not worker.flush_wanted()
    assert (taken := worker.take_said()) is not None
    assert taken.tolist() == numbers(5_000, 160).tolist()
    worker.said_was_taken(160, 160)
    assert service.queued() <= 160


def test_a_slot_starts_clean_and_does_not_touch_its_neighbours(memory: MediaMemory) -> None:
    first, _ = ends(memory, 0)
    service, worker = ends(memory, 1)
    first.write(numbers(0, 320))
    service.write(numbers(0, 320))
    worker.put_heard(numbers(0, 320))
    memory.clear(1)
    assert service.queued() == 0
    assert service.read() == b""
    assert first.queued() == 320


def test_the_worker_shows_that_it_lives(memory: MediaMemory) -> None:
    before = memory.beats
    MediaMemory(memory.slots, os.dup(memory.descriptor)).beat()
    assert memory.beats == before + 1
