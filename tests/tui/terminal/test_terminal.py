"""The real terminal: the bytes that the command writes to a pty, and how it ends."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import sys
import threading
from pathlib import Path

import pexpect
import pytest

ROOT = Path(__file__).parents[3]
SEQUENCE = re.compile(rb"\x1b(?:\[[0-9;?<>=$]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[=>])")
SGR = re.compile(rb"\x1b\[([0-9;]*)m")
RESTORED = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[?1003l", b"\x1b[?2004l")
HOSTILE = (b"\x1b]52;c;aGk=", b"\x00", b"\xc2\x9b", "\u202e".encode(), "\u200b".encode())


class Session:
    """The command in a pty, and every byte it wrote."""

    def __init__(
        self, index: Path | None, state: Path, *words: str, script: str = "", typed: str = "", **environment: str
    ) -> None:
        env = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV")}
        env |= {"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(state), "LC_ALL": "C.UTF-8", **environment}
        start = ["-c", script] if script else ["-m", "gluscope_tui"]
        command = [sys.executable, *start, "tui", *([str(index)] if index else []), *words]
        if typed:
            command = ["sh", "-c", f"printf %s {shlex.quote(typed)} | {shlex.join(command)}"]
        self.child = pexpect.spawn(
            command[0], command[1:], env=env, dimensions=(24, 80), timeout=20, cwd=str(state.parent)
        )
        self.written = b""

    def wait_for(self, text: str) -> None:
        self.child.expect_exact(text.encode())
        self.written += self.child.before + self.child.after

    def finish(self) -> int:
        """Wait for the end. Returns the exit code (128 + number if a signal ended it)."""
        self.child.expect(pexpect.EOF)
        self.written += self.child.before
        self.child.close()
        return int(self.child.exitstatus if self.child.exitstatus is not None else 128 + self.child.signalstatus)


def styles(written: bytes) -> set[bytes]:
    """The parameters of every colour or attribute written."""
    return {match[1] for match in SGR.finditer(written)}


def walked(index: Path, state: Path, **environment: str) -> bytes:
    """Everything written by a short walk through hostile contexts, including its end."""
    session = Session(index, state, **environment)
    session.wait_for("? help")
    for key in ("j", "w", "4", "\r", "q"):
        session.child.send(key)
    session.child.send(":")
    session.wait_for("list.next")
    session.child.send("\x03")
    session.child.send("q")
    assert session.finish() == 0
    return session.written


@pytest.mark.slow
@pytest.mark.parametrize("term", ["xterm-256color", "screen"])
@pytest.mark.parametrize("no_color", [False, True])
def test_a_terminal_gets_its_own_colours_and_no_control_characters_of_the_corpus(
    hostile_index: Path, state_home: Path, term: str, no_color: bool
) -> None:
    environment = {"TERM": term} | ({"NO_COLOR": "1"} if no_color else {})
    written = walked(hostile_index, state_home, **environment)
    codes = styles(written)
    assert b"38;2" not in b" ".join(codes)
    indexed = any(b"8;5;" in code for code in codes)
    assert indexed == (term == "xterm-256color" and not no_color)
    plain = {b"", b"0", b"1", b"4", b"7", b"1;4", b"1;7", b"4;7", b"1;4;7"}
    if no_color:
        assert codes <= plain | {b"49", b"39"}
    else:
        assert codes - plain
    assert all(hostile not in written for hostile in HOSTILE)
    text = SEQUENCE.sub(b"", written).decode("utf-8")
    assert all(character.isprintable() or character in "\r\n\a" for character in text)
    for mode in RESTORED:
        assert mode in written


@pytest.mark.slow
def test_truecolor_is_used_if_the_terminal_says_so(hostile_index: Path, state_home: Path) -> None:
    written = walked(hostile_index, state_home, TERM="xterm-256color", COLORTERM="truecolor")
    assert any(b"48;2;" in code for code in styles(written))


@pytest.mark.slow
@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"TERM": "dumb", "NO_COLOR": "1"}, {"TERM": ""}])
def test_a_terminal_without_a_screen_gets_two_plain_lines(
    hostile_index: Path, state_home: Path, environment: dict[str, str]
) -> None:
    session = Session(hostile_index, state_home, **environment)
    assert session.finish() == 2
    assert b"\x1b" not in session.written
    assert b"gluscope show" in session.written


@pytest.mark.slow
def test_without_a_mouse_no_mouse_mode_is_asked_for(hostile_index: Path, state_home: Path) -> None:
    session = Session(hostile_index, state_home, "--no-mouse", TERM="xterm-256color")
    session.wait_for("? help")
    session.child.send("q")
    assert session.finish() == 0
    assert b"\x1b[?1000h" not in session.written


@pytest.mark.slow
def test_ascii_writes_only_ascii(hostile_index: Path, state_home: Path) -> None:
    session = Session(hostile_index, state_home, "--ascii", "--color", "none", TERM="xterm")
    session.wait_for("? help")
    session.child.send("4w\rq?")
    session.wait_for("How to read")
    session.child.send("qjq")
    assert session.finish() == 0
    assert session.written.isascii()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_a_working_terminal_and_no_process(
    hostile_index: Path, state_home: Path, number: signal.Signals
) -> None:
    session = Session(hostile_index, state_home, TERM="xterm-256color")
    session.wait_for("? help")
    session.child.send("j")
    session.wait_for("L3N5")
    os.kill(session.child.pid, number)
    assert session.finish() == 128 + number
    for mode in RESTORED:
        assert mode in session.written
    assert '"neuron": "L3N5"' in next(state_home.glob("gluscope/*/state.json")).read_text()


@pytest.mark.slow
def test_a_closed_connection_leaves_no_process(hostile_index: Path, state_home: Path) -> None:
    session = Session(hostile_index, state_home, TERM="xterm-256color")
    session.wait_for("? help")
    os.close(session.child.child_fd)
    session.child.closed = True
    waiting = threading.Thread(target=session.child.ptyproc.wait, daemon=True)
    waiting.start()
    waiting.join(timeout=10)
    assert not waiting.is_alive()
    with pytest.raises(ProcessLookupError):
        os.kill(session.child.pid, 0)


@pytest.mark.slow
def test_a_bug_leaves_a_log_three_lines_and_a_working_terminal(hostile_index: Path, state_home: Path) -> None:
    script = (
        "from gluscope_tui.tui.session.explorer import Explorer\n"
        "def step(self, by): secret = 'text of the corpus'; raise RuntimeError('again: ' + secret)\n"
        "Explorer.step = step\n"
        "from gluscope_tui.cli import main\n"
        "main()"
    )
    session = Session(hostile_index, state_home, script=script, TERM="xterm-256color")
    session.wait_for("? help")
    session.child.send("j")
    assert session.finish() == 1
    after = session.written.rsplit(b"\x1b[?1049l", 1)[1]
    lines = SEQUENCE.sub(b"", after).strip().splitlines()
    assert len(lines) == 3
    assert b"RuntimeError" in lines[0]
    log = next(state_home.glob("gluscope/crash-*.log")).read_text()
    assert "RuntimeError" in log
    assert "list.next" in log
    assert "TERM=xterm-256color" in log
    assert "text of the corpus" not in log.replace("secret = 'text of the corpus'", "")


@pytest.mark.slow
def test_a_missing_index_is_reported_in_two_lines(tmp_path: Path, state_home: Path) -> None:
    session = Session(tmp_path / "missing.db", state_home, TERM="xterm-256color")
    assert session.finish() == 2
    assert b"\x1b[?1049h" not in session.written
    assert len(session.written.strip().splitlines()) == 2


@pytest.mark.slow
def test_a_list_comes_from_stdin_and_keys_from_the_terminal(hostile_index: Path, state_home: Path) -> None:
    lines = "L2N3\tnote\nL0N7\nnonsense\n"
    session = Session(hostile_index, state_home, "--list", "-", typed=lines, TERM="xterm-256color")
    session.wait_for("1/2")
    session.wait_for("1 line is not a neuron")
    session.child.send("j")
    session.wait_for("2/2")
    session.wait_for("L0N7")
    session.child.send("q")
    assert session.finish() == 0


@pytest.mark.slow
def test_without_an_index_the_demos_opens_or_two_lines_say_how_to_make_one(
    hostile_index: Path, state_home: Path, tmp_path: Path
) -> None:
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "TERM": "xterm-256color"}
    session = Session(None, state_home, **cache)
    assert session.finish() == 2
    assert b"gluscope demo" in session.written
    demo = tmp_path / "cache" / "gluscope" / "demo.db"
    demo.parent.mkdir(parents=True)
    shutil.copy(hostile_index, demo)
    session = Session(None, state_home, **cache)
    session.wait_for("this is the demo's index")
    session.child.send("q")
    assert session.finish() == 0


@pytest.mark.slow
@pytest.mark.parametrize("burst", ["qi]", "qSxq", "qoq\x1a", "\x03\x03:x"])
def test_keys_after_quitting_are_dropped(hostile_index: Path, state_home: Path, burst: str) -> None:
    session = Session(hostile_index, state_home, TERM="xterm-256color", PAGER="cat")
    session.wait_for("? help")
    session.child.send(burst)
    assert session.finish() == 0
    assert not list(state_home.glob("gluscope/crash-*"))
    assert b"\x1b[?1049h" not in session.written.rpartition(b"\x1b[?1049l")[2]  # not taken over again


@pytest.mark.slow
def test_the_terminals_real_size_overrides_the_environment(hostile_index: Path, state_home: Path) -> None:
    session = Session(hostile_index, state_home, TERM="xterm-256color", COLUMNS="30", LINES="5")
    session.wait_for("? help")  # 24 rows have room for it
    session.child.setwinsize(5, 30)
    session.wait_for("gluscope needs")
    session.child.send("q")
    assert session.finish() == 0


@pytest.mark.slow
def test_a_terminal_with_an_older_encoding_gets_ascii(hostile_index: Path, state_home: Path) -> None:
    session = Session(hostile_index, state_home, TERM="xterm", PYTHONIOENCODING="iso8859-1")
    session.wait_for("? help")
    session.child.send(b"4w/\xfc")
    session.wait_for("<FC>")
    session.child.send("\rqq")
    assert session.finish() == 0
    assert session.written.isascii()


@pytest.mark.slow
@pytest.mark.parametrize("typed", [b"\xe9\xff", b"\x1b[200~\xc3\x1b[201~"])
def test_typed_bytes_that_are_not_text_end_nothing(hostile_index: Path, state_home: Path, typed: bytes) -> None:
    session = Session(hostile_index, state_home, TERM="xterm-256color")
    session.wait_for("? help")
    session.child.send(typed + b"j")
    session.wait_for("L3N5")
    session.child.send("q")
    assert session.finish() == 0
    assert b"Error" not in session.written
