"""Playout: nothing lost, nothing said twice, and the transcript holds only what was heard."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dialogs.turn import Saying
from models.tts import Speech
from telephony.line import FRAME_SAMPLES
from voicebot.call.playout import GAP_SAMPLES, Playout


def speech(text: str, word_frames: int = 5) -> Speech:
    words = text.split()
    length = word_frames * FRAME_SAMPLES
    samples = np.concatenate([np.full(length, number + 1, np.int16) for number in range(len(words))])
    return Speech(text, samples, tuple(length * (number + 1) for number in range(len(words))))


def saying(text: str, *, barge_in: bool = True) -> Saying:
    return Saying(text, "node", barge_in)


def drain(playout: Playout) -> np.ndarray:
    frames = []
    while (frame := playout.next_frame()) is not None:
        assert frame.shape == (FRAME_SAMPLES,)
        frames.append(frame)
    return np.concatenate(frames) if frames else np.zeros(0, np.int16)


def test_a_reply_is_played_whole_with_a_gap_between_sayings() -> None:
    playout = Playout()
    playout.begin()
    playout.add(saying("one two"), speech("one two"))
    playout.add(saying("three"), speech("three"))
    playout.end()
    sound = drain(playout)
    assert not playout.active
    assert not playout.dropped
    assert playout.heard_words() == "one two three"
    assert sound.size >= 3 * 5 * FRAME_SAMPLES + GAP_SAMPLES


def test_a_stop_keeps_only_the_words_that_reached_the_ear() -> None:
    playout = Playout()
    playout.begin()
    playout.add(saying("one two three"), speech("one two three"))
    playout.end()
    for _ in range(11):
        playout.next_frame()
    playout.pause(unsent_samples=2 * FRAME_SAMPLES)
    assert playout.next_frame() is None
    assert playout.heard_words() == "one"
    playout.drop()
    assert playout.dropped
    assert not playout.active
    assert playout.heard_words() == "one"


def test_a_false_stop_says_the_cut_word_again() -> None:
    playout = Playout()
    playout.begin()
    playout.add(saying("one two three"), speech("one two three"))
    playout.end()
    for _ in range(7):
        playout.next_frame()
    playout.pause(0)
    playout.resume()
    rest = drain(playout)
    assert rest[0] == 2
    assert playout.heard_words() == "one two three"


def test_a_locked_saying_is_locked_until_its_end() -> None:
    playout = Playout()
    playout.begin()
    playout.add(saying("this is a machine", barge_in=False), speech("this is a machine"))
    playout.add(saying("how are you"), speech("how are you"))
    playout.end()
    while playout.locked:
        assert playout.next_frame() is not None
    assert playout.heard_words() == "this is a machine"
    assert playout.active


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2)), max_size=6),
)
def test_stops_and_resumes_never_lose_or_invent_words(
    lengths: list[int], interruptions: list[tuple[int, int]]
) -> None:
    playout = Playout()
    playout.begin()
    texts = [" ".join(f"w{i}x{k}" for k in range(n)) for i, n in enumerate(lengths)]
    for text in texts:
        playout.add(saying(text), speech(text, word_frames=3))
    playout.end()
    everything = " ".join(texts)
    for frames, unsent in interruptions:
        for _ in range(frames):
            playout.next_frame()
        playout.pause(unsent * FRAME_SAMPLES)
        assert everything.startswith(playout.heard_words())
        playout.resume()
    drain(playout)
    assert playout.heard_words() == everything
