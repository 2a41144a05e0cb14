"""A call's seat on the media clock: comfort noise that counts as nothing, levels of both directions."""

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs.turn import Saying
from models.tts import Speech
from telephony.audio import ComfortNoise, level_dbfs
from telephony.line import FRAME_SAMPLES, Frame
from tests.voicebot.call.scripted_call import Line, play_call
from tests.voicebot.call.test_recording import decoded
from voicebot.call.media.channel import CallChannel, ChannelEvent, PromptStopped, ReplyFinished, ReplyStarted
from voicebot.call.media.levels import LevelMeter
from voicebot.call.media.recording import Recording, RecordingWriter
from voicebot.call.turn_taking.barge_in import BargeIn
from voicebot.call.turn_taking.endpointing import Endpointer, SpeechStarted
from voicebot.settings import BargeInSettings, EndpointingSettings, Settings

SPEECH_LEVEL = 4000
WORD_FRAMES = 5


@dataclass
class Wire:
    """The part of a leg that a channel writes to: plays one frame a tick."""

    queue: deque[Frame] = field(default_factory=deque)
    played: list[Frame] = field(default_factory=list)
    most_queued: int = 0
    written: int = 0

    def write_frame(self, frame: Frame) -> None:
        self.queue.append(frame.copy())
        self.written += 1
        self.most_queued = max(self.most_queued, len(self.queue))

    def flush(self) -> None:
        self.queue.clear()

    def queued_samples(self) -> int:
        return len(self.queue) * FRAME_SAMPLES

    def play(self) -> None:
        self.played.append(self.queue.popleft() if self.queue else np.zeros(FRAME_SAMPLES, np.int16))


@dataclass
class Seat:
    """A channel with its wire."""

    noise: ComfortNoise | None
    recording: Recording | None = None

    def __post_init__(self) -> None:
        self.wire, self.events = Wire(), list[ChannelEvent]()
        self.channel = CallChannel(
            self.wire,  # type: ignore[arg-type]  # not a whole leg
            Endpointer(EndpointingSettings()),
            BargeIn(BargeInSettings(), "en"),
            self.recording,
            self.events.append,
            self.noise,
        )
        self.now_ms = 0

    def run(self, ticks: int) -> None:
        for _ in range(ticks):
            self.now_ms += 20
            self.channel.tick(self.now_ms, np.zeros(FRAME_SAMPLES, np.int16), 0.0)
            self.wire.play()

    def say(self, words: int) -> None:
        samples = np.full(words * WORD_FRAMES * FRAME_SAMPLES, SPEECH_LEVEL, np.int16)
        ends = tuple((n + 1) * WORD_FRAMES * FRAME_SAMPLES for n in range(words))
        text = " ".join(f"w{n}" for n in range(words))
        self.channel.playout.begin()
        self.channel.playout.add(Saying(text, "node", True), Speech(text, samples, ends))
        self.channel.playout.end()

    def speech_frames(self) -> int:
        return sum(bool((frame == SPEECH_LEVEL).any()) for frame in self.wire.played)


def test_a_silent_bot_sends_noise_without_a_gap_and_no_events() -> None:
    seat = Seat(ComfortNoise(-65.0))
    seat.run(200)
    levels = level_dbfs(np.stack(seat.wire.played))
    assert levels.min() > -75
    assert levels.max() < -58
    assert seat.events == []
    assert seat.channel.levels.figures() == {}
    assert seat.wire.most_queued == 1, "noise must not delay the next reply"


def test_without_the_setting_silence_is_not_sent() -> None:
    seat = Seat(None)
    seat.run(50)
    assert seat.wire.most_queued == 0


@pytest.mark.parametrize("noise", [None, ComfortNoise(-65.0)])
def test_a_reply_is_told_and_heard_alike_with_and_without_noise(noise: ComfortNoise | None) -> None:
    seat = Seat(noise)
    seat.run(10)
    seat.say(3)
    seat.run(40)
    assert seat.speech_frames() == 3 * WORD_FRAMES
    assert [type(event) for event in seat.events] == [ReplyStarted, ReplyFinished]
    assert seat.channel.playout.heard_words() == "w0 w1 w2"
    # The noise does not count for the level of what was said.
    figures = seat.channel.levels.figures()
    assert figures["level_out_dbfs"] == pytest.approx(20 * np.log10(SPEECH_LEVEL / 32768), abs=0.05)
    assert figures["clipped_out_share"] == 0


@given(st.integers(0, 30), st.integers(1, 5), st.integers(0, 4), st.integers(1, 9))
def test_what_was_heard_before_a_stop_is_the_same_with_noise(
    before: int, stops: int, pause: int, after: int
) -> None:
    """Noise in the queue must not be taken for words that were not heard."""
    words = []
    for noise in (None, ComfortNoise(-65.0)):
        seat = Seat(noise)
        seat.run(before)
        seat.say(6)
        for _ in range(stops):
            seat.run(after)
            seat.channel.stop_prompt()
            heard = seat.channel.playout.heard_words()
            seat.run(pause)
            seat.channel.playout.resume()
        words.append((heard, seat.speech_frames()))
    assert words[0] == words[1]


def test_the_recording_has_speech_where_it_was_heard(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path) as writer:
        seat = Seat(ComfortNoise(-65.0), writer.open("call"))
        seat.run(25)
        seat.say(2)
        seat.run(30)
        seat.channel.close()
    (_, said), _ = decoded(tmp_path / "call.wav")
    assert np.array_equal(
        np.rint(said * 32768 if np.abs(said).max() <= 1 else said).astype(np.int16),
        np.concatenate(seat.wire.played),
    )


def test_levels_are_those_of_the_active_frames() -> None:
    meter = LevelMeter()
    loud = np.full(FRAME_SAMPLES, 3276, np.int16)
    clipped = np.where(np.arange(FRAME_SAMPLES) < 16, 32767, 3276).astype(np.int16)
    for number in range(120):
        meter.add(np.zeros(FRAME_SAMPLES, np.int16))
        meter.add(clipped if number == 0 else loud)
    figures = meter.figures("in")
    assert figures["level_in_dbfs"] == pytest.approx(10 * np.log10((119.9 * 0.01 + 0.1) / 120), abs=0.1)
    assert figures["clipped_in_share"] == pytest.approx(0.1 / 120, abs=1e-6)


@pytest.mark.virtual_time
async def test_a_call_keeps_its_levels_and_with_noise_goes_the_same_way() -> None:
    plain = await play_call(Line(9.5, "yes"), digits=[(16.0, "4")])
    noisy = await play_call(Line(9.5, "yes"), digits=[(16.0, "4")], settings=Settings(comfort_noise_dbov=-65))
    # The voice of these tests is the value 100: -50.3 dBFS, a pause by its level.
    assert "level_out_dbfs" not in plain.result.media
    assert noisy.said == plain.said
    assert noisy.result.connected == plain.result.connected == "finished"
    assert len(noisy.leg.sound) > len(plain.leg.sound)


@pytest.mark.parametrize("noise", [None, ComfortNoise(-65.0)])
@given(before=st.integers(0, 20))
def test_a_stop_is_within_the_tick_of_the_decision_and_empties_the_wire(
    noise: ComfortNoise | None, before: int
) -> None:
    seat = Seat(noise)
    seat.say(30)
    seat.run(before)
    loud, spoken_over_ms = np.full(FRAME_SAMPLES, 20_000, np.int16), 0
    for _ in range(100):
        spoken_over_ms += 20
        seat.now_ms += 20
        written = seat.wire.written
        seat.channel.tick(seat.now_ms, loud, 1.0)
        if any(isinstance(event, PromptStopped) for event in seat.events):
            break
        seat.wire.play()
    assert spoken_over_ms <= BargeInSettings().speech_ms + 20
    # Not one frame of the prompt in the tick of the decision, and none that was queued before.
    assert seat.wire.written - written == (1 if noise else 0)
    assert not any((frame == SPEECH_LEVEL).any() for frame in seat.wire.queue)
    said_until_now = seat.speech_frames()
    seat.run(20)
    assert seat.speech_frames() == said_until_now
    assert [type(event) for event in seat.events].count(PromptStopped) == 1


def test_our_own_voice_does_not_count_for_the_level_of_the_callee() -> None:
    seat = Seat(None)
    seat.say(30)
    seat.run(3)
    for _ in range(120):
        seat.now_ms += 20
        seat.channel.tick(seat.now_ms, np.full(FRAME_SAMPLES, SPEECH_LEVEL // 10, np.int16), 0.9)
        seat.wire.play()
    assert "level_in_dbfs" not in seat.channel.levels.figures()
    assert seat.channel.barge_in.figures()["echo_suppressed"] == 1
    assert not any(isinstance(event, PromptStopped | SpeechStarted) for event in seat.events)
