"""Playout: nothing lost, nothing said twice, and the transcript holds only what was heard."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dialogs.turn import Saying
from models.tts import Speech, first_words, words_of
from telephony.line import FRAME_SAMPLES
from voicebot.call.reply.playout import GAP_SAMPLES, Playout


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


TEXTS = st.sampled_from(
    ["one two three four five six", "w0, w1 w2. w3", "您好，我是小王。再见！", "AI 助手 is 很 好"]
)


def clause(text: str, start: int, end: int) -> Speech:
    """Words `start` to `end`; word n sounds as the value n + 1 for 3 frames and 50 samples."""
    count = 3 * FRAME_SAMPLES + 50
    samples = [np.full(count, number + 1, np.int16) for number in range(start, end)]
    ends = tuple(count * (number + 1) for number in range(end - start))
    return Speech("", np.concatenate(samples or [np.zeros(0, np.int16)]), ends)


@given(TEXTS, st.data())
def test_wherever_a_saying_is_parted_the_heard_words_are_those_of_the_whole(
    text: str, data: st.DataObject
) -> None:
    count = len(words_of(text))
    cuts = sorted(data.draw(st.sets(st.integers(1, count - 1)), label="cuts"))
    bounds = list(zip([0, *cuts], [*cuts, count], strict=True))
    parted, whole = Playout(), Playout()
    for playout in (parted, whole):
        playout.begin()
    whole.add(saying(text), clause(text, 0, count))
    said = saying(text)
    for start, end in bounds:
        parted.add(said, clause(text, start, end), whole=end == count)
    for _ in range(data.draw(st.integers(0, 4 * count), label="frames")):
        ours, reference = parted.next_frame(), whole.next_frame()
        assert ours is not None
        assert reference is not None
        np.testing.assert_array_equal(ours, reference)
    unsent = data.draw(st.integers(0, 3), label="unsent") * FRAME_SAMPLES
    for playout in (parted, whole):
        playout.pause(unsent)
    assert parted.heard_words() == whole.heard_words()
    assert parted.remaining_samples == whole.remaining_samples
    assert text.startswith(parted.heard_words())
    for playout in (parted, whole):
        playout.resume()
        playout.end()
    np.testing.assert_array_equal(drain(parted), drain(whole))
    assert parted.heard_words() == text
    assert parted.heard_by_saying() == ((said, text),)


@given(TEXTS, st.lists(st.tuples(st.integers(1, 3), st.integers(0, 25)), min_size=1, max_size=8))
def test_a_clause_that_comes_late_leaves_silence_and_no_word_is_lost(
    text: str, arrivals: list[tuple[int, int]]
) -> None:
    """Each of `arrivals` is (words in the clause, ticks before it)."""
    playout, said = Playout(), saying(text)
    playout.begin()
    count, start, silent = len(words_of(text)), 0, 0
    sound: list[np.ndarray] = []
    for words, ticks in arrivals:
        if start == count:
            break
        for _ in range(ticks):
            frame = playout.next_frame()
            silent += FRAME_SAMPLES if start and frame is None else 0
            sound += [] if frame is None else [frame]
            assert text.startswith(playout.heard_words())
        end = min(count, start + words)
        playout.add(said, clause(text, start, end), whole=end == count)
        start = end
    playout.end()
    sound.append(drain(playout))
    assert playout.heard_words() == first_words(text, start)
    heard = np.concatenate(sound)
    np.testing.assert_array_equal(heard[heard != 0], clause(text, 0, start).samples)
    padding = (
        len(np.concatenate(sound[:-1])) - np.count_nonzero(np.concatenate(sound[:-1])) if sound[:-1] else 0
    )
    assert playout.starved_samples == silent + padding


def test_what_is_left_is_estimated_while_clauses_are_missing() -> None:
    playout = Playout()
    playout.begin()
    said = saying("one two three four")
    playout.add(said, clause(said.text, 0, 1), whole=False)
    assert playout.ready_samples == 3 * FRAME_SAMPLES + 50
    assert playout.remaining_samples == 4 * playout.ready_samples
    assert playout.audible


def test_a_saying_whose_rest_could_not_be_rendered_ends_with_what_there_is() -> None:
    playout = Playout()
    playout.begin()
    said = saying("one two three four")
    playout.add(said, clause(said.text, 0, 2), whole=False)
    playout.end()
    drain(playout)
    assert not playout.active
    assert playout.heard_words() == "one two"
