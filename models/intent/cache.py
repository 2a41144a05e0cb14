"""Named arrays in a file: what was computed once need not be computed at the next start."""

import contextlib
import logging
import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)


def read_arrays(file: Path) -> dict[str, NDArray[Any]]:
    """Empty when the file is missing or damaged."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            return dict(stored)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        log.warning("%s is damaged: it is computed again", file)
        return {}


def write_arrays(file: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Atomically, because another process may read it. A place that cannot be written to is no error."""
    temporary = ""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".new", delete=False) as stream:
            temporary = stream.name
            np.savez(stream, allow_pickle=False, **dict(arrays))
        os.replace(temporary, file)
    except OSError as error:
        log.warning("%s is not kept: %s", file, error)
        with contextlib.suppress(OSError):
            os.unlink(temporary)
