"""Opens the database and brings its tables up to date."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, SQLAlchemyError

from dialogs.problem import InputError, Problem

BUSY_TIMEOUT_MS = 5_000
"""How long a write waits for another process that is writing."""

WRITES = {"voicebot_writes": True}
"""Execution options of an engine that writes: on SQLite its transactions take the write lock at
their beginning, so that none fails half-way because another process wrote meanwhile."""


def open_database(url: str) -> Engine:
    """Connect, and migrate to the newest tables.

    SQLite runs in WAL mode with foreign keys on. Raises InputError when the place cannot hold our
    database: no such server or folder, not a database, another program's, or a newer version's."""
    try:
        address = make_url(url)
        engine = create_engine(address)
    except (ArgumentError, ImportError) as error:
        raise _fault(url, f"not a usable database URL: {error}", "Write it as sqlite:///FILE.") from None
    place = database_file(address) or address.render_as_string(hide_password=True)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, database_file(address))
    try:
        with engine.connect().execution_options(**WRITES) as connection, connection.begin():
            _upgrade(connection, str(place))
    except DatabaseError as error:
        engine.dispose()
        raise _fault(
            str(place), f"cannot be opened: {error.orig}", "Name a database file or a new one."
        ) from None
    except (SQLAlchemyError, InputError):
        engine.dispose()
        raise
    return engine


def database_file(address: URL) -> Path | None:
    """The file of an SQLite database; None for other databases."""
    return Path(address.database) if address.get_backend_name() == "sqlite" and address.database else None


def alembic_config(connection: Connection) -> Config:
    """What Alembic's commands need to work on this connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection, place: str) -> None:
    config = alembic_config(connection)
    current = MigrationContext.configure(connection).get_current_revision()
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise _fault(
            place, "written by a newer version of voicebot", "Upgrade voicebot or name another file."
        )
    if current is None and inspect(connection).get_table_names():
        raise _fault(place, "the database of another program", "Name another file.")
    command.upgrade(config, "head")


def _prepare_sqlite(engine: Engine, file: Path | None) -> None:
    if file is None or file.name == ":memory:":
        raise _fault(str(engine.url), "a database in memory would forget its calls", "Write sqlite:///FILE.")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _fault(
            str(file), f"its folder cannot be made: {error.strerror}", "Name another file."
        ) from None

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _: object) -> None:
        # The driver's own transaction handling begins too late for DDL and for a write lock.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("voicebot_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _fault(place: str, message: str, mend: str) -> InputError:
    return InputError([Problem(place, 0, message, mend)])
