"""The rules of the house that no linter knows."""

import ast
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from graphlib import TopologicalSorter
from itertools import chain
from pathlib import Path

import grimp
import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parent.parent
ROOMS = ("voicebot", "dialogs", "models", "telephony")
TOP_LEVEL = {
    *ROOMS,
    *("tests", "docs", "pyproject.toml", "requirements.lock", "Dockerfile.gpu", "Makefile"),
    "requirements-pipecat.lock",
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"),
    *(".ci", ".github", ".git", ".gitignore", ".dockerignore", ".editorconfig"),
}
LONGEST_FILE = 400
LONGEST_FUNCTION = 50
EMPTY_WORDS = {"util", "utils", "helper", "helpers", "manager", "base", "common", "misc"}
REGISTRY_HOST = re.compile(r"\b(pypi|pythonhosted|npmjs|deb\.debian)\.(org|com)\b")
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(root|work|Users)/")


def ignored(path: Path) -> bool:
    patterns = (ROOT / ".gitignore").read_text().split()
    return any(fnmatch(path.name, pattern.rstrip("/")) for pattern in patterns)


def kept_files(folder: Path = ROOT) -> Iterator[Path]:
    """Every file that belongs to the project."""
    for path in sorted(folder.iterdir()):
        if ignored(path) or path.name == ".git":
            continue
        if path.is_dir():
            yield from kept_files(path)
        else:
            yield path


def python_files() -> list[Path]:
    return [path for path in kept_files() if path.suffix == ".py"]


def place(path: Path, line: int = 0) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def test_rooms_import_only_downwards(capsys: pytest.CaptureFixture[str]) -> None:
    """The contracts are in pyproject.toml."""
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0, (
        capsys.readouterr().out
    )


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = grimp.build_graph(*ROOMS, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    TopologicalSorter(imports).prepare()


def test_nothing_else_lies_at_the_top_level() -> None:
    present = {path.name for path in ROOT.iterdir() if not ignored(path)}
    assert present - TOP_LEVEL == set()


def test_files_stay_short() -> None:
    code = [path for path in kept_files() if path.suffix in {".py", ".html", ".js", ".css", ".j2"}]
    lengths = {place(path): len(path.read_text().splitlines()) for path in code}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_functions_stay_short_or_say_why_not() -> None:
    """A longer one carries `# long: the reason` on its signature. A migration is a list, not a function."""
    too_long = []
    for path in python_files():
        lines = path.read_text().splitlines()
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or "migrations" in path.parts:
                continue
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            signature = "\n".join(lines[node.lineno - 1 : node.body[0].lineno])
            if length > LONGEST_FUNCTION and not re.search(r"# long: \w+", signature):
                too_long.append(f"{place(path, node.lineno)} {node.name}: {length} lines")
    assert too_long == []


def test_names_say_something() -> None:
    empty = [place(path) for path in python_files() if EMPTY_WORDS & set(path.stem.split("_"))]
    for path in python_files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                words = {word.lower() for word in re.findall(r"[A-Z][a-z]+", node.name)}
                if EMPTY_WORDS & words:
                    empty.append(f"{place(path, node.lineno)} {node.name}")
    assert empty == []


def test_no_file_names_a_registry_host_or_a_path_of_one_machine() -> None:
    found = []
    for path in kept_files():
        try:
            lines = path.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(lines, start=1):
            if REGISTRY_HOST.search(line) or MACHINE_PATH.search(line):
                found.append(f"{place(path, number)}: {line.strip()}")
    assert found == []


def test_links_lead_somewhere_and_every_page_is_linked_from_the_readme() -> None:
    linked: dict[Path, set[Path]] = {}
    for page in [path for path in kept_files() if path.suffix == ".md"]:
        targets = re.findall(r"(?:\]\(|src=\"|srcset=\")([^)\"#]+)", page.read_text())
        linked[page] = {(page.parent / target).resolve() for target in targets if "://" not in target}
    missing = [
        (place(page), str(target))
        for page, targets in linked.items()
        for target in targets
        if not target.exists()
    ]
    assert missing == []
    assert set((ROOT / "docs").iterdir()) - linked[ROOT / "README.md"] == set()


def test_readme_accounts_for_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *chain(*project["dependency-groups"].values())]
    names = {re.split(r"[=<>\[; ]", requirement)[0] for requirement in wanted}
    rows = set(re.findall(r"^\| `([^`]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert names == rows & names
    assert rows - names == set(), "rows of packages that are not dependencies"


def test_image_and_makefile_use_the_same_uv() -> None:
    pins = [
        re.findall(r"UV_VERSION ?:?= ?([\d.]+)", (ROOT / name).read_text())
        for name in ("Makefile", "Dockerfile.gpu")
    ]
    assert pins[0] == pins[1] != []
