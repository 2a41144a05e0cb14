"""`voicebot trunk check`: is the peer there, does it take our registration, and how does a call sound?

Each step is shown as it is done. A step that fails says what to mend; those after it are tried all the same
where that makes sense.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from rich.console import Console

from telephony.echo_probe import CHIRPS, LONGEST_DELAY_S, Echo, find_echo, probe
from telephony.line import (
    FRAME_MS,
    FRAME_SAMPLES,
    SAMPLE_RATE_HZ,
    Answered,
    DialRequest,
    Ended,
    Leg,
    LineError,
)
from telephony.routing.health import RoundTrip
from telephony.sip.options import OptionsPing
from telephony.sip.trunk import SipTrunk
from voicebot.lines import LineChoice, chosen_trunks, options_target, trunk_config
from voicebot.settings import Settings
from voicebot.trunk_settings import TrunkSettings

_AHEAD_FRAMES = 3
_HANG_UP_S = 5.0
_CALL_S = 60.0


@dataclass(frozen=True, slots=True)
class TestCall:
    """What a call to an echo number showed."""

    __test__ = False  # it is no test of pytest's

    codec: str
    ended: Ended
    echo: Echo | None


async def check_trunk(name: str, settings: Settings, console: Console, to: str = "") -> bool:
    """Check one trunk and print what was found. True if nothing is amiss.

    `to` is the echo number to call, else that of the settings; without either no call is made. Raises
    InputError for an unknown name, LineError for settings that cannot work.
    """
    trunk = chosen_trunks(settings.trunks, LineChoice(name))[name]
    config = trunk_config(trunk)
    fine = await _ask(trunk, console)
    line = SipTrunk(config)
    try:
        await line.start()
    except LineError as error:
        _say(console, False, "start", str(error))
        return False
    try:
        registered = (
            f"registered as {trunk.user} for {trunk.register_s} s" if trunk.register_s else "not wanted"
        )
        _say(console, True, "registration", registered)
        if number := to or trunk.echo_number:
            fine = await _call(line, number, settings.ring_timeout_s, console) and fine
        else:
            console.print("[dim]  -   test call      no echo number: name one with --to or `echo_number`[/]")
    finally:
        await line.close()
    return fine


async def _ask(trunk: TrunkSettings, console: Console) -> bool:
    answer = await OptionsPing(options_target(trunk))()
    if not isinstance(answer, RoundTrip):
        _say(console, False, "OPTIONS", answer.text)
        return False
    server = f", {answer.server}" if answer.server else ""
    _say(console, True, "OPTIONS", f"{answer.status} {answer.reason} after {answer.ms:.0f} ms{server}")
    return True


async def _call(line: SipTrunk, to: str, ring_timeout_s: float, console: Console) -> bool:
    try:
        async with asyncio.timeout(_CALL_S + ring_timeout_s):
            call = await call_echo(line, DialRequest(to, ring_timeout_s=ring_timeout_s))
    except (LineError, TimeoutError) as error:
        _say(console, False, "test call", str(error) or "it did not end in time")
        return False
    fine = True
    for good, what, found in findings(call):
        _say(console, good, what, found)
        fine = fine and good
    return fine


async def call_echo(line: SipTrunk, request: DialRequest) -> TestCall:
    """Dial, send the probe, listen for its echo, hang up. Raises LineError if it could not be dialled."""
    leg = await line.dial(request)
    while not isinstance(event := await leg.next_event(), Answered):
        if isinstance(event, Ended):
            return TestCall("", event, None)
    try:
        heard = await _send_and_listen(leg)
    finally:
        await leg.hang_up()
    async with asyncio.timeout(_HANG_UP_S):
        while not isinstance(ended := await leg.next_event(), Ended):
            pass
    return TestCall(event.codec, ended, find_echo(heard))


async def _send_and_listen(leg: Leg) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    frames = probe().reshape(-1, FRAME_SAMPLES)
    ticks = len(frames) + round(LONGEST_DELAY_S * SAMPLE_RATE_HZ / FRAME_SAMPLES)
    heard = np.zeros((ticks, FRAME_SAMPLES), np.int16)
    loop = asyncio.get_running_loop()
    start, sent = loop.time(), 0
    for tick in range(ticks):
        await asyncio.sleep(start + tick * FRAME_MS / 1000 - loop.time())
        leg.read_frame(heard[tick])
        # A few frames ahead, so that a late tick leaves no hole.
        while sent < min(tick + _AHEAD_FRAMES, len(frames)):
            leg.write_frame(frames[sent])
            sent += 1
    return heard.reshape(-1)


def findings(call: TestCall) -> Iterator[tuple[bool, str, str]]:
    """(good, what, found) of a test call. Pure."""
    ended, media = call.ended, call.ended.statistics
    if not call.codec and not media.packets_sent:
        status = f" ({ended.status})" if ended.status else ""
        yield False, "test call", f"not connected: {ended.kind.value}{status} {ended.text}"
        return
    yield True, "test call", "answered"
    yield bool(call.codec), "codec", call.codec or "unknown"
    if call.echo is None:
        yield False, "echo", "nothing came back: is it an echo number, and does RTP pass the firewall?"
    else:
        text = f"{call.echo.heard} of {CHIRPS} after {call.echo.delay_ms:.0f} ms"
        if call.echo.delay_spread_ms >= 1:
            text += f" (+-{call.echo.delay_spread_ms / 2:.0f})"
        yield call.echo.heard == CHIRPS, "echo", f"{text}, {call.echo.level_db:+.0f} dB"
    received, lost = media.packets_received, media.packets_lost
    share = lost / (received + lost) if received + lost else 1.0
    yield share < 0.01, "loss", f"{lost} of {received + lost} packets, {share:.1%}"
    quality = f"jitter {media.jitter_ms:.0f} ms"
    if media.round_trip_ms:
        quality += f", round trip {media.round_trip_ms:.0f} ms (RTCP)"
    if media.mos is not None:
        quality += f", MOS {media.mos:.1f}"
    yield media.mos is None or media.mos >= 3.6, "quality", quality
    if ended.note:
        yield False, "note", ended.note


def _say(console: Console, good: bool, what: str, found: str) -> None:
    mark = "[green]  ok[/]" if good else "[red]  no[/]"
    console.print(f"{mark}  {what:<13}", end=" ", highlight=False)
    console.print(found, markup=False, highlight=False)
