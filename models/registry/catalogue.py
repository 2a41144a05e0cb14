"""The catalogue of weights: which file each model is made of, and where its copy lies on this machine."""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from ruamel.yaml import YAML


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WeightFile(_Record):
    """One file of a model. `parts` are paths inside the entry's packages, joined in order."""

    name: str
    parts: tuple[str, ...]
    sha256: str
    size: int


class Entry(_Record):
    """One model."""

    name: str
    kind: str
    version: str
    languages: tuple[str, ...]
    licence: str
    note: str
    packages: tuple[str, ...]
    """PyPI requirements, `name==version`."""
    files: tuple[WeightFile, ...]
    installed: bool = False
    optional: bool = False

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.size for file in self.files)

    def file(self, name: str) -> WeightFile:
        """Raises KeyError when the entry has no such file."""
        for file in self.files:
            if file.name == name:
                return file
        raise KeyError(f"{self.name} has no file {name!r}")


class Catalogue(_Record):
    """All models that Voicebot knows."""

    entries: tuple[Entry, ...]

    def entry(self, name: str) -> Entry:
        """Raises KeyError when there is no such model."""
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise KeyError(f"no model {name!r} in the catalogue; it has {', '.join(self.names(optional=True))}")

    def names(self, *, optional: bool = False) -> Sequence[str]:
        """The models that a complete installation has; with `optional`, really all."""
        return [entry.name for entry in self.entries if optional or not entry.optional]


@cache
def load_catalogue() -> Catalogue:
    """The catalogue that ships with this version."""
    text = files("models.registry").joinpath("catalogue.yaml").read_text(encoding="utf-8")
    return Catalogue.model_validate(YAML(typ="safe").load(text))


def weights_path(entry: str, file: str, weights_dir: Path) -> Path:
    """Where a weight file lies, or would lie. Raises KeyError when the catalogue does not have it."""
    model = load_catalogue().entry(entry)
    weight = model.file(file)
    if not model.installed:
        return weights_dir / model.name / weight.name
    package = model.packages[0].partition("==")[0]
    try:
        return Path(str(distribution(package).locate_file(weight.parts[0])))
    except PackageNotFoundError:
        return Path(weight.parts[0])
