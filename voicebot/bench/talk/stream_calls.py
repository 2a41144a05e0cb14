"""Calls over WebSocket: ordered at our stand-in for Twilio, or connected to an address."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

from telephony.line import FRAME_SAMPLES
from telephony.websocket.twilio_signature import sign
from voicebot.bench.talk.twilio_service import TwilioService
from voicebot.bench.talk.twilio_telephone import SILENCE, TwilioTelephone, connect, payload_of

Payloads = Sequence[Sequence[bytes]]
"""Each frame of each question as it stands in a message."""


class StreamCall:
    """Satisfies `generator.Telephone`."""

    ahead_s = 0.0
    polled = False

    def __init__(self, telephone: TwilioTelephone, payloads: Payloads) -> None:
        self._telephone, self._payloads = telephone, payloads

    @property
    def closed(self) -> bool:
        """The other side has ended it."""
        return self._telephone.closed

    @property
    def cleared(self) -> int:
        """How often the bot had what it said dropped."""
        return self._telephone.cleared

    def heard(self, now_s: float) -> Iterator[tuple[float, float]]:
        """When each frame began to play, and its level in dBFS."""
        for at_s, what in self._telephone.playback.played(now_s):
            if isinstance(what, str):
                self._telephone.mark_played(what)
            else:
                yield at_s, what

    def send(self, said: tuple[int, int] | None) -> None:
        """A frame of a question, or silence."""
        self._telephone.send(SILENCE if said is None else self._payloads[said[0]][said[1]])

    def hang_up(self) -> None:
        """End the call."""
        self._telephone.hang_up()


def _payloads(audio: Sequence[bytes]) -> Payloads:
    return [
        [payload_of(mulaw[at : at + FRAME_SAMPLES]) for at in range(0, len(mulaw), FRAME_SAMPLES)]
        for mulaw in audio
    ]


@asynccontextmanager
async def ordered_calls(
    secret: str, audio: Sequence[bytes], add: Callable[[StreamCall], None]
) -> AsyncIterator[int]:
    """Take orders for calls and connect each; gives the port of the API."""
    payloads = _payloads(audio)
    live: dict[str, TwilioTelephone] = {}
    async with asyncio.TaskGroup() as tasks:

        async def answer(sid: str, url: str) -> None:
            live[sid] = telephone = await connect(url, sid, {"X-Twilio-Signature": sign(secret, url)}, {})
            add(StreamCall(telephone, payloads))

        def on_call(sid: str, url: str) -> None:
            tasks.create_task(answer(sid, url))

        def on_hang_up(sid: str) -> None:
            if sid in live:
                live[sid].hang_up()

        service = TwilioService(on_call, on_hang_up)
        async with service.running():
            yield service.port


@asynccontextmanager
async def own_calls(
    url: str, calls: int, spread_s: float, audio: Sequence[bytes], add: Callable[[StreamCall], None]
) -> AsyncIterator[int]:
    """Connect that many calls to ws://HOST:PORT/PATH, one after the other."""
    payloads = _payloads(audio)

    async def connect_all() -> None:
        for number in range(calls):
            sid = f"CA{number + 1:032x}"
            add(StreamCall(await connect(url, sid, {}, {}), payloads))
            await asyncio.sleep(spread_s)

    connecting = asyncio.create_task(connect_all())
    try:
        yield 0
        await connecting
    finally:
        connecting.cancel()
