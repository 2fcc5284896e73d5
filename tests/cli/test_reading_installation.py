"""An installation that only reads: its dependencies are what the reading side imports, and it reads every index."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest

from gluscope_tui.cli.app import COMMANDS
from gluscope_tui.cli.extras import INDEX_MODULES
from tests.support.index_fixture import Truth, make_index

ROOT = Path(__file__).parents[2]
TOML = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
PROJECT = TOML.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NOT_IMPORTED = {"accelerate"}  # transformers asks for it where a model is spread over devices
BROUGHT = {"triton"}  # torch for CUDA requires it; without it the kernels of GPUs are left aside
LINES = {
    "show": ["L0N1", "L0N1 -f rich --plot", "L0N1 -f json"],
    "neurons": [""],
    "search": ["the"],
    "layers": [""],
    "marks": [""],
    "cache": [""],
    "plot": ["layer index -f rich"],
    "info": [""],
    "export": [
        "html L0N1 --single --out {out}/L0N1.html",
        "html --where layer=1 --out {out}/pages",
        "neuronpedia {out}/np",
    ],
    "doctor": [""],
    "tui": [""],
}
"""How each command that reads is called here."""
READS = tuple(f"database/{name}" for name in ("read", "remote", "query", "format", "reader.py", "records.py"))


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return make_index(tmp_path_factory.mktemp("index") / "tiny.db")


def imported(files: Iterable[Path]) -> set[str]:
    """The modules from elsewhere that files import, anywhere in them."""
    found = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found.add(node.module.split(".")[0])
    return found - sys.stdlib_module_names - {"indexer", "gluscope_tui"}


def listed(requirements: Iterable[str]) -> set[str]:
    """The names of requirements as modules are spelled."""
    return {re.match(r"[\w-]+", one)[0].replace("-", "_") for one in requirements}  # type: ignore[index]


def python_files(*folders: Path) -> set[Path]:
    return {file for folder in folders for file in ([folder] if folder.suffix else folder.rglob("*.py"))}


@pytest.mark.slow
def test_the_dependencies_are_what_the_reading_side_imports() -> None:
    serving = python_files(ROOT / "gluscope_tui" / "cli" / "serving")
    reading = python_files(ROOT / "gluscope_tui", *(ROOT / "indexer" / name for name in READS)) - serving
    assert imported(reading) == listed(PROJECT["dependencies"])
    assert imported(serving) == listed(PROJECT["optional-dependencies"]["serve"])


@pytest.mark.slow
def test_the_extra_for_indexing_is_what_else_is_imported() -> None:
    everything = imported(python_files(ROOT / "indexer")) - listed(PROJECT["dependencies"])
    extra = listed(PROJECT["optional-dependencies"]["index"])
    assert everything - BROUGHT == extra - NOT_IMPORTED
    assert set(INDEX_MODULES) == extra
    assert "gluscope[index,serve]" in PROJECT["optional-dependencies"]["test"]


def test_every_command_that_runs_no_model_is_tried_without_what_runs_models() -> None:
    files = {name: ROOT / "gluscope_tui" / "cli" / f"{name}.py" for name in COMMANDS}
    needs = {
        name
        for name, file in files.items()
        if re.search(
            rf'require_index_extra\("{name}"\)|require\((f"{name} |"{name}")', file.read_text(encoding="utf-8")
        )
    }
    assert set(LINES) == set(COMMANDS) - needs


def needed(name: str, found: dict[str, Distribution]) -> dict[str, Distribution]:
    """A distribution and all that it requires here."""
    if name not in found:
        found[name] = distribution(name)
        for requirement in found[name].requires or ():
            word = re.match(r"[\w.-]+", requirement)
            if word is not None and "extra ==" not in requirement and _installed(word[0]):
                needed(word[0], found)
    return found


def _installed(name: str) -> bool:
    try:
        distribution(name)
    except ModuleNotFoundError:
        return False
    return True


@pytest.fixture(scope="module")
def reading_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what `pip install .` would install, as links."""
    folder = tmp_path_factory.mktemp("site")
    found: dict[str, Distribution] = {}
    for requirement in listed(PROJECT["dependencies"]):
        needed(requirement, found)
    for one in found.values():
        for top in {Path(file).parts[0] for file in one.files or () if ".." not in Path(file).parts}:
            if top != "__pycache__" and not (folder / top).exists():
                (folder / top).symlink_to(Path(str(one.locate_file(top))))
    for package in ("indexer", "gluscope_tui"):
        (folder / package).symlink_to(ROOT / package)
    return folder


def gluscope(site: Path, *commands: list[str]) -> list[tuple[int, str]]:
    """Exit code and stderr of command lines, in one process that finds only the packages in `site`."""
    program = (
        "import contextlib, io, json, sys\n"
        f"sys.path.append({str(site)!r})\n"
        "from gluscope_tui.cli.app import run\n"
        "told = []\n"
        f"for command in {list(commands)!r}:\n"
        "    err = io.StringIO()\n"
        "    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):\n"
        "        told.append((run(command), err.getvalue()))\n"
        "print(json.dumps(told))\n"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return [tuple(one) for one in json.loads(done.stdout)]


@pytest.mark.slow
def test_it_reads(reading_only: Path, truth: Truth, tmp_path: Path) -> None:
    db = ["--db", str(truth.path)]
    lines = [
        [name, *line.format(out=tmp_path).split(), *(db if name != "cache" else [])]
        for name, lines in LINES.items()
        if name != "tui"
        for line in lines
    ]
    told = gluscope(reading_only, *lines)
    assert [code for code, _ in told] == [0] * len(lines)
    telling = ("cache", "export", "marks", "search")  # what they did, or how the rows are sorted
    quiet = [err for (_, err), (name, *_) in zip(told, lines, strict=True) if name not in telling]
    assert quiet == [""] * len(quiet)
    assert {"L0N1.html", "pages"} <= {path.name for path in tmp_path.iterdir()}
    ((code, err),) = gluscope(reading_only, ["tui", *db])
    assert code == 2
    assert err.startswith("error: the explorer needs a terminal")


@pytest.mark.slow
def test_what_runs_models_says_in_one_line_what_to_install(reading_only: Path, truth: Truth) -> None:
    commands: dict[str, list[str]] = {"index": ["m", "t"], "bench": ["m", "t"], "demo": [], "merge": ["o", "i"]}
    commands |= {"models": [], "prompt": ["a text"], "effect": ["L0N1"]}
    told = gluscope(
        reading_only,
        *([name, *arguments] for name, arguments in commands.items()),
        ["search", "--build", "--db", str(truth.path)],
    )
    for name, (code, err) in zip([*commands, "search --build"], told, strict=True):
        assert (code, err) == (
            2,
            f"error: gluscope {name}: {len(INDEX_MODULES)} libraries that run models are not installed: "
            "pip install '.[index]'\n",
        )


@pytest.mark.slow
def test_what_needs_one_library_says_in_one_line_what_to_install(
    reading_only: Path, truth: Truth, tmp_path: Path
) -> None:
    for kind in ("parquet", "gluscope"):
        words = ["export", kind, str(tmp_path / "out"), "--db", str(truth.path)]
        expected = f"error: gluscope export {kind}: pyarrow is not installed: pip install '.[index]'\n"
        assert gluscope(reading_only, words) == [(2, expected)]
    expected = "error: gluscope serve: aiohttp, textual-serve are not installed: pip install '.[serve]'\n"
    assert gluscope(reading_only, ["serve", "--db", str(truth.path)]) == [(2, expected)]


@pytest.mark.slow
def test_every_command_has_help_there(reading_only: Path) -> None:
    assert gluscope(reading_only, *([name, "--help"] for name in COMMANDS)) == [(0, "")] * len(COMMANDS)
