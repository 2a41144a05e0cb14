"""Our own voice on its way back is nobody who speaks; whoever is louder than it is heard at once."""

import math
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicebot.call.media.levels import SILENT_DBFS, frame_dbfs
from voicebot.call.turn_taking import echo
from voicebot.call.turn_taking.barge_in import BargeIn
from voicebot.call.turn_taking.echo import (
    AUDIBLE_DBFS,
    FIRST_LOSS_DB,
    HANGOVER,
    MOST_LOSS_DB,
    WINDOW,
    EchoGate,
    loss_bounds,
)
from voicebot.call.turn_taking.endpointing import Endpointer, SpeechStarted
from voicebot.settings import BargeInSettings, EndpointingSettings

SETTINGS = BargeInSettings()
NOISE_DBFS = -70.0


def first_gate(first_loss_db: float = FIRST_LOSS_DB) -> EchoGate:
    """Gates begin to measure at different ticks, by how many there were before: here always at the same."""
    echo._gates = count()
    return EchoGate(SETTINGS.least_echo_loss_db, first_loss_db)


def strict_gate() -> EchoGate:
    """Assumes the worst of lines until it knows better."""
    return first_gate(SETTINGS.least_echo_loss_db)


LEVELS = st.lists(st.floats(-60, -10), min_size=60, max_size=400)
LOSSES = st.floats(SETTINGS.least_echo_loss_db, 40)
DELAYS = st.integers(1, WINDOW - 5)


def together(*dbfs: float) -> float:
    return 10 * math.log10(sum(10 ** (each / 10) for each in dbfs))


def heard_of(said: list[float], loss_db: float, delay: int) -> list[float]:
    """What of `said` comes back, in the noise of the line."""
    late = [*[SILENT_DBFS] * delay, *said][: len(said)]
    return [together(level - loss_db, NOISE_DBFS) for level in late]


def speech(ticks: int, seed: int = 0, dbfs: float = -15.0) -> list[float]:
    """Levels like those of a voice: syllables, weak sounds, pauses."""
    rng = np.random.default_rng(seed)
    slow = np.repeat(rng.normal(0, 4, ticks // 5 + 1), 5)[:ticks]
    pauses = np.where(np.repeat(rng.random(ticks // 10 + 1) < 0.15, 10)[:ticks], -60, 0)
    return [float(level) for level in np.maximum(dbfs - 3 - np.abs(slow) + pauses, -100)]


def syllables(ticks: int, seed: int) -> list[float]:
    """Levels that rise and fall as those of a voice do, four times a second and by some 20 dB."""
    rng = np.random.default_rng(seed)
    turns = np.cumsum(rng.integers(3, 9, ticks // 3 + 1))
    swing = np.where(
        np.arange(turns.size) % 2, rng.uniform(-20, -12, turns.size), rng.uniform(-45, -22, turns.size)
    )
    return [float(level) for level in np.interp(np.arange(ticks), turns, swing)]


@given(LEVELS, LOSSES, DELAYS)
def test_an_echo_alone_is_never_speech(said: list[float], loss_db: float, delay: int) -> None:
    gate, endpointer = (
        strict_gate(),
        Endpointer(EndpointingSettings()),
    )
    for tick, (sent, heard) in enumerate(zip(said, heard_of(said, loss_db, delay), strict=True)):
        audible = max(said[max(0, tick - WINDOW + 1) : tick + 1]) > AUDIBLE_DBFS
        passed = gate.step(sent, heard, 1.0)
        if audible and loss_db < 35:  # Beyond that it is the noise of the line that is heard.
            assert passed == 0.0
            assert endpointer.step(tick * 20, passed) == ()


@given(st.integers(0, 50), st.floats(6, 36), DELAYS)
def test_the_loss_of_the_line_is_learned_within_two_seconds(seed: int, loss_db: float, delay: int) -> None:
    gate = strict_gate()
    said = speech(100, seed)
    for sent, heard in zip(said, heard_of(said, loss_db, delay), strict=True):
        gate.step(sent, heard, 1.0)
    assert loss_db - 6 <= gate.loss_db <= loss_db + 0.5


@given(st.integers(0, 50), LOSSES, DELAYS, st.floats(-50, -10))
def test_somebody_who_talks_over_it_does_not_raise_the_loss(
    seed: int, loss_db: float, delay: int, talker_dbfs: float
) -> None:
    """Or the echo would pass as soon as they are silent."""
    said, talker = speech(300, seed), speech(300, seed + 1000, talker_dbfs)
    gate = strict_gate()
    for sent, back, talks in zip(said, heard_of(said, loss_db, delay), talker, strict=True):
        gate.step(sent, together(back, talks), 1.0)
        assert gate.loss_db <= max(loss_db, SETTINGS.least_echo_loss_db) + 1e-6


def test_a_quiet_caller_on_a_clean_line_is_heard() -> None:
    gate = strict_gate()
    for sent in speech(75):
        assert gate.step(sent, NOISE_DBFS, 0.1) == (0.0 if gate.active else 0.1)
    assert gate.loss_db == MOST_LOSS_DB
    passed = [gate.step(sent, -45.0, 1.0) for sent in speech(20, seed=5)]
    assert passed == [1.0] * 20


def test_a_caller_who_never_stops_talking_is_not_locked_out_either() -> None:
    """Between their words the line is quiet, and that is enough to know that it has no echo."""
    gate = strict_gate()
    quiet = speech(200, seed=3, dbfs=-36.0)
    passed = [
        gate.step(sent, together(talks, NOISE_DBFS), 1.0)
        for sent, talks in zip(speech(200), quiet, strict=True)
    ]
    assert gate.loss_db > 25
    assert sum(passed[100:]) > 50


def test_while_the_bot_is_silent_nothing_is_held_back() -> None:
    gate = strict_gate()
    for sent in speech(50):
        gate.step(sent, sent - 10, 1.0)
    assert gate.active
    for _ in range(WINDOW):
        gate.step(SILENT_DBFS, -80.0, 0.0)
    assert not gate.active
    assert gate.step(SILENT_DBFS, -60.0, 0.7) == 0.7


def test_each_stretch_of_echo_is_counted_once() -> None:
    gate = strict_gate()
    for spoken in (30, 30, 3):
        for _ in range(spoken):
            gate.step(-15.0, -35.0, 0.9)
        for _ in range(10):
            gate.step(-15.0, -60.0, 0.1)
    assert gate.suppressed == 2, "the last would not have been an utterance"


def test_a_word_is_not_cut_where_it_is_weak() -> None:
    gate = strict_gate()
    for _ in range(20):
        assert gate.step(-20.0, -40.0, 0.9) == 0.0
    assert [gate.step(-20.0, -12.0, 0.9) for _ in range(5)] == [0.9] * 5
    assert [gate.step(-20.0, -40.0, 0.9) for _ in range(HANGOVER + 1)] == [0.9] * HANGOVER + [0.0]


def test_only_what_is_louder_than_the_echo_is_counted_of_a_sound() -> None:
    gate = strict_gate()

    def hear(dbfs: float, ticks: int) -> int:
        for _ in range(ticks):
            gate.step(-20.0, dbfs, 0.9)
        return gate.louder_ticks

    assert hear(-40.0, 20) == 0
    assert hear(-12.0, 8) == 8
    assert hear(-40.0, 30) == 8, "the gate was still open for some of them"
    assert hear(-12.0, 4) == 12, "a cough has two bursts"
    hear(-40.0, 60)
    assert hear(-12.0, 3) == 3, "another sound"


def test_a_hello_over_the_first_words_is_heard_though_the_line_is_not_known_yet() -> None:
    gate = first_gate()
    said, hello = speech(100, dbfs=-15.0), speech(15, seed=4, dbfs=-18.0)
    passed = [
        gate.step(sent, together(hello[tick], NOISE_DBFS) if tick < 15 else NOISE_DBFS, float(tick < 15))
        for tick, sent in enumerate(said)
    ]
    assert sum(passed[:15]) >= 10
    assert gate.loss_db == MOST_LOSS_DB
    assert gate.suppressed == 0


def test_a_hello_while_the_first_words_are_measured_does_not_close_the_line_to_the_rest_of_it() -> None:
    """Somebody who talks as loud as we do looks, for a second, like a line with hardly any loss."""
    gate = first_gate()
    said, hello = speech(75, dbfs=-18.0), speech(75, seed=9, dbfs=-22.0)
    passed = [
        gate.step(sent, together(talks, NOISE_DBFS), 1.0) for sent, talks in zip(said, hello, strict=True)
    ]
    loud = [talks > -30 for talks in hello]
    heard = sum(p > 0 for p, is_loud in zip(passed, loud, strict=True) if is_loud)
    assert heard >= 0.9 * sum(loud)


@given(st.integers(0, 50), st.floats(6, 11), DELAYS)
def test_an_echo_that_passed_before_the_line_was_known_is_recognised_once(
    seed: int, loss_db: float, delay: int
) -> None:
    gate = first_gate()
    said = speech(300, seed)
    passed = mistakes = 0
    for sent, heard in zip(said, heard_of(said, loss_db, delay), strict=True):
        passed += gate.step(sent, heard, 1.0) > 0 and gate.active
        mistakes += gate.mistaken
        if gate.mistaken:
            passed = 0
    assert mistakes <= 1
    assert passed == 0, "what passed was taken back, and nothing passed after that"


@pytest.mark.parametrize("loss_db", [8.0, 12.0, 16.0, 20.0])
@pytest.mark.parametrize("caller_dbfs", [-24.0, -28.0, -32.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_short_answer_is_heard_as_soon_as_our_last_word_has_come_back(
    loss_db: float, caller_dbfs: float, seed: int
) -> None:
    delay, prompt, begins, lasts = 8, 250, 255, 20
    gate, endpointer = strict_gate(), Endpointer(EndpointingSettings())
    said = [*syllables(prompt, seed), *[SILENT_DBFS] * 60]
    answer = [SILENT_DBFS] * begins + speech(lasts, seed + 100, caller_dbfs) + [SILENT_DBFS] * 60
    heard = []
    for tick, (sent, back) in enumerate(zip(said, heard_of(said, loss_db, delay), strict=True)):
        talks = begins <= tick < begins + lasts
        passed = gate.step(sent, together(back, answer[tick]), float(talks or tick < prompt + delay))
        heard += [(tick, event) for event in endpointer.step(tick * 20, passed)]
    started = [tick for tick, event in heard if isinstance(event, SpeechStarted)]
    assert len(started) == 1, "once, and our own voice never"
    assert begins <= started[0] < begins + lasts


@given(st.integers(0, 50), st.floats(6, 30), DELAYS)
def test_the_delay_is_found_where_there_is_an_echo(seed: int, loss_db: float, delay: int) -> None:
    gate = strict_gate()
    said = syllables(250, seed)
    for sent, heard in zip(said, heard_of(said, loss_db, delay), strict=True):
        gate.step(sent, heard, 1.0)
    assert gate.delay is not None
    assert abs(gate.delay - delay) <= 1


@given(st.integers(0, 50), st.floats(-70, -40))
def test_noise_has_no_delay(seed: int, noise_dbfs: float) -> None:
    """It teaches a loss all the same: that alone is no sign of an echo."""
    gate, rng = strict_gate(), np.random.default_rng(seed)
    for sent in syllables(400, seed):
        gate.step(sent, noise_dbfs + float(rng.normal(0, 0.5)), 0.1)
        assert gate.delay is None


@given(st.integers(0, 20), st.integers(1, 8), st.integers(14, WINDOW - 5))
def test_another_delay_is_noticed_in_the_middle_of_a_call(seed: int, before: int, after: int) -> None:
    """The call was transferred: what was known of the line is forgotten with the first clear second."""
    gate, said = strict_gate(), syllables(600, seed)
    back = [heard_of(said, 15.0, delay) for delay in (before, after)]
    for tick, sent in enumerate(said):
        gate.step(sent, back[tick >= 300][tick], 1.0)
        if tick == 420:
            assert gate.delay is None or abs(gate.delay - before) > 3
    assert gate.delay is not None
    assert abs(gate.delay - after) <= 1


def test_too_little_speech_teaches_nothing() -> None:
    said = np.full(WINDOW + 25, SILENT_DBFS)
    said[-20:] = -15.0  # Its echo, if there is one, is still under way.
    assert loss_bounds(said, np.full(25, NOISE_DBFS)) is None


@pytest.mark.parametrize("dbfs", [-3.0, -20.0, -60.0])
def test_the_level_of_a_frame(dbfs: float) -> None:
    wave = np.sin(np.arange(160) * 2 * np.pi / 16) * np.sqrt(2) * 10 ** (dbfs / 20) * 32768
    assert frame_dbfs(np.clip(np.round(wave), -32768, 32767).astype(np.int16)) == pytest.approx(dbfs, abs=0.2)
    assert frame_dbfs(np.zeros(160, np.int16)) == SILENT_DBFS


# -- the whole machine -----------------------------------------------------------------------------

TICKS = st.lists(
    st.tuples(
        st.floats(-60, -5),  # said
        st.floats(-80, -1),  # heard
        st.sampled_from([0.0, 0.4, 0.6, 1.0]),  # probability
        st.booleans(),  # locked, if the two before and after agree
    ),
    max_size=200,
)
REPEATS = st.integers(1, 30)


class Machine:
    """The gate, the endpointer and the decision in the order of a channel's tick."""

    def __init__(self) -> None:
        self.barge_in, self.endpointer = BargeIn(SETTINGS), Endpointer(EndpointingSettings())
        self.barge_in.echo = strict_gate()
        self.now_ms = 0

    def tick(self, said: float, heard: float, probability: float, *, locked: bool = False) -> bool:
        self.now_ms += 20
        passed = self.barge_in.echo.step(said, heard, probability)
        self.endpointer.step(self.now_ms, passed)
        speech_ms = self.endpointer.speech_ms(self.now_ms) if self.endpointer.talking else 0
        return self.barge_in.stops_now(audible=True, locked=locked, speech_ms=speech_ms)


@settings(max_examples=200)
@given(st.lists(st.tuples(TICKS.map(lambda ticks: ticks[:3]), REPEATS), max_size=20))
def test_never_while_locked_and_never_without_sound_above_the_floor(
    story: list[tuple[list[tuple[float, float, float, bool]], int]],
) -> None:
    machine = Machine()
    since_loud, stops = WINDOW, 0
    for pattern, repeats in story:
        for said, heard, probability, locked in pattern * repeats:
            stopped = machine.tick(said, heard, probability, locked=locked)
            echo = machine.barge_in.echo
            since_loud = 0 if not echo.active or heard > echo.floor_dbfs else since_loud + 1
            assert not (stopped and locked)
            assert not (stopped and since_loud > HANGOVER)
            stops += stopped
            if stopped:
                machine.endpointer.finish()
    assert machine.barge_in.stops == stops


@given(st.integers(0, 50), LOSSES, DELAYS, st.integers(0, 120), st.floats(-4, -1))
def test_loud_double_talk_stops_the_bot_in_time(
    seed: int, loss_db: float, delay: int, begins: int, talker_dbfs: float
) -> None:
    said = speech(200, seed)
    back = heard_of(said, loss_db, delay)
    machine = Machine()
    for tick, (sent, returned) in enumerate(zip(said, back, strict=True)):
        talks = tick >= begins
        heard = together(returned, talker_dbfs) if talks else returned
        if machine.tick(sent, heard, 1.0):
            assert talks, "stopped by its own voice"
            break
    assert (tick - begins) * 20 <= SETTINGS.speech_ms + 20
