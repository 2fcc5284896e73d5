"""Promises to terminals: in a real one, no byte of the corpus controls anything, and colours are those it has."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from rich.cells import cell_len

from ..support import hostile
from ..support.index_fixture import Truth, make_index

ROOT = Path(__file__).parents[2]
NEURONS = [f"L{layer}N{index}" for layer in (0, 1) for index in range(0, 24, 3)]
_STYLE = re.compile(r"\x1b\[[0-9;]+m")


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return make_index(tmp_path_factory.mktemp("index") / "tiny.db")


def in_terminal(truth: Truth, *arguments: str, columns: int = 100, **environment: str) -> str:
    """Everything that `gluscope` writes to a terminal of its own, stdout and stderr together."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    unset = ("NO_COLOR", "COLORTERM", "COLUMNS", "COLORFGBG")
    inherited = {name: value for name, value in os.environ.items() if name not in unset}
    process = subprocess.Popen(
        [sys.executable, "-m", "gluscope_tui", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        cwd=ROOT,
        env={**inherited, "GLUSCOPE_DB": str(truth.path), "PYTHONIOENCODING": "utf-8", **environment},
    )
    os.close(theirs)
    written = bytearray()
    while chunk := _read(ours):
        written += chunk
    os.close(ours)
    process.wait()
    return written.decode("utf-8")  # and so every byte is part of a character


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux tells that the other side is closed
        return b""


@pytest.mark.slow
@pytest.mark.parametrize("no_color", [False, True])
@pytest.mark.parametrize("term", ["xterm-256color", "screen", "dumb"])
def test_nothing_of_the_corpus_controls_the_terminal(truth: Truth, term: str, no_color: bool) -> None:
    written = in_terminal(truth, "show", *NEURONS, "-n", "16", TERM=term, NO_COLOR="1" if no_color else "")
    assert "␛]52;c;aGk=␇" in written
    assert "⟨202E⟩" in written
    assert "[@click=app.quit]x[/]" in written
    text = _STYLE.sub("", written).replace("\r\n", "")
    assert hostile.harmful(text) == []
    assert "38;2" not in written
    assert "48;2" not in written
    assert (";5;" in written) == (term == "xterm-256color" and not no_color)
    if term == "dumb":
        assert "\x1b" not in written
    if no_color:
        assert all(code in "01479" for style in _STYLE.findall(written) for code in style[2:-1].split(";"))


@pytest.mark.slow
@pytest.mark.parametrize("format", ["plain", "json", "jsonl", "md"])
def test_the_formats_for_files_do_no_harm_on_a_terminal_either(truth: Truth, format: str) -> None:
    written = in_terminal(truth, "show", *NEURONS, "-n", "16", "-f", format, TERM="xterm-256color")
    assert hostile.harmful(written.replace("\r\n", "").replace("\t", "")) == []


@pytest.mark.slow
def test_truecolor_is_written_only_if_the_terminal_has_it(truth: Truth) -> None:
    assert "48;2;" in in_terminal(truth, "show", "L0N5", TERM="xterm-256color", COLORTERM="truecolor")
    assert "48;2;" not in in_terminal(truth, "show", "L0N5", TERM="xterm-256color")


@pytest.mark.slow
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_contexts_are_as_wide_as_the_terminal(truth: Truth, columns: int) -> None:
    written = in_terminal(truth, "show", *NEURONS, columns=columns, TERM="dumb")
    contexts = [line for line in written.split("\r\n") if "«" in line and line[:8].strip()[:1] in "+-"]
    assert len(contexts) > 20
    assert max(map(cell_len, contexts)) <= columns


@pytest.mark.slow
def test_info_and_errors_do_no_harm(truth: Truth) -> None:
    written = in_terminal(truth, "info", TERM="xterm-256color")
    assert "tiny/simulated" in written
    written += in_terminal(truth, "show", "\x1b]0;title\x07", "L0N1\x9b", TERM="xterm-256color")
    written += in_terminal(truth, "show", "L0N1", "-f", "\x1b[31m", TERM="xterm-256color")
    written += in_terminal(truth, "info", "no\x1b[2J.db", TERM="xterm-256color")
    assert hostile.harmful(_STYLE.sub("", written).replace("\r\n", "")) == []
