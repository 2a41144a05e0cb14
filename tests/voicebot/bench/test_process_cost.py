"""CPU, memory and threads out of /proc."""

import os
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from voicebot.bench.process_cost import (
    ProcessCost,
    command_name,
    cpu_seconds,
    process_cost,
    tree_cost,
    tree_cpu_by_name,
)

STATUS = "Name:\tpython\nState:\tS (sleeping)\nVmRSS:\t   67072 kB\nThreads:\t306\n"
ZOMBIE = "Name:\tpython\nState:\tZ (zombie)\nThreads:\t1\n"


def stat_line(name: str, user: int, system: int, childrens_user: int, childrens_system: int) -> str:
    before = "S 1 4242 4242 0 -1 4194304 9999 8888 7 6"
    after = "20 0 306 0 123456 99999999 16768"
    return f"4242 ({name}) {before} {user} {system} {childrens_user} {childrens_system} {after}\n"


TICKS = st.integers(0, 10**9)


@given(st.text(st.characters(exclude_characters="\n\0"), max_size=15), TICKS, TICKS, TICKS, TICKS)
def test_the_four_times_are_added_whatever_the_process_is_called(
    name: str, user: int, system: int, childrens_user: int, childrens_system: int
) -> None:
    line = stat_line(name, user, system, childrens_user, childrens_system)
    ticks = user + system + childrens_user + childrens_system
    assert cpu_seconds(line) == ticks / os.sysconf("SC_CLK_TCK")


def test_cost_of_one_process() -> None:
    cost = process_cost(stat_line("Audio TX", 150, 50, 0, 0), STATUS)
    assert cost == ProcessCost(200 / os.sysconf("SC_CLK_TCK"), 65.5, 306, 1)


def test_a_zombie_still_has_its_time_but_no_memory() -> None:
    cost = process_cost(stat_line("gone", 100, 0, 0, 0), ZOMBIE)
    assert cost.cpu_s > 0
    assert cost.rss_mb == 0


def test_a_childs_work_is_counted_while_it_runs_and_after_its_end() -> None:
    work = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"
    before = tree_cost(os.getpid())
    with subprocess.Popen(
        [sys.executable, "-c", work], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        during = tree_cost(os.getpid())
        child.communicate(b"\n")
    after = tree_cost(os.getpid())
    assert during.processes == before.processes + 1
    assert during.cpu_s - before.cpu_s >= 0.28
    assert after.cpu_s >= during.cpu_s
    assert after.processes == before.processes


def test_a_process_that_is_gone_costs_nothing() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert tree_cost(child.pid) == ProcessCost()


def test_a_process_is_named_by_what_it_runs() -> None:
    assert command_name(b"/usr/bin/python3\0-m\0models.engine_worker\0whisper-tiny.en\x007\x005\0") == (
        "whisper-tiny.en"
    )
    assert command_name(b"python3\0-m\0telephony.sip.worker\x009\0") == "telephony.sip.worker"
    assert command_name(b"/usr/bin/sipp\0-sn\0uas\0") == "sipp"
    assert command_name(b"") == ""


def test_the_cpu_of_a_tree_is_told_by_name() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        shares = tree_cpu_by_name(os.getpid())
        child.communicate(b"\n")
    assert shares["itself"] > 0
    assert len(shares) >= 2
