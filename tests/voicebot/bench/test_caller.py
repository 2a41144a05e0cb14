"""A caller measures what it is told: when it spoke, when it was answered, and what was wrong with that."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.bench.talk.caller import FRAME_S, Caller, Line, Turn

LOUD, FAINT = -20.0, -60.0
GREETING = (0.5, 2.0)
LINE_FRAMES = 50


def talk(
    lines: int,
    replies: Iterable[tuple[float, float]],
    *,
    greeting: tuple[float, float] | None = GREETING,
    longest_s: float = 60.0,
    noise: float | None = None,
) -> tuple[Caller, list[tuple[float, tuple[int, int]]]]:
    """Play a call. `replies`: after each line, sounds as (seconds after its end, length); begun before if
    negative. A line's sounds are a list separated by lines in order; noise is a level heard all the time."""
    caller = Caller([Line(number, LINE_FRAMES) for number in range(lines)], [0.5] * lines, 0.0)
    sounds = [greeting] if greeting else []
    waiting = list(replies)
    said: list[tuple[float, tuple[int, int]]] = []
    for tick in range(round(longest_s / FRAME_S)):
        now_s = tick * FRAME_S
        heard = any(start <= now_s < start + length for start, length in sounds)
        if heard or noise is not None:
            caller.hear(now_s, LOUD if heard else noise or FAINT)
        if (frame := caller.next_frame(now_s)) is not None:
            if frame[1] == 0 and waiting:
                end_s = now_s + (LINE_FRAMES - 1) * FRAME_S
                after_s, length = waiting.pop(0)
                sounds.append((end_s + after_s, length))
            said.append((now_s, frame))
        if caller.done:
            break
    return caller, said


def test_a_reply_is_timed_from_the_last_frame_sent_to_its_first_audible_frame() -> None:
    caller, said = talk(2, [(0.4, 1.0), (0.7, 1.0)])
    assert caller.done
    assert caller.greeting_s == pytest.approx(0.5, abs=FRAME_S)
    assert [turn.latency_s for turn in caller.turns] == pytest.approx([0.4, 0.7], abs=FRAME_S + 1e-6)
    assert [(turn.utterance, turn.early, turn.answers) for turn in caller.turns] == [
        (0, False, 1),
        (1, False, 1),
    ]
    assert [frame for _, frame in said] == [(line, at) for line in range(2) for at in range(LINE_FRAMES)]


def test_the_caller_waits_for_the_end_of_the_bot_and_then_its_pause() -> None:
    _, said = talk(1, [(0.4, 1.0)])
    greeting_end_s = sum(GREETING)
    assert said[0][0] - greeting_end_s == pytest.approx(0.2 + 0.5, abs=2 * FRAME_S)


def test_a_bot_that_begins_before_the_caller_has_ended_was_early_and_has_no_latency() -> None:
    caller, _ = talk(1, [(-0.3, 1.0)])
    (turn,) = caller.turns
    assert turn.early
    assert turn.latency_s is None


def test_a_second_answer_after_a_silence_is_counted() -> None:
    caller = Caller([Line(0, 1)], [0.3], 0.0)
    sounds = [(0.1, 0.5), (1.9, 0.5), (2.9, 0.5)]  # Greeting, reply, another reply.
    for tick in range(400):
        now_s = tick * FRAME_S
        if any(start <= now_s < start + length for start, length in sounds):
            caller.hear(now_s, LOUD)
        caller.next_frame(now_s)
    (turn,) = caller.turns
    assert turn.answers == 2
    assert turn.latency_s is not None


def test_a_pause_between_two_sentences_is_no_second_answer() -> None:
    caller, _ = talk(1, [(0.4, 0.6)])
    assert caller.turns[0].answers == 1
    caller = Caller([Line(0, 1)], [0.3], 0.0)
    for tick in range(400):
        now_s = tick * FRAME_S
        if any(start <= now_s < start + length for start, length in [(0.1, 0.5), (1.9, 0.5), (2.65, 0.5)]):
            caller.hear(now_s, LOUD)
        caller.next_frame(now_s)
    assert caller.turns[0].answers == 1


def test_silence_is_given_up_after_eight_seconds_and_the_call_goes_on() -> None:
    caller, said = talk(2, [(30.0, 1.0), (30.0, 1.0)])
    assert [(turn.latency_s, turn.answers) for turn in caller.turns] == [(None, 0), (None, 0)]
    second_s = next(now_s for now_s, frame in said if frame == (1, 0))
    assert second_s - caller.turns[0].ended_s == pytest.approx(8.0 + 0.7, abs=0.1)


def test_one_loud_frame_is_a_click_and_noise_is_no_reply() -> None:
    caller, _ = talk(1, [(0.4, FRAME_S / 2)], noise=FAINT)
    assert caller.turns[0].latency_s is None


def test_a_call_that_ends_keeps_the_turn_that_was_open() -> None:
    caller, _ = talk(2, [(0.4, 1.0)], longest_s=4.6)
    assert not caller.done
    caller.end()
    assert caller.done
    assert [turn.utterance for turn in caller.turns] == [0]


@given(
    st.lists(
        st.tuples(st.floats(-1.5, 12.0), st.floats(0.05, 3.0)),
        min_size=3,
        max_size=3,
    ),
    st.booleans(),
)
def test_whatever_the_bot_does_the_call_ends_with_one_entry_for_each_line(
    replies: list[tuple[float, float]], greets: bool
) -> None:
    caller, said = talk(3, replies, greeting=GREETING if greets else None, longest_s=120)
    assert caller.done
    assert [turn.utterance for turn in caller.turns] == [0, 1, 2]
    assert len(said) == 3 * LINE_FRAMES
    for turn in caller.turns:
        _is_sound(turn)


def _is_sound(turn: Turn) -> None:
    if turn.latency_s is not None:
        assert 0 <= turn.latency_s <= 8.0
        assert turn.answers >= 1
        assert not turn.early
