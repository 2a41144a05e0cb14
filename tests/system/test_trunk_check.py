"""`voicebot trunk check` against sipp: OPTIONS, a call that is echoed, and what is said when it is not."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from dialogs.problem import InputError
from tests.system.sipp import called_party, free_udp_ports
from tests.system.test_options import sipp_answers
from voicebot.settings import Settings
from voicebot.trunk_check import check_trunk
from voicebot.trunk_settings import TrunkSettings


async def check(folder: Path, to: str = "", **changes: Any) -> tuple[bool, str]:
    console = Console(file=StringIO(), record=True, width=120)
    async with sipp_answers("200 OK", "udp", folder) as port:
        trunk = TrunkSettings(local_port=free_udp_ports(), domain=f"127.0.0.1:{port}", **changes)
        fine = await check_trunk("main", Settings(trunks={"main": trunk}), console, to)
    return fine, console.export_text()


async def test_a_good_trunk_shows_codec_delay_and_loss(tmp_path: Path) -> None:
    (tmp_path / "echo").mkdir()
    async with called_party("instant_answer", tmp_path / "echo") as peer:
        fine, text = await check(tmp_path, peer.uri)
        await peer.finished()
    assert fine, text
    for line in (
        "ok  OPTIONS",
        "200 OK",
        "ok  codec",
        "PCMU/8000",
        "ok  echo",
        "4 of 4",
        "ok  loss",
        "MOS 4",
    ):
        assert line in text


async def test_the_number_of_the_settings_is_called_if_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "echo").mkdir()
    async with called_party("refuse", tmp_path / "echo", status="404 Not Found", reason="") as peer:
        fine, text = await check(tmp_path, echo_number=peer.uri)
    assert not fine
    assert "not connected: not_exist (404)" in text


async def test_a_line_that_gives_nothing_back_is_told(tmp_path: Path) -> None:
    (tmp_path / "mute").mkdir()
    async with called_party("instant_answer", tmp_path / "mute", echo=False) as peer:
        fine, text = await check(tmp_path, peer.uri)
    assert not fine
    assert "nothing came back" in text


async def test_without_an_echo_number_no_call_is_made(tmp_path: Path) -> None:
    fine, text = await check(tmp_path)
    assert fine
    assert "no echo number" in text


async def test_a_peer_that_is_not_there_and_a_trunk_that_is_not() -> None:
    console = Console(file=StringIO(), record=True, width=120)
    settings = Settings(
        trunks={"main": TrunkSettings(local_port=free_udp_ports(), domain=f"127.0.0.1:{free_udp_ports()}")}
    )
    assert not await check_trunk("main", settings, console)
    assert "no  OPTIONS" in console.export_text()
    with pytest.raises(InputError, match="there is no trunk 'other'"):
        await check_trunk("other", settings, console)
