"""What a network plays before the answer, and what it says about the number."""

import asyncio
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from telephony.line import FRAME_SAMPLES, Ended, EndKind, Frame, Ringing
from telephony.tones import ToneDetector, ToneEvent, ToneKind
from telephony.tones.synthesis import Audio, cadence, silence, through_mu_law, tone
from tests.voicebot.call.scripted_call import Played, ScriptedLeg, make_session
from voicebot.call.media.early_media import refined
from voicebot.call.media.media_clock import MediaClock

NO_SUCH_NUMBER = np.concatenate(
    [silence(500), tone([913.8], 274, -20), tone([1370.6], 274, -20), tone([1776.7], 380, -20), silence(500)]
)
BUSY_US = np.concatenate([silence(500), cadence([480, 620], [500, 500], 4, -20)])


@dataclass
class RefusedLeg(ScriptedLeg):
    """Plays `music` as early media from 0.2 s on, then is refused, or answers and hangs up."""

    music: Audio = field(default_factory=lambda: silence(100))
    kind: EndKind = EndKind.SIP_ERROR
    answers: bool = False
    reads: int = 0

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._at(0.1, Ringing(now + 0.1))
        self._at(0.2, Ringing(now + 0.2, early_media=True))
        samples = (through_mu_law(self.music) * 32768).astype(np.int16)
        self._frames = samples[: samples.size // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
        if self.answers:
            self.ring_s = 1.0 + len(self._frames) * 0.02
            super().start()
        else:
            loop.call_later(1.0 + len(self._frames) * 0.02, self._refuse)

    def _refuse(self) -> None:
        self.ended = True
        self.events.put_nowait(Ended(asyncio.get_running_loop().time(), self.kind, 503))

    def read_frame(self, into: Frame) -> bool:
        into[:] = self._frames[self.reads] if self.reads < len(self._frames) else 0
        self.reads += 1
        return True


class BusyDetector:
    """Counts the windows it must look at."""

    def __init__(self) -> None:
        self.windows = 0
        self.open_slots: set[int] = set()

    def open(self) -> int:
        self.open_slots.add(len(self.open_slots))
        return len(self.open_slots) - 1

    def close(self, slot: int) -> None:
        self.open_slots.discard(slot)

    def run(self, slots: NDArray[np.intp], windows: NDArray[np.float32]) -> NDArray[np.float32]:
        self.windows += len(slots)
        return np.zeros(len(slots), np.float32)


async def play(leg: RefusedLeg, detector: BusyDetector | None = None) -> Played:
    clock = MediaClock(detector or BusyDetector(), ToneDetector(4))
    session = make_session(leg, clock)
    ticking = asyncio.create_task(clock.run())
    try:
        return Played(await session.run(), leg, session)
    finally:
        ticking.cancel()


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("music", "kind", "word"),
    [
        (NO_SUCH_NUMBER, EndKind.SIP_ERROR, "not_exist"),
        (BUSY_US, EndKind.UNREACHABLE, "busy"),
        (silence(2000), EndKind.SIP_ERROR, "sip_error"),
        (NO_SUCH_NUMBER, EndKind.REJECTED, "rejected"),
    ],
    ids=["no such number", "busy", "silence", "a definite status"],
)
async def test_tones_before_a_vague_end_say_why(music: Audio, kind: EndKind, word: str) -> None:
    detector = BusyDetector()
    call = await play(RefusedLeg((), music=music, kind=kind), detector)
    assert call.result.not_connected == word
    assert call.result.sip_status == 503
    assert detector.windows == 0, "nobody speaks to us before the answer"
    assert not detector.open_slots


@pytest.mark.virtual_time
async def test_after_the_answer_the_call_goes_on_as_ever() -> None:
    detector = BusyDetector()
    leg = RefusedLeg((), hang_up_s=5.0, music=BUSY_US, answers=True)
    call = await play(leg, detector)
    assert call.result.connected == "user_hangup_early"
    assert call.result.not_connected == ""
    assert detector.windows > 100
    # One reader at a time: each frame is read once.
    assert leg.reads == pytest.approx((leg.ring_s + 5.0 - 0.2) * 50, abs=4)


def heard(kind: ToneKind, detail: str = "") -> ToneEvent:
    return ToneEvent(0, kind, 0, 10, detail)


@pytest.mark.parametrize(
    ("kind", "tones", "reason"),
    [
        (EndKind.NO_ANSWER, [], EndKind.NO_ANSWER),
        (EndKind.NO_ANSWER, [heard(ToneKind.RINGBACK)], EndKind.NO_ANSWER),
        (EndKind.NO_ANSWER, [heard(ToneKind.RINGBACK), heard(ToneKind.BUSY)], EndKind.NO_ANSWER),
        (EndKind.CANCELLED, [heard(ToneKind.BUSY)], EndKind.BUSY),
        (EndKind.SIP_ERROR, [heard(ToneKind.CONGESTION)], EndKind.UNREACHABLE),
        (EndKind.NO_ANSWER, [heard(ToneKind.SPECIAL_INFORMATION, "no_circuit")], EndKind.UNREACHABLE),
        (
            EndKind.NO_ANSWER,
            [heard(ToneKind.SPECIAL_INFORMATION, "vacant_code"), heard(ToneKind.BUSY)],
            EndKind.NOT_EXIST,
        ),
        (EndKind.BUSY, [heard(ToneKind.SPECIAL_INFORMATION, "intercept")], EndKind.BUSY),
    ],
)
def test_what_tones_make_of_an_end(kind: EndKind, tones: list[ToneEvent], reason: EndKind) -> None:
    assert refined(kind, tones) is reason
