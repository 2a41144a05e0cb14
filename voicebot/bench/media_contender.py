"""One contender in a process of its own: connect, do the work, print the result as JSON."""

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import asdict

from telephony.line import LineError
from voicebot.bench.error import BenchError
from voicebot.bench.media_contenders import MEDIA_CONTENDERS, MediaContender, MediaPeer
from voicebot.bench.media_drive import MediaDrive, MediaResult


async def compete(
    contender: MediaContender, calls: int, seconds: float, peer: MediaPeer, setup_s: float
) -> MediaResult:
    """Raises BenchError or LineError if the calls do not come about."""
    async with contender.load()(calls, peer, setup_s) as legs:
        return await MediaDrive(legs, contender.lead_frames).run(seconds)


def _causes(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _causes(inner)
    else:
        yield error


def main() -> None:
    """Exit status 1 and the reason on standard error if there is no result."""
    contenders = {contender.name: contender for contender in MEDIA_CONTENDERS}
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("name", choices=contenders)
    arguments.add_argument("--calls", type=int, required=True)
    arguments.add_argument("--seconds", type=float, required=True)
    arguments.add_argument("--setup", type=float, required=True)
    arguments.add_argument("--sip", nargs=2, required=True, metavar=("HOST", "PORT"))
    arguments.add_argument("--media", nargs=2, required=True, metavar=("HOST", "PORT"))
    given = arguments.parse_args()
    logging.basicConfig(level=logging.ERROR)
    peer = MediaPeer(given.sip[0], int(given.sip[1]), given.media[0], int(given.media[1]))
    try:
        result = asyncio.run(compete(contenders[given.name], given.calls, given.seconds, peer, given.setup))
    except (BenchError, LineError, OSError, BaseExceptionGroup) as error:
        sys.exit("; ".join(dict.fromkeys(str(cause) for cause in _causes(error))))
    print(json.dumps(asdict(result)), flush=True)


if __name__ == "__main__":
    main()
