"""Calls over a bad network: packets are lost, late and out of order, and the words still come through."""

import asyncio
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.asr import Utterance
from models.asr.whisper import WhisperEngine, WhisperSettings
from models.tts.piper import PiperEngine
from telephony.line import EndKind, MediaStatistics
from tests.system.lossy_wire import Impairment, lossy_wire
from tests.system.sip_trunk import answered_leg, ending, started_trunk
from tests.system.sipp import called_party, free_udp_ports, installed
from tests.system.two_way_audio import speak, word_error_rate

SENTENCES = (
    "I switched to another supplier a few months ago because they were cheaper.",
    "Is there a contract and can I cancel at any time?",
    "I'm busy right now, please call me back tomorrow afternoon.",
)
NETEM = "loss 2% delay 30ms 10ms distribution normal reorder 1% 50%"
"""Each way, for SIP, RTP and RTCP alike."""


@pytest.fixture(scope="module")
def speech(piper: PiperEngine) -> NDArray[np.int16]:
    return np.concatenate([each.samples for each in piper.run(SENTENCES)])


@pytest.fixture(scope="module")
def whisper(tiny_en: Path) -> WhisperEngine:
    engine = WhisperEngine(WhisperSettings(tiny_en))
    engine.load()
    return engine


def assert_understood(whisper: WhisperEngine, heard: NDArray[np.int16]) -> None:
    [transcript] = whisper.run([Utterance(heard)])
    rate = word_error_rate(" ".join(SENTENCES), transcript.text)
    print(f"\nheard: {transcript.text}\nword error rate {rate:.2f}")
    assert rate <= 0.2


async def test_words_survive_loss_jitter_and_reordering(
    tmp_path: Path, speech: NDArray[np.int16], whisper: WhisperEngine
) -> None:
    echo_port, wire_port = free_udp_ports(4), free_udp_ports(2)
    async with (
        lossy_wire(wire_port, echo_port, Impairment()) as wire,
        started_trunk() as trunk,
        called_party("instant_answer", tmp_path, media_port=wire_port, echo_port=echo_port) as peer,
    ):
        leg = await answered_leg(trunk, peer.uri)
        heard = await speak(leg, speech, len(speech) // 160 + 50)
        await leg.hang_up()
        ended = await ending(leg)
        await peer.finished()
    assert ended.kind is EndKind.LOCAL_HANGUP
    print(f"\nlost on the wire {wire.lost} of {wire.passed + wire.lost}, {wire.overtaken} overtaken")
    print(ended.statistics)
    assert wire.lost > 5
    assert wire.overtaken > 2
    assert 0.5 * wire.lost <= ended.statistics.packets_lost <= 2 * wire.lost + wire.overtaken
    assert 1 < ended.statistics.jitter_ms < 40
    assert_understood(whisper, heard)


def why_netem_cannot_run() -> str:
    """Empty if a network namespace with netem can be had."""
    try:
        tc = installed("tc", "iproute2")
    except RuntimeError as missing:
        return str(missing)
    trial = f"ip link set lo up && {tc} qdisc add dev lo root netem {NETEM}"
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", trial], capture_output=True, text=True, timeout=30, check=False
    )
    return "" if done.returncode == 0 else f"no netem in a namespace of our own: {done.stderr.strip()}"


async def test_words_survive_netem(tmp_path: Path, speech: NDArray[np.int16], whisper: WhisperEngine) -> None:
    """The kernel's own bad network, in a namespace that nothing else sees; signalling suffers as well."""
    if reason := await asyncio.to_thread(why_netem_cannot_run):
        pytest.skip(reason)
    np.save(tmp_path / "speech.npy", speech)
    call = shlex.join([sys.executable, "-m", "tests.system.impaired_call", str(tmp_path / "speech.npy")])
    tc = installed("tc", "iproute2")
    script = f"ip link set lo up && {tc} qdisc add dev lo root netem {NETEM} && exec {call} {tmp_path}"
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--net", "sh", "-c", script), env={**os.environ, "PYTHONPATH": os.getcwd()}
    )
    async with asyncio.timeout(60):
        assert await process.wait() == 0
    outcome = json.loads((tmp_path / "statistics.json").read_text())
    statistics = MediaStatistics(**outcome["statistics"])
    print(f"\n{statistics}")
    assert outcome["kind"] == EndKind.LOCAL_HANGUP
    assert statistics.packets_lost > 0
    assert statistics.jitter_ms > 1
    assert_understood(whisper, np.load(tmp_path / "heard.npy"))
