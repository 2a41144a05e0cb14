"""Is this machine ready to phone? Looks at what a campaign needs and says how to mend what is missing."""

import os
import re
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path

import httpx2
import sqlalchemy
from rich.console import Console
from rich.table import Table

from models.registry.catalogue import load_catalogue
from models.registry.weights import WeightsError, verify
from telephony.line import LineError
from voicebot.bridge_line import bridge_line
from voicebot.bridge_settings import BridgeSettings
from voicebot.fetching import fetch_weights
from voicebot.lines import options_target, port_clashes, trunk_config
from voicebot.settings import ModelServerSettings, Settings
from voicebot.trunk_settings import TrunkSettings

LOCK_FILE = Path(__file__).parent.parent / "requirements.lock"
LEAST_FREE_GB = 1.0
MODEL_SERVER_TIMEOUT_S = 3.0


class Status(StrEnum):
    """`WARN` works with less; `FAIL` stops a campaign."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, what was found there, and how to mend it."""

    name: str
    status: Status
    found: str
    mend: str = ""


def examine(settings: Settings, console: Console, *, fetch: bool = False) -> bool:
    """Print what was found; True when a campaign can run. With `fetch`, missing weights are fetched first."""
    if fetch:
        fetch_weights(load_catalogue().names(), settings.weights, console)
    checks = run_checks(settings)
    console.print(as_table(checks))
    return all(check.status is not Status.FAIL for check in checks)


def run_checks(settings: Settings) -> list[Check]:
    """Look at everything once. Changes nothing and never raises for what it finds."""
    return [
        check_python(),
        check_processors(),
        check_settings(settings),
        *check_packages(required_packages(), locked_versions(LOCK_FILE), installed_version),
        *check_weights(settings.weights),
        *(check_trunk(name, trunk) for name, trunk in settings.trunks.items()),
        *(Check("SIP ports", Status.FAIL, *clash.rsplit(". ", 1)) for clash in port_clashes(settings.trunks)),
        *(check_bridge(name, bridge) for name, bridge in settings.bridges.items()),
        check_disk("disk for recordings", settings.recordings),
        check_disk("disk for weights", settings.weights),
        check_database(settings.database),
        check_model_server(settings.model_server),
        check_program("sipp", "apt-get install sip-tester; only the tests use it"),
    ]


def as_table(checks: Sequence[Check]) -> Table:
    """The checks for a terminal."""
    colour = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "bold red"}
    table = Table(box=None, pad_edge=False)
    for heading in ("", "What", "Found", "Mend"):
        table.add_column(heading, overflow="fold")
    for check in checks:
        table.add_row(f"[{colour[check.status]}]{check.status}[/]", check.name, check.found, check.mend)
    return table


def check_python(version: tuple[int, int] = sys.version_info[:2]) -> Check:
    """The interpreter must be one that the locked packages are built for."""
    found = ".".join(map(str, version))
    if (3, 11) <= version < (3, 14):
        return Check("Python", Status.OK, found)
    return Check("Python", Status.FAIL, found, "Use Python 3.11, 3.12 or 3.13")


def check_processors() -> Check:
    """The media clock and the engines want a core each."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if count >= 2:
        return Check("processors", Status.OK, str(count))
    return Check("processors", Status.WARN, str(count), "Give it two cores, or run fewer calls at a time")


def check_settings(settings: Settings) -> Check:
    """Settings that could be read are valid; this says which were changed."""
    changed = ", ".join(sorted(settings.model_fields_set))
    return Check("settings", Status.OK, f"valid; set: {changed}" if changed else "valid; all defaults")


def required_packages() -> list[str]:
    """Names of the packages that Voicebot's own metadata asks for; itself when it is not installed."""
    try:
        requirements = metadata.requires("voicebot") or []
    except metadata.PackageNotFoundError:
        return ["voicebot"]
    return [re.split(r"[^A-Za-z0-9._-]", requirement)[0] for requirement in requirements]


def locked_versions(lock: Path) -> dict[str, frozenset[str]]:
    """Package -> the versions that the lock allows (one for each Python). Empty without a lock file."""
    versions: dict[str, frozenset[str]] = {}
    if lock.exists():
        for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", lock.read_text(), re.MULTILINE):
            versions[_normal(name)] = versions.get(_normal(name), frozenset()) | {version}
    return versions


def installed_version(package: str) -> str | None:
    """None when it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def check_packages(
    required: Sequence[str],
    locked: Mapping[str, frozenset[str]],
    installed: Callable[[str], str | None],
) -> Iterator[Check]:
    """One line for all that are as they should be, one for each that is not."""
    good = 0
    for package in required:
        version = installed(package)
        wanted = locked.get(_normal(package), frozenset())
        if version is None:
            yield Check(package, Status.FAIL, "not installed", "Run `make install`")
        elif wanted and version not in wanted:
            yield Check(package, Status.WARN, f"{version}, tested with {_any(wanted)}", "Run `make install`")
        else:
            good += 1
    found = f"{good} of {len(required)}" + (
        " at their locked versions" if locked else "; no lock file here to compare"
    )
    yield Check("packages", Status.OK if good == len(required) else Status.WARN, found)


def check_weights(folder: Path) -> Iterator[Check]:
    """Each model of the catalogue: every file there, and the very bytes that the catalogue names."""
    for entry in load_catalogue().entries:
        name = f"weights of {entry.name}"
        try:
            verify([entry.name], folder)
        except WeightsError as error:
            problem = error.problems[0]
            status = Status.WARN if entry.optional else Status.FAIL
            yield Check(name, status, f"{problem.file.name}: {problem.what}", problem.mend)
        else:
            found = f"{entry.version}, {entry.size / 1e6:.0f} MB, intact; {entry.licence}"
            yield Check(name, Status.OK, found)


def check_trunk(name: str, trunk: TrunkSettings) -> Check:
    """Its settings must make sense, and the ports of its worker processes be free for us to bind."""
    what = f"SIP trunk {name}"
    try:
        config = trunk_config(trunk)
        options_target(trunk)
        config.check_port()
    except LineError as error:
        found, _, mend = str(error).rpartition(". ")
        return Check(what, Status.FAIL, found, mend)
    last = config.local_port + config.worker_count - 1
    ports = str(config.local_port) if last == config.local_port else f"{config.local_port}-{last}"
    return Check(what, Status.OK, f"{config.local_address}:{ports}/{config.transport} is free")


def check_bridge(name: str, bridge: BridgeSettings) -> Check:
    """Its settings must make sense, and its port be free for us to bind."""
    what, place = f"bridge {name}", f"{bridge.local_address}:{bridge.local_port}/tcp"
    try:
        bridge_line(name, bridge)
    except LineError as error:
        found, _, mend = str(error).rpartition(". ")
        return Check(what, Status.FAIL, found, mend)
    family = socket.AF_INET6 if ":" in bridge.local_address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bridge.local_address, bridge.local_port))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            return Check(what, Status.FAIL, f"{place}: {reason}", "Free it or set another local_port")
    return Check(what, Status.OK, f"{place} is free")


def check_disk(name: str, folder: Path, least_gb: float = LEAST_FREE_GB) -> Check:
    """Room and the right to write in `folder`, or where it would be made."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK):
        return Check(name, Status.FAIL, f"{place} is read-only", "Name another folder in the settings")
    free_gb = shutil.disk_usage(place).free / 1e9
    found = f"{free_gb:.1f} GB free at {place}"
    if free_gb < least_gb:
        return Check(name, Status.WARN, found, f"Leave {least_gb:g} GB free")
    return Check(name, Status.OK, found)


def check_database(address: str) -> Check:
    """It answers, or, being a file that does not exist yet, can be made."""
    name = "database"
    try:
        url = sqlalchemy.make_url(address)
        shown = url.render_as_string(hide_password=True)
        if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
            folder = Path(url.database).absolute().parent
            if os.access(folder, os.W_OK):
                return Check(name, Status.OK, f"{shown} will be made")
            return Check(
                name, Status.FAIL, f"{folder} cannot be written", "Make the folder or set VOICEBOT_DATABASE"
            )
        engine = sqlalchemy.create_engine(url)
        try:
            tables = sqlalchemy.inspect(engine).get_table_names()
        finally:
            engine.dispose()
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        # The driver's message may quote the address with its password; the kind of error does not.
        return Check(
            name, Status.FAIL, f"not reachable ({type(error).__name__})", "Start it or set VOICEBOT_DATABASE"
        )
    return Check(name, Status.OK, f"{shown}, {len(tables)} tables")


def check_model_server(server: ModelServerSettings) -> Check:
    """A chat model is optional: without one the script answers by itself."""
    name = "model server"
    if not server.url:
        return Check(name, Status.OK, "off; scripts answer by themselves")
    mend = "Calls go on with the script's own answers; start it or set VOICEBOT_MODEL_SERVER__URL"
    headers = {"Authorization": f"Bearer {server.api_key}"} if server.api_key else {}
    try:
        answer = httpx2.get(f"{server.url}/models", headers=headers, timeout=MODEL_SERVER_TIMEOUT_S)
        answer.raise_for_status()
        served = [str(model["id"]) for model in answer.json()["data"]]
    except (httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
        return Check(name, Status.WARN, f"{server.url}: {type(error).__name__}", mend)
    if server.model not in served:
        found = f"{server.url} serves {', '.join(served) or 'nothing'}, not {server.model!r}"
        return Check(name, Status.WARN, found, "Set VOICEBOT_MODEL_SERVER__MODEL to one it serves")
    return Check(name, Status.OK, f"{server.url} serves {server.model}")


def check_program(name: str, mend: str) -> Check:
    """An optional program on the search path."""
    found = shutil.which(name)
    return Check(name, Status.OK if found else Status.WARN, found or "not installed", "" if found else mend)


def _normal(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def _any(versions: frozenset[str]) -> str:
    return " or ".join(sorted(versions))
