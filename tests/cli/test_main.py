"""Promises of the command line as a process: help, version, quick starts, pipes, and `gluscope info`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import indexer
from gluscope_tui.cli.app import COMMANDS, run

from ..support.index_fixture import Truth, make_index

FORBIDDEN = ("torch", "transformers", "numpy", "textual", "sqlite_utils", "datasets", "pyarrow", "rich.console")
ROOT = Path(__file__).parents[2]

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return make_index(tmp_path_factory.mktemp("index") / "tiny.db")


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`gluscope` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "gluscope_tui", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
    )


def test_help_names_every_command(capsys: Capture) -> None:
    assert run([]) == 0
    bare = capsys.readouterr().out
    assert run(["--help"]) == 0
    out, err = capsys.readouterr()
    assert out == bare
    assert err == ""
    listed = re.findall(r"^  (\S+)", out.partition("Commands:")[2], re.MULTILINE)
    assert listed == list(COMMANDS)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help(capsys: Capture, name: str) -> None:
    assert run([name, "--help"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"Usage: gluscope {name} ")
    assert err == ""


def test_version(capsys: Capture) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"gluscope {indexer.__version__}\n"


def test_completion_comes_from_typer() -> None:
    done = process("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert done.returncode == 0
    assert "_GLUSCOPE_COMPLETE" in done.stdout
    words = process(_GLUSCOPE_COMPLETE="complete_bash", COMP_WORDS="gluscope show L0N1 --ra", COMP_CWORD="3")
    assert words.stdout.split() == ["--rank-by"]


@pytest.mark.slow
def test_reading_imports_nothing_heavy(truth: Truth) -> None:
    formats = ("rich", "plain", "json", "jsonl", "md")
    commands = [
        ["--help"], ["--version"], ["show", "--help"], *(["show", "L0N5", "-f", name] for name in formats),
        *(["info", "-f", name] for name in ("rich", "plain", "json")), ["index", "--help"],
    ]  # fmt: skip
    program = (
        "import json, sys\n"
        "from gluscope_tui.cli.app import run\n"
        f"for command in {commands!r}:\n"
        "    assert run(command) == 0, command\n"
        f"    found = [name for name in {FORBIDDEN!r} if name in sys.modules]\n"
        "    assert not found, (command, found)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "GLUSCOPE_DB": str(truth.path)},
        check=False,
    )
    assert done.stderr == b""
    assert done.returncode == 0


def test_show_imports_little(truth: Truth) -> None:
    """Imports are most of the time that a start takes: what finds, compares and exports is imported when asked for."""
    program = (
        "import sys\n"
        "from gluscope_tui.cli.app import run\n"
        f"assert run(['show', 'L0N5', '-f', 'rich', '-d', {str(truth.path)!r}]) == 0\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    names = done.stderr.split()
    assert "gluscope_tui.cli.show" in names
    assert len(names) < 420  # with Python's own and rich's
    assert sum(name.partition(".")[0] in ("indexer", "gluscope_tui") for name in names) < 110


@pytest.mark.slow
def test_a_reader_that_goes_away_is_not_an_error(truth: Truth) -> None:
    neurons = [f"L0N{index % 24}" for index in range(400)]
    writer = subprocess.Popen(
        [sys.executable, "-m", "gluscope_tui", "show", *neurons, "-n", "16", "-d", str(truth.path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    assert writer.stdout is not None
    assert writer.stderr is not None
    assert writer.stdout.readline().startswith(b"L0N0\t")
    writer.stdout.close()
    complaint = writer.stderr.read()
    writer.stderr.close()
    assert writer.wait() == 0
    assert complaint == b""


@pytest.mark.parametrize("neurons", [1, 400])
def test_an_output_on_a_full_disk_gives_a_message(truth: Truth, neurons: int) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "gluscope_tui", "show", *["L0N5"] * neurons, "-d", str(truth.path)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            check=False,
        )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2
    assert "can't be written" in done.stderr


def test_an_output_in_another_encoding_is_escaped(truth: Truth) -> None:
    done = process("show", "L0N5", "-n", "16", "-d", str(truth.path), PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.isascii()
    assert "\\u65e5" in done.stdout


def test_info_agrees_in_every_format(truth: Truth, capsys: Capture) -> None:
    database = str(truth.path)
    assert run(["info", "-f", "json", "--db", database]) == 0
    found = json.loads(capsys.readouterr().out)
    for key in ("model", "corpus", "settings", "software", "run"):
        assert found[key] == truth.info[key]
    assert found["neurons"] == sum(site["neurons"] for site in found["sites"])
    assert found["size"] == truth.path.stat().st_size
    assert found["telling_neuron"] == truth.telling.name
    assert found["complete"] is True
    assert run(["info", database]) == 0  # piped: plain
    plain = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert plain["model.name"] == found["model"]["name"]
    assert plain["corpus.tokens"] == str(found["corpus"]["tokens"])
    assert json.loads(plain["settings.rank_by"]) == found["settings"]["rank_by"]
    assert plain["index.telling_neuron"] == found["telling_neuron"]
    assert run(["info", "-d", database, "-f", "rich"]) == 0
    rich = capsys.readouterr().out
    assert found["model"]["name"] in rich
    assert "\x1b" not in rich


@pytest.mark.parametrize("command", ["info", "tui"])
def test_two_indexes_are_refused_unless_they_are_one(
    truth: Truth, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    other = tmp_path / "other.db"
    shutil.copy(truth.path, other)
    assert run([command, str(other), "--db", str(truth.path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"error: two indexes are named: {other} and --db {truth.path}\nname one: gluscope {command} {other}\n"
    if command == "info":
        monkeypatch.chdir(tmp_path)
        assert run([command, "other.db", "--db", str(other)]) == 0


def test_info_of_something_else_is_refused(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "text.db").write_text("not a database")
    assert run(["info", str(tmp_path / "text.db")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 2


@pytest.mark.parametrize(
    "command",
    [
        *("show L1N4", "show L1N4 L1N5 --compare", "neurons", "search the", "layers", "plot layer index", "info"),
        *("doctor", "marks list -f md", "export svg L1N4 --out pictures"),
    ],
)
def test_without_an_index_a_reading_command_reads_the_index_of_the_demo(
    truth: Truth, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("GLUSCOPE_DB", raising=False)
    if command != "doctor":
        assert run(command.split()) == 2
        assert capsys.readouterr().err.startswith("error: there is no index yet\nmake one: gluscope demo")
    demo = tmp_path / "cache" / "gluscope" / "demo.db"
    demo.parent.mkdir(parents=True)
    shutil.copy(truth.path, demo)
    assert run(command.split()) == 0
    out, err = capsys.readouterr()
    notice = f"there is no ./gluscope.db: this is the demo's index, {demo}\n"
    assert err.startswith(notice)
    assert run([*command.split(), "--db", str(demo)]) == 0
    assert capsys.readouterr() == (out, err.removeprefix(notice))


def test_what_writes_never_takes_the_index_of_the_demo(
    truth: Truth, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("GLUSCOPE_DB", raising=False)
    (tmp_path / "gluscope").mkdir()
    shutil.copy(truth.path, tmp_path / "gluscope" / "demo.db")
    assert run(["search", "--build"]) == 2
    assert "gluscope.db" in capsys.readouterr().err
    assert not (tmp_path / "gluscope.db").exists()
