"""The queue of frames heard: uneven arrival, late reading, lost time."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from telephony.heard import HeardQueue


def frame(value: int) -> bytes:
    return np.full(160, value, np.int16).tobytes()


def read(queue: HeardQueue) -> int | None:
    into = np.full(160, 99, np.int16)
    heard = queue.pop(into)
    assert heard or not into.any()
    assert np.all(into == into[0])
    return int(into[0]) if heard else None


def test_frames_come_out_in_order() -> None:
    queue = HeardQueue()
    queue.push(frame(1) + frame(2)[:100])
    assert (read(queue), read(queue)) == (1, None)
    queue.push(frame(2)[100:] + frame(3))
    assert (read(queue), read(queue), read(queue)) == (2, 3, None)


def test_a_late_reader_gets_the_newest_audio() -> None:
    queue = HeardQueue()
    queue.push(b"".join(frame(number) for number in range(1, 51)))
    assert [read(queue) for _ in range(3)] == [49, 50, None]
    assert queue.dropped_frames == 48


def test_a_hundred_milliseconds_may_wait() -> None:
    queue = HeardQueue()
    for number in range(1, 6):
        queue.push(frame(number))
    assert [read(queue) for _ in range(5)] == [1, 2, 3, 4, 5]


def test_delay_that_stays_is_shed_in_silence_only() -> None:
    queue = HeardQueue()
    queue.push(frame(5000))  # one frame ahead from here on, as after one late tick
    for _ in range(200):
        queue.push(frame(5000))
        assert read(queue) == 5000
    assert queue.dropped_frames == 0
    queue.push(frame(0))
    read(queue)
    queue.push(frame(7000))
    # The quiet frame that waited was left out: what has just arrived is read at once.
    assert read(queue) == 7000
    assert (queue.dropped_frames, read(queue)) == (1, None)


def test_jitter_is_not_taken_for_delay() -> None:
    queue = HeardQueue()
    for _ in range(500):
        queue.push(frame(0) + frame(0))
        assert (read(queue), read(queue)) == (0, 0)
    assert queue.dropped_frames == 0


@given(st.lists(st.integers(min_value=-1, max_value=12), max_size=200))
def test_nothing_is_repeated_reordered_or_kept_long(steps: list[int]) -> None:
    """-1 reads; n pushes n frames."""
    queue, newest, last = HeardQueue(), 1000, 1000
    for step in steps:
        if step >= 0:
            queue.push(b"".join(frame(newest + number + 1) for number in range(step)))
            newest += step
            continue
        value = read(queue)
        if value is not None:
            assert last < value <= newest
            assert newest - value < 5
            last = value
