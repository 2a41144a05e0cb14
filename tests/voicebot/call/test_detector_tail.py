"""The tail of the voice detector is cut off; speech, however soft, is not."""

from hypothesis import given
from hypothesis import strategies as st

from voicebot.call.turn_taking.detector_tail import LONGEST_MS, QUIETER_DB, DetectorTail

LEVELS, PROBABILITIES = st.floats(-100, 0), st.floats(0, 1)


def heard(*frames: tuple[float, float]) -> list[float]:
    tail = DetectorTail()
    return [tail.step(20 * tick, level, probability) for tick, (level, probability) in enumerate(frames)]


def test_silence_after_words_is_silence_though_the_detector_rings_on() -> None:
    assert heard(*[(-20.0, 0.9)] * 5, *[(-70.0, 0.9)] * 6) == [0.9] * 5 + [0.0] * 6


def test_a_noisy_line_is_left_to_the_detector() -> None:
    assert heard(*[(-20.0, 0.9)] * 5, *[(-50.0, 0.9)] * 6) == [0.9] * 11


def test_weak_sounds_of_a_word_are_kept() -> None:
    assert heard((-20.0, 0.9), (-20.0 - QUIETER_DB + 1, 0.6), (-22.0, 0.9)) == [0.9, 0.6, 0.9]


def test_a_soft_voice_after_a_loud_noise_is_heard_when_a_tail_would_be_over() -> None:
    passed = heard(*[(-3.0, 0.9)] * 5, *[(-45.0, 0.9)] * 30)
    assert passed[5] == 0.0
    first = passed.index(0.9, 5)
    assert (first - 5) * 20 <= LONGEST_MS
    assert passed[first:] == [0.9] * len(passed[first:])


@given(st.lists(st.tuples(LEVELS, PROBABILITIES), max_size=200))
def test_it_only_ever_takes_away_and_never_for_longer_than_a_tail(frames: list[tuple[float, float]]) -> None:
    cut = 0
    for (_, probability), passed in zip(frames, heard(*frames), strict=True):
        assert passed in (probability, 0.0)
        cut = cut + 1 if passed != probability else 0
        assert cut * 20 <= LONGEST_MS
