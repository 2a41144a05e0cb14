"""`voicebot bench media`: what the audio of one call costs, ours and that of others in the same run.

The contenders take turns, round by round, so that what disturbs the machine meets all of them.
"""

import asyncio
import os
import shlex
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from voicebot import __version__
from voicebot.bench.error import BenchError
from voicebot.bench.machine import load_average, this_machine
from voicebot.bench.media_contenders import MEDIA_CONTENDERS, OURS, MediaContender, MediaPeer
from voicebot.bench.media_drive import MediaResult
from voicebot.bench.media_peers import find_sipp, media_echo, sipp_answering
from voicebot.bench.media_report import MediaReport, MediaRun, summaries
from voicebot.bench.media_table import print_report

MOST_CALLS = 250
"""Each call has a tone of its own, and there are no more."""
_MOST_SIZES = 5
_SETUP_S, _SETUP_PER_CALL_S = 10.0, 0.1
_REST_S, _REST_PER_CALL_S = 10.0, 0.15
"""For starting Python, warming up and ending the calls."""
_FAULT_LENGTH = 500

_RESULT = TypeAdapter(MediaResult)
_REPORT = TypeAdapter(MediaReport)


def call_counts(text: str, most: int = MOST_CALLS) -> tuple[int, ...]:
    """Numbers of calls, such as "20,100". Raises BenchError naming what is wrong."""
    words = text.split(",")
    counts = tuple(int(word) for word in words if word.strip().isdecimal())
    if len(counts) != len(words) or len(counts) > _MOST_SIZES or not all(0 < n <= most for n in counts):
        raise BenchError(
            f"--calls {text!r} is not usable. Write at most {_MOST_SIZES} numbers of 1 to {most}, as 20,100"
        )
    return tuple(dict.fromkeys(counts))


def run_media_bench(
    counts: Sequence[int], seconds: float, rounds: int, json_file: Path | None, console: Console
) -> bool:
    """Measure, print the table and write the JSON. False if ours gave no result in some round.

    Raises BenchError if sipp is missing or the file cannot be written.
    """
    find_sipp()
    if json_file and not json_file.parent.is_dir():
        raise BenchError(f"{json_file.parent} is no folder. Make it, or name another file")
    report = asyncio.run(_measure(counts, seconds, rounds, console))
    print_report(report, console)
    if json_file:
        json_file.write_bytes(_REPORT.dump_json(report, indent=2) + b"\n")
    return all(run.result for run in report.runs if run.contender == OURS.name)


async def _measure(counts: Sequence[int], seconds: float, rounds: int, console: Console) -> MediaReport:
    began = datetime.now(UTC)
    taking_part = [contender for contender in MEDIA_CONTENDERS if contender.installed]
    left_out = {
        contender.name: f"not installed: pip install {contender.requirement}"
        for contender in MEDIA_CONTENDERS
        if not contender.installed
    }
    for name, reason in left_out.items():
        console.print(f"{name} is left out, {reason}", markup=False)
    runs = []
    for calls in counts:
        for number in range(1, rounds + 1):
            for contender in taking_part:
                console.print(f"{calls} calls, round {number} of {rounds}: {contender.name}", markup=False)
                runs.append(await _run(contender, calls, seconds, number))
    return MediaReport(
        command=shlex.join(["voicebot", *sys.argv[1:]]),
        began=began.isoformat(timespec="seconds"),
        machine=this_machine(),
        versions={"voicebot": __version__} | {one.distribution: one.version for one in taking_part},
        left_out=left_out,
        seconds=seconds,
        rounds=rounds,
        runs=tuple(runs),
        summary=summaries(runs),
    )


async def _run(contender: MediaContender, calls: int, seconds: float, number: int) -> MediaRun:
    load = load_average()
    try:
        with tempfile.TemporaryDirectory() as folder:
            async with (
                media_echo() as echo,
                sipp_answering(contender.sip_transport, echo.port, Path(folder)) as peer,
            ):
                result = await _compete(contender, calls, seconds, peer)
                gaps = await echo.packet_gaps(result.start_s, result.end_s)
    except BenchError as fault:
        return MediaRun(contender.name, calls, number, load, fault=str(fault))
    return MediaRun(contender.name, calls, number, load, result, gaps)


async def _compete(contender: MediaContender, calls: int, seconds: float, peer: MediaPeer) -> MediaResult:
    setup_s = _SETUP_S + _SETUP_PER_CALL_S * calls
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "voicebot.bench.media_contender", contender.name),
        *("--calls", str(calls), "--seconds", str(seconds), "--setup", str(setup_s)),
        *("--sip", peer.sip_host, str(peer.sip_port), "--media", peer.media_host, str(peer.media_port)),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,
    )
    most_s = setup_s + seconds + _REST_S + _REST_PER_CALL_S * calls
    try:
        async with asyncio.timeout(most_s):
            said, complaint = await process.communicate()
    except TimeoutError:
        raise BenchError(f"{contender.name} did not end within {most_s:.0f} s") from None
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)  # Its own children too.
            await process.wait()
    try:
        return _RESULT.validate_json(said)
    except ValidationError:
        last = complaint.decode(errors="replace").strip()[-_FAULT_LENGTH:]
        raise BenchError(f"{contender.name} gave no result (status {process.returncode}): {last}") from None
