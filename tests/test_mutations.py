"""Guards that must not be lost: without each of them, tests that are named here fail.

A test session of its own runs the named tests with one method replaced; untouched, they pass.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CALL = "tests/voicebot/call/"

GUARDS = {
    "the watchdog that ends a turn": (
        "voicebot.call.turn_taking.endpointing.Endpointer._overdue = lambda self, now_ms: False",
        [
            f"{CALL}test_endpointing.py::test_the_watchdog_ends_endless_speech",
            f"{CALL}test_turn_taking.py::test_endless_noise_is_silence",
        ],
    ),
    "the check for stale results": (
        "voicebot.call.conversation.Conversation._is_stale = lambda self, words, over: False",
        [
            f"{CALL}test_turn_taking.py::test_words_of_an_utterance_that_was_answered_are_ignored",
            f"{CALL}test_turn_taking.py::test_words_of_a_speaker_who_went_on_are_ignored",
        ],
    ),
    "the lock of what must be heard": (
        "voicebot.call.reply.playout.Playout.locked = property(lambda self: False)",
        [
            f"{CALL}test_conversation.py::test_the_disclosure_is_heard_to_its_end",
            f"{CALL}test_opt_out.py::test_as_the_first_words_before_the_greeting",
        ],
    ),
    "the silence clock that noise does not stop": (
        "voicebot.call.reply.replying.Replying.await_words = "
        "lambda self, now: self.await_speech(now) or True",
        [f"{CALL}test_turn_taking.py::test_noises_without_words_do_not_stop_the_silence_clock"],
    ),
}
"""Guard -> (what takes it away, the tests that must each notice)."""

SESSION = """
import sys
import pytest
import {module}
assert {method}
{mutation}
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""


def run_tests(mutation: str, tests: list[str]) -> subprocess.CompletedProcess[str]:
    """Run the tests with `a.module.Class.method = replacement` done first."""
    method = mutation.split(" = ", 1)[0]
    module = method.rsplit(".", 2)[0]
    session = SESSION.format(module=module, method=method, mutation=mutation)
    command = [sys.executable, "-c", session, *tests]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_untouched_they_pass() -> None:
    tests = [test for _, named in GUARDS.values() for test in named]
    first = next(iter(GUARDS.values()))[0].split(" = ", 1)[0]
    ran = run_tests(f"{first} = {first}", tests)
    assert ran.returncode == pytest.ExitCode.OK, ran.stdout
    assert f"{len(tests)} passed" in ran.stdout


@pytest.mark.parametrize("guard", GUARDS)
def test_its_loss_is_noticed(guard: str) -> None:
    mutation, tests = GUARDS[guard]
    ran = run_tests(mutation, tests)
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED, ran.stdout + ran.stderr
    assert f"{len(tests)} failed" in ran.stdout, ran.stdout
