"""One process runs a campaign at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dialogs.problem import InputError, Problem


@contextmanager
def run_lock(database: Path, campaign: str) -> Iterator[None]:
    """Hold the right to run campaigns of this database; a dead process loses it at once.

    Calls that are open in the records while we hold it belong to nobody alive. Raises InputError
    when another process holds it. It is a POSIX record lock: engine processes do not inherit it."""
    path = database.with_name(database.name + ".lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            message = f"campaign '{campaign}' cannot start: another process is running a campaign here"
            mend = "Wait for it, stop it with Ctrl-C, or use another database."
            raise InputError([Problem(str(database), 0, message, mend)]) from None
        yield
    finally:
        os.close(descriptor)
