import os
import socket
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from models.registry.catalogue import load_catalogue
from voicebot import doctor
from voicebot.bridge_settings import BrowserBridge, FreeSwitchBridge
from voicebot.doctor import Check, Status
from voicebot.settings import ModelServerSettings, Settings
from voicebot.trunk_settings import TrunkSettings


def test_python_outside_the_locked_range_fails() -> None:
    assert doctor.check_python((3, 11)).status is Status.OK
    for version in ((3, 10), (3, 14)):
        check = doctor.check_python(version)
        assert check.status is Status.FAIL
        assert "3.11" in check.mend


def test_lock_is_read_with_all_versions_of_a_package(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "# comment==1\nnumpy==2.4.6 ; python_full_version < '3.12' \\\n    --hash=sha256:aa==\n"
        "numpy==2.5.5 ; python_full_version >= '3.12' \\\nRuamel.YAML==0.19.1 \\\n    # via voicebot\n"
    )
    assert doctor.locked_versions(lock) == {
        "numpy": frozenset({"2.4.6", "2.5.5"}),
        "ruamel-yaml": frozenset({"0.19.1"}),
    }
    assert doctor.locked_versions(tmp_path / "none.lock") == {}


def test_project_lock_covers_every_required_package() -> None:
    assert set(doctor.locked_versions(doctor.LOCK_FILE)) >= {"numpy", "baresip-python", "piper-tts", "typer"}


def test_missing_and_differing_packages_get_a_line_each() -> None:
    installed = {"numpy": "2.4.6", "rich": "14.0"}
    locked = {name: frozenset({version}) for name, version in [("numpy", "2.4.6"), ("rich", "15.0")]}
    checks = list(doctor.check_packages(["numpy", "rich", "typer"], locked, installed.get))
    assert [(check.name, check.status) for check in checks] == [
        ("rich", Status.WARN),
        ("typer", Status.FAIL),
        ("packages", Status.WARN),
    ]
    assert checks[0].found == "14.0, tested with 15.0"
    assert checks[2].found.startswith("1 of 3")


def test_weights_that_are_missing_fail_and_optional_ones_warn(tmp_path: Path) -> None:
    checks = {check.name: check for check in doctor.check_weights(tmp_path)}
    for entry in load_catalogue().entries:
        check = checks[f"weights of {entry.name}"]
        if not entry.installed:
            assert check.status is (Status.WARN if entry.optional else Status.FAIL)
            assert "missing" in check.found
            assert check.mend


def test_altered_weights_fail(tmp_path: Path) -> None:
    entry = next(entry for entry in load_catalogue().entries if not (entry.installed or entry.optional))
    (tmp_path / entry.name).mkdir()
    (tmp_path / entry.name / entry.files[0].name).write_bytes(b"not a model")
    check = next(check for check in doctor.check_weights(tmp_path) if check.name.endswith(entry.name))
    assert check.status is Status.FAIL
    assert "altered" in check.found


def test_port_in_use_fails_and_a_free_one_passes() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        taken = doctor.check_trunk("main", TrunkSettings(local_port=port))
    assert taken.status is Status.FAIL
    assert f"SIP port {port}/udp on 127.0.0.1 cannot be used: Address already in use" in taken.found
    assert "local_port" in taken.mend
    free = doctor.check_trunk("main", TrunkSettings(local_port=port))
    assert (free.status, free.found) == (Status.OK, f"127.0.0.1:{port}/udp is free")


def test_the_ports_of_all_workers_are_looked_at() -> None:
    many = doctor.check_trunk("main", TrunkSettings(local_port=40_100, channels=150, transport="tcp"))
    assert many.found == "127.0.0.1:40100-40102/tcp is free"


def test_address_of_another_machine_fails() -> None:
    assert doctor.check_trunk("main", TrunkSettings(local_address="192.0.2.1")).status is Status.FAIL


def test_a_bridge_needs_its_port_and_whole_settings() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        taken = doctor.check_bridge("page", BrowserBridge(provider="browser", local_port=port))
    assert taken.status is Status.FAIL
    assert f"127.0.0.1:{port}/tcp" in taken.found
    assert doctor.check_bridge("page", BrowserBridge(provider="browser", local_port=port)).status is Status.OK
    switch = FreeSwitchBridge(provider="freeswitch", password="x", dial_string="no place for a number")
    assert "dial_string" in doctor.check_bridge("switch", switch).found


def test_disk_is_looked_up_where_the_folder_would_be_made(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there" / "yet"
    assert doctor.check_disk("disk", folder, least_gb=0).status is Status.OK
    assert str(tmp_path) in doctor.check_disk("disk", folder).found
    assert doctor.check_disk("disk", folder, least_gb=1e9).status is Status.WARN
    assert not folder.exists()


def test_looking_at_a_new_database_does_not_make_it(tmp_path: Path) -> None:
    file = tmp_path / "voicebot.db"
    check = doctor.check_database(f"sqlite:///{file}")
    assert (check.status, file.exists()) == (Status.OK, False)


def test_existing_database_is_opened_and_a_broken_one_fails(tmp_path: Path) -> None:
    good, broken = tmp_path / "good.db", tmp_path / "broken.db"
    with sqlite3.connect(good) as connection:
        connection.execute("create table person (id integer)")
    broken.write_bytes(os.urandom(4096))
    assert doctor.check_database(f"sqlite:///{good}").found.endswith("1 tables")
    assert doctor.check_database(f"sqlite:///{broken}").status is Status.FAIL


@pytest.mark.parametrize(
    "address",
    ["no address at all", "nosuchdatabase://host/name", "sqlite:////no/such/folder/voicebot.db"],
)
def test_database_that_cannot_be_reached_fails(address: str) -> None:
    check = doctor.check_database(address)
    assert check.status is Status.FAIL
    assert "VOICEBOT_DATABASE" in check.mend


def test_database_password_is_never_shown() -> None:
    check = doctor.check_database("nosuchdatabase://anna:s3cret@host/name")
    assert "s3cret" not in check.found + check.mend


@pytest.fixture
def model_server() -> Iterator[str]:
    """A server that lists one model."""

    class ListsModels(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/v1/models"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            body = '{"object":"list","data":[{"id":"small","object":"model","created":0,"owned_by":"us"}]}'
            self.wfile.write(body.encode() if found else b"{}")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), ListsModels) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        serving.join()


def test_model_server_is_asked_for_its_models(model_server: str) -> None:
    assert doctor.check_model_server(ModelServerSettings(url=model_server, model="small")).status is Status.OK
    other = doctor.check_model_server(ModelServerSettings(url=model_server, model="large"))
    assert other.status is Status.WARN
    assert other.found.endswith("serves small, not 'large'")


def test_silent_model_server_warns_and_none_is_fine() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{holder.getsockname()[1]}/v1"
        check = doctor.check_model_server(ModelServerSettings(url=url, model="small", api_key="s3cret"))
    assert check.status is Status.WARN
    assert "s3cret" not in check.found
    assert doctor.check_model_server(ModelServerSettings()).status is Status.OK


def test_run_checks_looks_at_everything_and_writes_nothing(tmp_path: Path) -> None:
    settings = Settings(
        database=f"sqlite:///{tmp_path}/voicebot.db",
        weights=tmp_path / "weights",
        recordings=tmp_path / "calls",
    )
    checks = doctor.run_checks(settings)
    assert {"Python", "packages", "SIP trunk main", "database", "model server"} <= {
        check.name for check in checks
    }
    assert not doctor.examine(settings, Console(file=StringIO())), "the weights are missing"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("worst", "ready"), [(Status.OK, True), (Status.WARN, True), (Status.FAIL, False)])
def test_only_failures_keep_a_campaign_from_running(
    worst: Status, ready: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        doctor, "run_checks", lambda settings: [Check("a", Status.OK, ""), Check("b", worst, "")]
    )
    assert doctor.examine(Settings(), Console(file=StringIO())) is ready


def test_table_says_what_to_mend() -> None:
    fine = Check("Python", Status.OK, "3.11")
    warned = Check("sipp", Status.WARN, "not installed", "install it")
    failed = Check("SIP trunk main", Status.FAIL, "in use", "free it")
    console = Console(file=StringIO(), width=100)
    console.print(doctor.as_table([fine, warned, failed]))
    assert isinstance(console.file, StringIO)
    lines = console.file.getvalue().splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["ok", "warn", "fail"]
    assert "free it" in lines[3]
