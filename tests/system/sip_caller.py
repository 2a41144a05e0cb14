"""A caller of its own process, for tests: `python -m tests.system.sip_caller CALLS.json`.

CALLS.json lists {"to": SIP URI, "ring_s": seconds before giving up, "says": [.npy files, 8 kHz int16]}. All
are called at once. After the called person has spoken and fallen silent (or after a while without a word)
the next file is played. Prints a JSON list of {"to", "end", "spoken_ms": [...], "digits"}.
"""

import asyncio
import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import baresip
import numpy as np
from baresip import Event, StackEvent
from baresip.errors import AudioNotActive, AudioRestarted, BaresipError

LOUD = 300
PAUSE_S = 0.5
PATIENCE_S = 5.0
"""A person on a busy machine may take seconds to understand; only a pressed key is waited for in vain."""
LONGEST_CALL_S = 25.0
AHEAD_BYTES = 1600
ACCOUNT = (
    "<sip:bot@127.0.0.1;transport=udp>;regint=0;answermode=manual;audio_codecs=pcmu,pcma;dtmfmode=rtpevent"
)


class Outcome:
    """What the stack said about one call. Subscribed before dialling: an answer may be faster than `dial`."""

    def __init__(self, runtime: baresip.Runtime) -> None:
        self.handle = 0
        self.established = asyncio.Event()
        self.closed = asyncio.Event()
        self.end = ""
        self._early: list[StackEvent] = []
        runtime.subscribe(self._on_event)

    def belongs_to(self, handle: int) -> None:
        self.handle = handle
        for event in self._early:
            self._on_event(event)

    def _on_event(self, event: StackEvent) -> None:
        if not self.handle:
            self._early.append(event)
        elif event.call == self.handle and event.event is Event.CALL_ESTABLISHED:
            self.established.set()
        elif event.call == self.handle and event.event is Event.CALL_CLOSED:
            self.end = event.text or ""
            self.closed.set()


async def talk(call: baresip.Call, files: list[str], closed: asyncio.Event) -> list[int]:
    """Play the files, each when the other side has had its say. Returns how long each of its sayings was."""
    spoken_ms = [0]
    clips = [np.load(file).tobytes() for file in files]
    playing = b""
    last_loud = last_said = began = time.monotonic()
    while not closed.is_set() and time.monotonic() - began < LONGEST_CALL_S:
        await asyncio.sleep(0.02)
        now = time.monotonic()
        with suppress(AudioNotActive, AudioRestarted):
            frames = np.frombuffer(call.audio.read(3200), np.int16)
            for frame in np.array_split(frames, max(1, len(frames) // 160)):
                if len(frame) and np.abs(frame.astype(np.int32)).max() > LOUD:
                    spoken_ms[-1] += len(frame) // 8
                    last_loud = now
            if call.audio.info().tx_buffered < AHEAD_BYTES:
                playing = playing[call.audio.write(playing[:AHEAD_BYTES]) :]
            if playing:
                last_said = now
            answered = spoken_ms[-1] > 0 and now - last_loud > PAUSE_S
            waited = now - max(last_loud, last_said) > PATIENCE_S
            if clips and not playing and (answered or waited):
                playing = clips.pop(0)
                spoken_ms.append(0)
    return spoken_ms


async def place(runtime: baresip.Runtime, agent: baresip.UserAgent, order: dict[str, Any]) -> dict[str, Any]:
    """One call from INVITE to its end."""
    outcome = Outcome(runtime)
    call = await agent.dial(order["to"])
    outcome.belongs_to(call.handle)
    digits: list[str] = []
    call.on_dtmf(lambda pressed: digits.append(pressed.digit))
    waits = [asyncio.create_task(event.wait()) for event in (outcome.established, outcome.closed)]
    await asyncio.wait(waits, timeout=order.get("ring_s", 10), return_when=asyncio.FIRST_COMPLETED)
    spoken_ms = []
    if outcome.established.is_set():
        spoken_ms = await talk(call, order.get("says", []), outcome.closed)
    if not outcome.closed.is_set():
        with suppress(BaresipError):
            await call.hangup()
        await outcome.closed.wait()
    for wait in waits:
        wait.cancel()
    return {"to": order["to"], "end": outcome.end, "spoken_ms": spoken_ms, "digits": "".join(digits)}


async def main(orders: list[dict[str, Any]]) -> None:
    runtime = baresip.Runtime(command_timeout=10)
    await runtime.start(
        baresip.Config(
            net_interface="127.0.0.1",
            max_concurrent_calls=None,
            extra_config_text="audio_jitter_buffer_type fixed\naudio_jitter_buffer_ms 20-60\n",
        )
    )
    try:
        agent = await baresip.UserAgent.create(runtime, ACCOUNT)
        print(json.dumps(await asyncio.gather(*(place(runtime, agent, order) for order in orders))))
    finally:
        await runtime.close()


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
