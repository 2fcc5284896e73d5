"""Standard streams that are closed, full or not UTF-8 give a message and an exit code, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gluscope_tui.cli.app import run
from gluscope_tui.cli.tui import list_lines
from tests.support.index_fixture import Truth, make_index

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return make_index(tmp_path_factory.mktemp("index") / "tiny.db")


def gluscope(truth: Truth, line: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a shell's line, in which `gluscope` and `$GLUSCOPE_DB` are known."""
    done = subprocess.run(
        ["bash", "-c", f'gluscope() {{ "{sys.executable}" -m gluscope_tui "$@"; }}\n{line}'],
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        cwd=ROOT,
        env={**os.environ, "GLUSCOPE_DB": str(truth.path)},
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("command", "redirection", "hint"),
    [
        ("show L0N1", ">&-", "is stdout closed?"),
        ("layers -f json", ">/dev/full", "is its disk full?"),
        ("--help", ">&-", "is stdout closed?"),
        ("--help", ">/dev/full", "is its disk full?"),
        ("--version", ">/dev/full", "is its disk full?"),
        ("show -h", ">/dev/full", "is its disk full?"),
    ],
)
def test_an_output_that_cannot_be_written_is_reported(truth: Truth, command: str, redirection: str, hint: str) -> None:
    code, out, err = gluscope(truth, f"gluscope {command} {redirection}")
    assert (code, out) == (2, "")
    assert err.splitlines()[0].startswith("error: the output can't be written: ")
    assert err.splitlines()[1:] == [hint]


@pytest.mark.slow
def test_a_command_that_prints_no_data_needs_no_stdout(truth: Truth) -> None:
    code, out, err = gluscope(truth, "gluscope search --build >&-")
    assert (code, out) == (0, "")
    assert "can be searched" in err


@pytest.mark.parametrize(
    ("command", "code", "redirection"),
    [("show L9N1 L0N1 -n 0", 2, "2>&-"), ("search zebra", 1, "2>/dev/full"), ("shwo", 2, "2>/dev/full")],
)
def test_a_stderr_that_fails_changes_neither_the_exit_code_nor_stdout(
    truth: Truth, command: str, code: int, redirection: str
) -> None:
    found, out, err = gluscope(truth, f"gluscope {command} {redirection}")
    assert (found, err) == (code, "")
    assert {line.split("\t")[0] for line in out.splitlines()} == ({"L0N1"} if command.startswith("show") else set())


@pytest.mark.slow
def test_a_closed_stdin_is_reported_when_it_is_read_and_no_fault_elsewhere(truth: Truth) -> None:
    for command in ("show -", "tui --list -"):
        code, out, err = gluscope(truth, f"gluscope {command} <&-")
        assert (code, out) == (2, "")
        assert err == "error: stdin can't be read: Bad file descriptor\npipe something into the command\n"
    assert gluscope(truth, "gluscope show L0N1 <&-")[0] == 0


def test_a_list_of_addresses_from_a_pipe_is_read_and_none_is_waited_for(truth: Truth, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    code, out, err = gluscope(truth, f"gluscope tui --list '{pipe}'")
    assert (code, out) == (2, "")
    assert err == f"error: {pipe} is a pipe that no program writes to\nname a file with one neuron a line\n"
    reading, writing = os.pipe()
    os.write(writing, "\ufeffL0N1\n".encode())
    os.write(writing, b"L0N2 \xff\n")
    os.close(writing)
    assert list_lines(f"/dev/fd/{reading}") == ["L0N1", "L0N2 \ufffd"]
    os.close(reading)


@pytest.mark.slow
def test_with_every_stream_closed_the_index_stays_as_it_is(truth: Truth) -> None:
    before = truth.path.read_bytes()
    assert gluscope(truth, "gluscope show L9N1 <&- >&- 2>&-") == (2, "", "")
    assert truth.path.read_bytes() == before


def test_addresses_on_stdin_may_begin_with_a_byte_order_mark_and_hold_bytes_that_are_not_utf8(truth: Truth) -> None:
    code, out, err = gluscope(truth, r"printf '\xef\xbb\xbfL0N1\t\xff\nL0N2\n\xff\n' | gluscope show - -n 0 -q ++")
    assert code == 2
    assert [line.split("\t")[0] for line in out.splitlines()] == ["L0N1", "L0N2"]
    assert err.startswith("error: line 3 of stdin: ")


@pytest.mark.parametrize("columns", ["99999999", "-5", "x", "0"])
def test_a_width_that_no_terminal_has_does_not_hang(
    truth: Truth, columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for command in ("show L0N1 -f rich -n 1", "neurons -f table -n 1", "layers -f table", "search the -n 1 -f table"):
        assert run([*command.split(), "--db", str(truth.path)]) == 0
        assert max(map(len, capsys.readouterr().out.splitlines())) <= 10_000


@pytest.mark.parametrize("command", [["search"], ["neurons", "-w"], ["plot", "layer", "index", "-w"]])
def test_an_argument_that_is_not_utf8_is_reported(
    truth: Truth, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    argument = b"rw_class = '\xff'".decode(errors="surrogateescape")  # as Python reads the command line
    assert run([*command, argument, "--db", str(truth.path)]) == 2
    assert capsys.readouterr().err.splitlines()[1:] == ["write it in UTF-8"]


def test_a_library_that_writes_to_a_stderr_that_nobody_reads_does_not_end_the_command() -> None:
    code = "import sys; from gluscope_tui.cli.streams import muffle_stderr; muffle_stderr()"
    code += "; sys.stderr.write('bar'); sys.stderr.flush(); print('lost', file=sys.stderr); print('on')"
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=writing, cwd=ROOT, check=False)
    os.close(writing)
    assert (done.returncode, done.stdout) == (0, b"on\n")
