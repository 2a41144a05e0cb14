"""Keys that are told by the wire, by their sound, or by both."""

import asyncio
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from telephony.line import FRAME_SAMPLES, DigitPressed, Frame
from telephony.tones import ToneDetector, ToneKind
from telephony.tones.synthesis import digit, through_mu_law
from tests.voicebot.call.scripted_call import Played, ScriptedLeg, make_session
from voicebot.call.listening.key_presses import KeyPresses
from voicebot.call.media.channel import ToneHeard
from voicebot.call.media.media_clock import VAD_WINDOW, MediaClock


@dataclass
class ToningLeg(ScriptedLeg):
    """Sounds keys for 100 ms each: (seconds after the answer, digit)."""

    sounds: tuple[tuple[float, str], ...] = ()
    _wave: dict[int, NDArray[np.int16]] = field(default_factory=dict)

    def start(self) -> None:
        super().start()
        for at_s, symbol in self.sounds:
            tone = (through_mu_law(digit(symbol, 100, -16)) * 32768).astype(np.int16)
            for number, frame in enumerate(tone.reshape(-1, FRAME_SAMPLES)):
                self._wave[round(at_s * 50) + number] = frame

    def read_frame(self, into: Frame) -> bool:
        since = asyncio.get_running_loop().time() - self.answered_s
        into[:] = self._wave.get(round(since * 50), 0)
        return True


class NobodySpeaks:
    """A voice detector that is not misled by tones."""

    def open(self) -> int:
        return 0

    def close(self, slot: int) -> None: ...

    def run(self, slots: NDArray[np.intp], windows: NDArray[np.float32]) -> NDArray[np.float32]:
        assert windows.shape == (len(slots), VAD_WINDOW)
        return np.zeros(len(slots), np.float32)


async def play(
    wired: tuple[tuple[float, str], ...] = (), sounds: tuple[tuple[float, str], ...] = ()
) -> Played:
    leg = ToningLeg((), wired, sounds=sounds)
    clock = MediaClock(NobodySpeaks(), ToneDetector(4))
    session = make_session(leg, clock)
    ticking = asyncio.create_task(clock.run())
    try:
        return Played(await session.run(), leg, session)
    finally:
        ticking.cancel()


@pytest.mark.virtual_time
async def test_a_key_that_is_only_heard_opts_out() -> None:
    call = await play(sounds=((9.5, "9"),))
    assert call.result.opted_out
    assert call.said[-1] == ("agent", "We will never call you again. Goodbye.")


@pytest.mark.virtual_time
async def test_without_the_key_nobody_opts_out() -> None:
    assert not (await play(sounds=((9.5, "8"),))).result.opted_out


def sounded(keys: KeyPresses, symbol: str, now_ms: float, lasted_ms: int = 100) -> bool:
    event = keys.once(ToneHeard(ToneKind.DTMF, symbol, lasted_ms), now_ms)
    assert event is None or (isinstance(event, DigitPressed) and event.digit == symbol)
    return event is not None


def wired(keys: KeyPresses, symbol: str, now_ms: float) -> bool:
    return keys.once(DigitPressed(0.0, symbol), now_ms) is not None


def test_the_same_key_told_twice_counts_once_whichever_comes_first() -> None:
    keys = KeyPresses()
    assert wired(keys, "5", 1000)
    assert not sounded(keys, "5", 1160)
    assert sounded(keys, "7", 3100)
    assert not wired(keys, "7", 3450)


def test_a_key_held_down_for_long_is_still_one() -> None:
    keys = KeyPresses()
    assert wired(keys, "5", 1000)
    assert not sounded(keys, "5", 4100, lasted_ms=3000)


def test_a_key_pressed_twice_is_two_even_when_both_tell() -> None:
    keys = KeyPresses()
    told = [
        wired(keys, "5", 1000),
        sounded(keys, "5", 1120),
        wired(keys, "5", 1250),
        sounded(keys, "5", 1370),
    ]
    assert told == [True, False, True, False]
    assert [wired(keys, "1", at) for at in (5000, 5200, 5400)] == [True] * 3
    assert [sounded(keys, "1", at) for at in (5500, 5600, 5700)] == [False] * 3


def test_another_key_or_a_later_one_is_another_press() -> None:
    keys = KeyPresses()
    assert wired(keys, "5", 1000)
    assert sounded(keys, "6", 1100)
    assert sounded(keys, "5", 1700)


def test_other_events_pass() -> None:
    beep = ToneHeard(ToneKind.VOICEMAIL_BEEP)
    assert KeyPresses().once(beep, 0.0) is beep


@given(
    st.lists(st.tuples(st.sampled_from("0123456789*#"), st.integers(450, 3000)), max_size=12),
    st.integers(-350, 350),
    st.data(),
)
def test_whoever_tells_every_press_counts_once(
    presses: list[tuple[str, int]], delay_ms: int, data: st.DataObject
) -> None:
    keys, now_ms, reports = KeyPresses(), 0, []
    for symbol, pause_ms in presses:
        now_ms += pause_ms
        teller = data.draw(st.sampled_from(["wire", "sound", "both"]))
        if teller != "sound":
            reports.append((now_ms, "wire", symbol))
        if teller != "wire":
            reports.append((now_ms + delay_ms + 60, "sound", symbol))
        # The same key again, told by the other source alone, is not to be told from an echo.
        now_ms += 900
    counted = [
        symbol
        for at_ms, source, symbol in sorted(reports)
        if (wired(keys, symbol, at_ms) if source == "wire" else sounded(keys, symbol, at_ms, 60))
    ]
    assert counted == [symbol for symbol, _ in presses]
