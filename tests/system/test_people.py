"""The simulated people over real SIP and RTP, with their real ears and voice, called by another process."""

import asyncio
import json
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.tts.piper import STEADY
from models.tts.service import serve_piper
from tests.embedded_weights import embedded_weights
from voicebot.simulation.crowd import CrowdError, people
from voicebot.simulation.log import CallEnd, read_log

ROOT = Path(__file__).parents[2]
TALKER, MAILBOX, BUSY, ABSENT, NOBODY = ALL = [f"+1212555010{digit}" for digit in range(5)]

PERSONAS = {
    "talker": f"""
persona: talker
about: Answers, asks, presses a key.
people: [{{number: "{TALKER}", name: Maya Ortiz, voice: {{pitch: 1.1, noise_db: 30}}}}]
opening: ["Hello?"]
phone: {{codec: pcma, rings_s: [0.2, 0.3]}}
rules:
  - {{hears: [one to five, 1 to 5], presses: "5"}}
  - {{hears: [lamp], says: ["What does the lamp cost?"]}}
""",
    "mailbox": f"""
persona: mailbox
about: A voicemail.
people: [{{number: "{MAILBOX}", name: Paul Hill}}]
voicemail: true
phone: {{rings_s: [0.2, 0.3]}}
opening: ["Please leave a message after the tone."]
patience: {{silence_s: 2}}
""",
    "busy": f"""
persona: busy
about: Busy.
people: [{{number: "{BUSY}", name: Ann Lee}}]
phone: {{attempts: [busy]}}
""",
    "absent": f"""
persona: absent
about: Lets it ring.
people: [{{number: "{ABSENT}", name: Tom Fox}}]
phone: {{attempts: [no_answer]}}
""",
}
BOT_LINES = [
    "We have a new lamp for you.",
    "From one to five, how did you like this call?",
    "Thank you. Goodbye.",
]


@pytest.fixture(scope="module")
def weights() -> Path:
    return embedded_weights("whisper-tiny.en", "piper-en-us-joe")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def personas(tmp_path: Path) -> Path:
    folder = tmp_path / "personas"
    folder.mkdir()
    for name, text in PERSONAS.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


async def bot_speech(weights: Path, cache: Path, tmp_path: Path) -> list[str]:
    files = []
    async with serve_piper(weights, cache, style=STEADY) as speaker:
        for number, line in enumerate(BOT_LINES):
            files.append(str(tmp_path / f"{number}.npy"))
            np.save(files[-1], (await speaker.speak(line, deadline_s=30)).samples)
    return files


async def call(orders: list[dict[str, Any]], tmp_path: Path) -> list[dict[str, Any]]:
    file = tmp_path / "calls.json"
    file.write_text(json.dumps(orders))
    caller = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.system.sip_caller", str(file)),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    output, _ = await caller.communicate()
    assert caller.returncode == 0
    results: list[dict[str, Any]] = json.loads(output)
    return results


async def test_they_answer_listen_speak_press_keys_and_write_it_down(
    weights: Path, personas: Path, cache: Path, tmp_path: Path
) -> None:
    says = await bot_speech(weights, cache, tmp_path)
    log = tmp_path / "people.jsonl"
    progress: list[tuple[int, int]] = []
    async with people(
        personas=personas,
        log=log,
        weights=weights,
        cache=cache,
        on_progress=lambda done, of: progress.append((done, of)),
    ) as crowd:
        orders: list[dict[str, Any]] = [{"to": crowd.address(number)} for number in ALL]
        orders[0]["says"] = says
        orders[1]["says"] = says[:1]
        orders[3]["ring_s"] = 2
        talker, mailbox, busy, absent, nobody = await call(orders, tmp_path)
    assert progress[-1] == (3, 3)

    assert busy["end"] == "486 Busy Here"
    assert nobody["end"] == "404 Not Found"
    assert absent["spoken_ms"] == []
    assert [ms > 200 for ms in talker["spoken_ms"]] == [True, True, False, False], (
        "hello, question, key, silence"
    )
    assert talker["digits"] == "5"
    assert mailbox["spoken_ms"][0] > 1500, "greeting and beep"

    entries = {entry.number: entry for entry in read_log(log)}
    ends = [entries[number].end for number in ALL]
    assert ends == [
        CallEnd.PERSON_HUNG_UP,
        CallEnd.PERSON_HUNG_UP,
        CallEnd.BUSY,
        CallEnd.CANCELLED,
        CallEnd.NOT_FOUND,
    ]
    told = entries[TALKER]
    assert [line.text for line in told.lines] == ["Hello?", "What does the lamp cost?"]
    assert told.pressed == "5"
    assert told.greeting_ms is not None
    assert "lamp" in told.bot_heard[0].text.lower()
    assert "bye" in told.bot_heard[2].text.lower()
    (reply,) = told.replies_ms
    assert 400 < reply < 1000, "the caller pauses for 500 ms"
    assert "lamp" in entries[MAILBOX].bot_heard[0].text.lower()


async def test_port_in_use_is_told_with_its_number(
    weights: Path, personas: Path, cache: Path, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(CrowdError, match=f"{port}.*taken"):
            async with people(
                personas=personas, log=tmp_path / "log", weights=weights, cache=cache, port=port
            ):
                pytest.fail("they cannot be there")


async def test_faulty_persona_is_told_with_its_line(
    weights: Path, personas: Path, cache: Path, tmp_path: Path
) -> None:
    (personas / "busy.yaml").write_text("persona: busy\nabbout: x\n")
    with pytest.raises(CrowdError, match=r"busy.yaml:2: .*abbout"):
        async with people(personas=personas, log=tmp_path / "log", weights=weights, cache=cache):
            pytest.fail("they cannot be there")


async def test_live_call_is_hung_up_and_written_down_when_they_are_sent_away(
    weights: Path, personas: Path, cache: Path, tmp_path: Path
) -> None:
    log = tmp_path / "people.jsonl"
    async with people(personas=personas, log=log, weights=weights, cache=cache) as crowd:
        calling = asyncio.create_task(call([{"to": crowd.address(TALKER)}], tmp_path))
        await asyncio.sleep(3)
    (seen,) = await calling
    assert seen["spoken_ms"][0] > 200, "it was up"
    (entry,) = read_log(log)
    assert entry.end is CallEnd.CUT_OFF
    assert entry.answered
