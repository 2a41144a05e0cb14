"""Endpointing under scripted time: who speaks when, and what the machine makes of it."""

from hypothesis import given
from hypothesis import strategies as st

from voicebot.call.turn_taking.endpointing import (
    Endpointer,
    EndpointEvent,
    Paused,
    Resumed,
    SilenceElapsed,
    SpeechStarted,
    TurnEnded,
    guess_after,
)
from voicebot.settings import EndpointingSettings

TICK_MS = 20
SETTINGS = EndpointingSettings()


def play(
    endpointer: Endpointer, *stretches: tuple[int, float], from_ms: int = 0, wait_ms: float = 0.0
) -> list[EndpointEvent]:
    """Step through (length in ms, probability) stretches; all events in order."""
    events: list[EndpointEvent] = []
    now_ms = from_ms
    for length_ms, probability in stretches:
        for _ in range(length_ms // TICK_MS):
            now_ms += TICK_MS
            events += endpointer.step(now_ms, probability, wait_ms)
    return events


def test_a_sentence_starts_pauses_and_ends() -> None:
    events = play(Endpointer(SETTINGS), (400, 0.0), (1000, 0.9), (1000, 0.0))
    assert events == [SpeechStarted(1, 420), Paused(1, 420, 1420), TurnEnded(1, 420, 1420)]


def test_a_click_is_no_speech() -> None:
    assert play(Endpointer(SETTINGS), (200, 0.0), (60, 0.9), (2000, 0.0)) == []


def test_going_on_after_a_pause_makes_the_guess_void() -> None:
    events = play(Endpointer(SETTINGS), (600, 0.9), (400, 0.0), (600, 0.9), (1000, 0.0))
    kinds = [type(event) for event in events]
    assert kinds == [SpeechStarted, Paused, Resumed, Paused, TurnEnded]
    assert {event.utterance for event in events if not isinstance(event, SilenceElapsed)} == {1}


def test_a_short_pause_is_not_even_guessed_at() -> None:
    events = play(Endpointer(SETTINGS), (600, 0.9), (SETTINGS.speculate_ms - TICK_MS, 0.0), (600, 0.9))
    assert [type(event) for event in events] == [SpeechStarted]


def test_going_on_tells_how_long_the_pause_was() -> None:
    events = play(Endpointer(SETTINGS), (600, 0.9), (400, 0.0), (600, 0.9))
    assert events[-1] == Resumed(1, pause_ms=400)


def test_a_busy_recogniser_is_not_asked_to_guess_before_the_turn_is_nearly_over() -> None:
    idle, busy, swamped = (
        play(Endpointer(SETTINGS), (600, 0.9), (700, 0.0), wait_ms=wait_ms) for wait_ms in (0, 250, 5000)
    )
    assert isinstance(idle[1], Paused)
    assert isinstance(busy[1], Paused)
    # Whoever goes on by then costs the others nothing.
    assert [type(event) for event in swamped] == [SpeechStarted, TurnEnded]
    resumed = play(Endpointer(SETTINGS), (600, 0.9), (300, 0.0), (600, 0.9), wait_ms=250)
    assert [type(event) for event in resumed] == [SpeechStarted]


WAITS_MS = st.floats(0, 20_000)


@given(WAITS_MS, WAITS_MS, st.integers(SETTINGS.commit_ms, SETTINGS.dictation_end_ms))
def test_the_longer_the_queue_the_later_the_guess(one: float, other: float, end_ms: int) -> None:
    shorter, longer = (guess_after(wait_ms, end_ms, SETTINGS) for wait_ms in sorted((one, other)))
    assert SETTINGS.speculate_ms <= shorter <= longer <= max(end_ms, SETTINGS.speculate_ms)


def test_an_idle_recogniser_is_asked_at_once() -> None:
    assert guess_after(0, SETTINGS.end_ms, SETTINGS) == SETTINGS.speculate_ms


def test_dictation_waits_longer() -> None:
    endpointer = Endpointer(SETTINGS)
    endpointer.end_after(SETTINGS.dictation_end_ms)
    pause = SETTINGS.end_ms + 300
    events = play(endpointer, (600, 0.9), (pause, 0.0), (600, 0.9), (2000, 0.0))
    assert sum(isinstance(event, TurnEnded) for event in events) == 1


def test_words_that_are_enough_end_the_turn_silently() -> None:
    endpointer = Endpointer(SETTINGS)
    play(endpointer, (600, 0.9), (300, 0.0))
    endpointer.finish()
    assert not endpointer.speaking
    assert play(endpointer, (2000, 0.0), from_ms=900) == []


def test_the_watchdog_ends_endless_speech() -> None:
    events = play(Endpointer(SETTINGS), (SETTINGS.longest_ms + 1000, 0.9))
    ends = [event for event in events if isinstance(event, TurnEnded)]
    assert ends[0].cut
    assert ends[0].end_ms - ends[0].start_ms >= SETTINGS.longest_ms


def test_silence_is_reported_once_and_only_when_awaited() -> None:
    endpointer = Endpointer(SETTINGS)
    assert play(endpointer, (5000, 0.0)) == []
    endpointer.await_speech(8000)
    assert play(endpointer, (6000, 0.0), from_ms=5000) == [SilenceElapsed(8000)]


def test_speech_ends_the_wait() -> None:
    endpointer = Endpointer(SETTINGS)
    endpointer.await_speech(1000)
    events = play(endpointer, (900, 0.0), (600, 0.9), (3000, 0.0))
    assert not any(isinstance(event, SilenceElapsed) for event in events)


@given(
    st.lists(st.tuples(st.integers(1, 120), st.floats(0, 1)), max_size=60),
    st.booleans(),
)
def test_whatever_is_heard_utterances_start_and_end_once(
    stretches: list[tuple[int, float]], dictation: bool
) -> None:
    endpointer = Endpointer(SETTINGS)
    endpointer.end_after(SETTINGS.dictation_end_ms if dictation else SETTINGS.end_ms)
    events = play(endpointer, *((ticks * TICK_MS, p) for ticks, p in stretches), (25_000, 0.0))
    open_utterance: int | None = None
    guessed = False
    for event in events:
        match event:
            case SpeechStarted(utterance=number):
                assert open_utterance is None
                open_utterance, guessed = number, False
            case Paused(utterance=number, start_ms=start, end_ms=end):
                assert open_utterance == number
                assert start <= end
                assert not guessed
                guessed = True
            case Resumed(utterance=number):
                assert open_utterance == number
                assert guessed
                guessed = False
            case TurnEnded(utterance=number, start_ms=start, end_ms=end):
                assert open_utterance == number
                assert 0 <= end - start <= SETTINGS.longest_ms + TICK_MS
                open_utterance = None
    assert open_utterance is None
    assert not endpointer.speaking


@given(st.lists(st.floats(0, 1), min_size=1, max_size=400))
def test_speech_time_never_exceeds_the_time_since_the_start(probabilities: list[float]) -> None:
    endpointer = Endpointer(SETTINGS)
    for tick, probability in enumerate(probabilities, start=1):
        endpointer.step(tick * TICK_MS, probability)
        assert 0 <= endpointer.speech_ms(tick * TICK_MS) <= tick * TICK_MS
