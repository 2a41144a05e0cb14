"""The people's log survives a crash and tells what is wrong with a file that is none."""

from pathlib import Path

import pytest

from dialogs.problem import InputError
from voicebot.simulation.log import CallEnd, CallEntry, HeardSpeech, SpokenLine, read_log, write_entry

TALK = CallEntry(
    number="+12125550101",
    attempt=2,
    sip_call_id="abc",
    persona="haggler",
    answered=True,
    end=CallEnd.BOT_HUNG_UP,
    ring_ms=700,
    duration_ms=31_000,
    greeting_ms=640,
    replies_ms=(510.5, 900),
    talked_over=1,
    pressed="4",
    lines=(SpokenLine("Hé?", 500, 900), SpokenLine("Too much.", 3000, 4000, cut=True, expects_reply=False)),
    bot_heard=(HeardSpeech("hello", 1000, 2500),),
)
BUSY = CallEntry("+12125550102", 1, "def", "line_busy", end=CallEnd.BUSY)


def write(path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        write_entry(file, TALK)
        write_entry(file, BUSY)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write(tmp_path / "log")
    assert read_log(tmp_path / "log") == (TALK, BUSY)


def test_each_call_is_on_disk_at_once(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w", encoding="utf-8") as file:
        write_entry(file, TALK)
        assert read_log(tmp_path / "log") == (TALK,)


def test_last_line_that_a_crash_cut_off_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "log")
    whole = (tmp_path / "log").read_bytes()
    (tmp_path / "log").write_bytes(whole[:-30])
    assert read_log(tmp_path / "log") == (TALK,)


@pytest.mark.parametrize("line", ["no json", "{}", "[1]", '{"end": "flew away"}'])
def test_line_that_is_no_call_is_named(tmp_path: Path, line: str) -> None:
    write(tmp_path / "log")
    with (tmp_path / "log").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(InputError, match="log:3: not a call"):
        read_log(tmp_path / "log")


def test_missing_log(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_log(tmp_path / "log")
