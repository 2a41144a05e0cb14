"""The account of what the far end has played."""

from hypothesis import given
from hypothesis import strategies as st

from telephony.websocket.playout import PlayedPosition


def test_the_clock_runs_from_the_moment_of_sending() -> None:
    position = PlayedPosition(marks=False)
    for _ in range(10):
        position.write(5.0, 160)
    assert position.queued(5.0) == 1_600
    assert position.queued(5.1) == 800
    assert position.queued(9.0) == 0
    position.write(9.0, 160)  # the buffer had run dry: it starts anew
    assert position.queued(9.01) == 80


def test_cleared_audio_is_never_played() -> None:
    position = PlayedPosition(marks=True)
    for _ in range(50):
        position.write(1.0, 160)
    position.clear(1.3)
    assert position.written == position.played(1.3) == position.played(9.0) == 2_400
    position.mark_played(1.4, "p5")  # the echo of a mark that the clear swept out
    assert position.played(1.4) == 2_400


def test_a_provider_that_halts_is_noticed_by_its_marks() -> None:
    position = PlayedPosition(marks=True)
    marks = [mark for _ in range(50) if (mark := position.write(0.0, 160))]
    position.mark_played(0.15, marks[0])  # played at 0.1, and 50 ms on the way
    assert position.played(0.15) == 1_200
    position.mark_played(0.75, marks[1])  # would have come at 0.25: half a second of silence
    assert position.played(0.75) == 2_000
    assert position.played(0.85) == 2_800
    position.mark_played(0.85, marks[2])
    assert position.played(1.45) == 3_200  # the fourth is overdue: nothing beyond it is claimed


def test_one_late_echo_is_forgotten_with_the_next() -> None:
    position = PlayedPosition(marks=True)
    marks = [mark for _ in range(50) if (mark := position.write(0.0, 160))]
    position.mark_played(0.12, marks[0])
    position.mark_played(0.32, marks[1])  # 100 ms late for the network's sake
    assert position.played(0.32) == 1_760
    position.mark_played(0.33, marks[2])
    position.mark_played(0.42, marks[3])
    assert position.played(0.42) == 3_360


STEPS = st.lists(st.tuples(st.sampled_from("wmc"), st.floats(0, 0.5)), max_size=100)


@given(STEPS, st.booleans())
def test_played_never_exceeds_written_nor_real_time(steps: list[tuple[str, float]], marks: bool) -> None:
    position, at, sent, pending = PlayedPosition(marks=marks), 0.0, 0, []
    for what, pause in steps:
        at += pause
        if what == "w":
            sent += 160
            if mark := position.write(at, 160):
                pending.append(mark)
        elif what == "m" and pending:
            position.mark_played(at, pending.pop(0))
        elif what == "c":
            position.clear(at)
            assert position.queued(at) == 0
        assert 0 <= position.played(at) <= position.written <= sent
        assert position.queued(at + 60) <= position.queued(at) or marks
        assert marks or position.queued(at + 60) == 0
