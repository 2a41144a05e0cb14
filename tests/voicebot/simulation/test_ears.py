"""The simulated people's ears: speech begins and ends; waits are measured to the frame."""

import numpy as np
import pytest

from voicebot.simulation.ears import (
    FRAME_MS,
    FRAME_SAMPLES,
    BotStarted,
    BotStopped,
    Ears,
    Samples,
    level_dbfs,
)
from voicebot.simulation.reply_times import ReplyTimes

LOUD = np.full(FRAME_SAMPLES, 3000, np.int16)
QUIET = np.zeros(FRAME_SAMPLES, np.int16)


class LoudIsSpeech:
    def is_speech(self, frame: bytes, sample_rate: int) -> bool:
        return max(frame) > 0


def hear(ears: Ears, pattern: list[tuple[Samples, float]]) -> list[BotStarted | BotStopped]:
    events: list[BotStarted | BotStopped] = []
    now = 0.0
    for frame, ms in pattern:
        for _ in range(int(ms // FRAME_MS)):
            now += FRAME_MS
            event = ears.hear(frame, now)
            if event is not None:
                events.append(event)
    return events


def test_speech_from_start_to_end_with_what_came_just_before() -> None:
    started, stopped = hear(Ears(LoudIsSpeech()), [(QUIET, 500), (LOUD, 1000), (QUIET, 1000)])
    assert isinstance(started, BotStarted)
    assert isinstance(stopped, BotStopped)
    assert started.at_ms == 560
    assert (stopped.start_ms, stopped.end_ms) == (500, 1500)
    assert stopped.at_ms == pytest.approx(1500 + 660)
    loud = np.flatnonzero(stopped.samples)
    assert len(loud) == 8 * 1000
    assert loud[0] > 0, "a soft first consonant must not be lost"


def test_pause_between_sentences_is_not_the_end() -> None:
    events = hear(Ears(LoudIsSpeech()), [(LOUD, 800), (QUIET, 600), (LOUD, 800), (QUIET, 700)])
    assert [type(event) for event in events] == [BotStarted, BotStopped]


def test_click_is_not_speech() -> None:
    assert hear(Ears(LoudIsSpeech()), [(LOUD, 40), (QUIET, 100), (LOUD, 40), (QUIET, 1000)]) == []


def test_of_long_speech_the_end_is_kept() -> None:
    _, stopped = hear(Ears(LoudIsSpeech()), [(LOUD, 40_000), (QUIET, 700)])
    assert isinstance(stopped, BotStopped)
    assert len(stopped.samples) == 25_000 * 8
    assert stopped.start_ms == 0


def test_flush_gives_what_was_being_said() -> None:
    ears = Ears(LoudIsSpeech())
    assert ears.flush(0) is None
    hear(ears, [(LOUD, 400)])
    speech = ears.flush(400)
    assert speech is not None
    assert speech.end_ms == 400


def test_level() -> None:
    assert level_dbfs(np.full(160, 32767, np.int16)) == pytest.approx(0, abs=0.01)
    assert level_dbfs(np.full(160, 328, np.int16)) == pytest.approx(-40, abs=0.1)
    assert level_dbfs(QUIET) == -120


def test_greeting_and_reply_are_measured_to_the_first_sound() -> None:
    times = ReplyTimes()
    for at in (700, 720, 740):
        times.audible(at)
    times.line_started()
    times.line_left(3000)
    times.audible(3640)
    times.audible(3660)
    assert times.greeting_ms == 700
    assert times.replies_ms == [640]
    assert times.talked_over == 0


def test_bot_that_is_still_speaking_owes_no_reply() -> None:
    times = ReplyTimes()
    times.audible(0)
    times.line_started()
    for at in range(1000, 2000, 20):
        times.audible(at)
    times.line_left(2050)
    times.audible(2060)
    assert times.replies_ms == []


def test_line_before_the_greeting_is_measured_by_the_greeting() -> None:
    times = ReplyTimes()
    times.line_started()
    times.line_left(900)
    times.audible(1400)
    assert times.greeting_ms == 1400
    assert times.replies_ms == []


def test_bot_that_begins_in_the_middle_of_a_line_talks_over_it_once() -> None:
    times = ReplyTimes()
    times.audible(0)
    times.line_started()
    for at in range(2000, 3000, 20):
        times.audible(at)
    assert times.talked_over == 1


def test_interruption_is_not_talked_over_when_the_bot_falls_silent() -> None:
    times = ReplyTimes()
    for at in range(0, 2000, 20):
        times.audible(at)
    times.line_started()
    for at in range(2000, 2400, 20):
        times.audible(at)
    times.line_left(4000)
    times.audible(4500)
    assert times.talked_over == 0
    assert times.replies_ms == [500]
