"""One call to an echo, for a test that runs it inside a network of its own.

`python -m tests.system.impaired_call SPEECH.npy FOLDER` says the speech, hears what comes back, and leaves
heard.npy and statistics.json in the folder.
"""

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from tests.system.sip_trunk import answered_leg, ending, started_trunk
from tests.system.sipp import called_party
from tests.system.two_way_audio import speak


async def main(speech_file: Path, folder: Path) -> None:
    speech = np.load(speech_file)
    async with started_trunk() as trunk, called_party("instant_answer", folder) as peer:
        leg = await answered_leg(trunk, peer.uri)
        heard = await speak(leg, speech, len(speech) // 160 + 50)
        await leg.hang_up()
        ended = await ending(leg)
    np.save(folder / "heard.npy", heard)
    outcome = {"kind": ended.kind, "statistics": asdict(ended.statistics)}
    (folder / "statistics.json").write_text(json.dumps(outcome))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
