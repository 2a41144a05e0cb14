"""What tests of several rooms need."""

import asyncio
import os
from collections.abc import Callable, Mapping

import pytest

from tests.virtual_time import VirtualTimeLoop


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "virtual_time: run on a loop whose clock jumps (tests/virtual_time.py)"
    )


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker("virtual_time"):
        return {"virtual": VirtualTimeLoop}
    return {"real": asyncio.new_event_loop}


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a developer has set for Voicebot must not decide a test."""
    for name in [name for name in os.environ if name.startswith("VOICEBOT_")]:
        monkeypatch.delenv(name)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A run in which every test was skipped has shown nothing, so it fails."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    passed = reporter is None or reporter.stats.get("passed") or session.config.option.collectonly
    if exitstatus == pytest.ExitCode.OK and not passed:
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
