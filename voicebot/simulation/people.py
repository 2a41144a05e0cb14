"""The simulated people's process: `python -m voicebot.simulation.people`.

It renders what they may say, plugs in their telephones, and lives until it gets SIGTERM or its standard
input ends, which it does when the parent dies. Standard output has one JSON object per line: {"done": n,
"of": n} while it renders, then {"ready": true, "port": n}; or {"error": text}, and exit status 2.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from baresip.errors import BaresipError

from dialogs.problem import InputError
from models.asr import Transcript, Utterance
from models.asr.whisper import WhisperEngine, WhisperSettings
from models.engine import EngineError
from models.registry.catalogue import weights_path
from models.serving import EngineService, serve
from models.tts.service import serve_piper
from voicebot.simulation.answering import Answering, Resident
from voicebot.simulation.ears import Samples
from voicebot.simulation.persona import PERSONAS, Persona, Pickup, load_personas
from voicebot.simulation.user_agent import PortInUseError, require_free, telephones
from voicebot.simulation.voice import beep, line_noise, spoken_lines, voice_over

NICE = 10
"""The service under test must not starve because its callers think."""
UNDERSTAND_DEADLINE_S = 8.0


async def run(arguments: argparse.Namespace) -> None:
    """Until cancelled. Raises InputError, EngineError, PortInUseError, BaresipError or OSError."""
    require_free(arguments.port)  # Before the long work, so that a taken port is told at once.
    personas = load_personas(arguments.personas)
    with arguments.log.open("w", encoding="utf-8") as log:
        residents = await _residents(personas, arguments.weights, arguments.cache)
        ears = WhisperSettings(weights_path("whisper-tiny.en", "model.bin", arguments.weights).parent)
        async with serve(partial(WhisperEngine, ears), name="the people's ears", nice=NICE) as recogniser:
            answering = Answering(
                residents,
                beep=beep(),
                recognise=partial(_understand, recogniser),
                log=log,
                seed=arguments.seed,
            )
            codecs = {number: resident.persona.phone.codec for number, resident in residents.items()}
            plugged_in = telephones(
                arguments.port, codecs, on_call=answering.on_call, on_unknown=answering.on_unknown
            )
            async with plugged_in:
                _tell(ready=True, port=arguments.port)
                await answering.run()


async def _understand(recogniser: EngineService[Utterance, Transcript], samples: Samples) -> str:
    """What the bot said; empty when it cannot be had, and then the person waits and asks."""
    try:
        return (await recogniser.submit(Utterance(samples), deadline_s=UNDERSTAND_DEADLINE_S)).text
    except EngineError:
        return ""


async def _residents(personas: Sequence[Persona], weights: Path, cache: Path) -> dict[str, Resident]:
    """All who have a telephone, with their lines rendered."""
    homes = [
        (persona, human)
        for persona in personas
        if Pickup.UNASSIGNED not in persona.phone.attempts
        for human in persona.people
    ]
    texts = [line for home in homes for line in spoken_lines(*home)]
    async with serve_piper(weights, cache, nice=NICE) as speaker:
        await speaker.prerender(texts, lambda progress: _tell(done=progress.done, of=progress.total))
        return {
            human.number: Resident(
                persona, human, await voice_over(speaker, persona, human), line_noise(human)
            )
            for persona, human in homes
        }


def _tell(**message: object) -> None:
    print(json.dumps(message), flush=True)


async def _run_until_told(arguments: argparse.Namespace) -> None:
    """Until SIGTERM, or until the standard input ends."""
    loop = asyncio.get_running_loop()
    work = asyncio.create_task(run(arguments))
    told = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    threading.Thread(target=_wait_for_end_of_input, args=(loop, told), daemon=True).start()
    waiting = asyncio.create_task(told.wait())
    await asyncio.wait((work, waiting), return_when=asyncio.FIRST_COMPLETED)
    if waiting.done():
        work.cancel()
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await work


def _wait_for_end_of_input(loop: asyncio.AbstractEventLoop, told: asyncio.Event) -> None:
    # Not through sys.stdin: its lock, held by this thread, would hinder the interpreter's end.
    while os.read(0, 4096):
        pass
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(told.set)


def main() -> int:
    """Exit status 2 when something is wrong that the user can mend."""
    parser = argparse.ArgumentParser(prog="python -m voicebot.simulation.people", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="UDP port of their telephones")
    parser.add_argument("--personas", type=Path, default=PERSONAS, help="folder of *.yaml")
    parser.add_argument("--log", type=Path, required=True, help="JSON lines, one for each call")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="rendered lines are kept here")
    try:
        asyncio.run(_run_until_told(parser.parse_args()))
    except (InputError, EngineError, PortInUseError, BaresipError, OSError) as error:
        _tell(error=str(error))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
