"""State and copied text: plain files that survive mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gluscope_tui.cli.tui import list_lines
from gluscope_tui.kept.files import index_folder, state_folder
from gluscope_tui.kept.marks import Mark
from gluscope_tui.kept.marks_file import MarksFile
from gluscope_tui.kept.remembered import Remembered, StateFile
from gluscope_tui.tui.terminal import crash
from gluscope_tui.tui.terminal.clipboard import OSC52_LIMIT, copy
from indexer.addresses import parse_neuron


def test_the_saved_state_is_read_at_the_next_start(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "deep" / "state.json")
    assert file.read() == (Remembered(), "")
    kept = Remembered("L3N4", "-+", "gate", "raw", "light", "pane", True)
    assert file.write(kept) == ""
    assert file.read() == (kept, "")


@pytest.mark.parametrize(
    "broken",
    ["", "{", "[]", "null", "[" * 100_000, "\x00\x01", '{"theme": "pink"}', '{"wrap": 1}', '{"neuron": null}'],
)
def test_a_broken_state_file_is_set_aside(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(broken)
    remembered, notice = StateFile(path).read()
    assert remembered == Remembered()
    assert "state.json.broken" in notice
    assert not path.exists()
    assert (tmp_path / "state.json.broken").read_text() == broken
    path.write_text(broken)
    StateFile(path).read()
    assert (tmp_path / "state.json.broken-2").exists()


def test_a_state_file_of_a_later_version_may_hold_more(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text(json.dumps({"neuron": "L1N2", "later": 3}))
    assert StateFile(path).read() == (Remembered(neuron="L1N2"), "")


def test_a_state_that_cannot_be_written_gives_a_notice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "kept" in StateFile(tmp_path / "file" / "state.json").write(Remembered())


def test_each_index_has_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    one, other = index_folder(Path("/a/my\nindex.db")), index_folder(Path("/b/my\nindex.db"))
    assert one != other
    assert one.parent == state_folder() == tmp_path / "gluscope"
    assert one.name.startswith("my_index-")


def test_copying_says_what_was_done_and_always_leaves_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    sent: list[str] = []
    done = copy("text\x1b", sent.append, {})
    assert sent == ["text\x1b"]
    assert done.tmux is None
    assert done.file is not None
    assert done.file.read_text() == "text\x1b\n"
    assert "OSC 52" in done.notice()
    assert "copied.txt" in done.notice()


def test_a_text_too_long_for_a_terminal_goes_to_the_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    sent: list[str] = []
    done = copy("x" * OSC52_LIMIT, sent.append, {})
    assert sent == []
    assert "OSC 52" not in done.notice()
    assert done.file is not None
    assert done.file.read_text() == "x" * OSC52_LIMIT + "\n"


def test_a_failed_copy_to_tmux_is_not_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    done = copy("text", lambda _: None, {"TMUX": "/tmp/none,1,0"})
    assert done.tmux is False
    assert "tmux buffer" not in done.notice()


def test_a_copy_without_a_file_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    done = copy("text", lambda _: None, {})
    assert done.file is None
    assert "no file" in done.notice()


def test_crash_logs_of_the_same_second_are_all_kept(state_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.strftime", lambda _: "20260102-030405")
    paths = [crash.write_log(kind(), ["list.next"], (80, 24)) for kind in (RuntimeError, KeyError, OSError)]
    assert paths == [state_home / "gluscope" / f"crash-20260102-030405{n}.log" for n in ("", "-2", "-3")]
    for path, kind in zip(paths, ("RuntimeError", "KeyError", "OSError"), strict=True):
        assert path is not None
        assert kind in path.read_text()
        assert path.stat().st_mode & 0o077 == 0


def test_a_byte_order_mark_is_not_part_of_an_address(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"\xef\xbb\xbfL1N2\tnote\r\nL0N3\r\n")
    assert list_lines(str(path)) == ["L1N2\tnote", "L0N3"]
    assert MarksFile(path).read() == (Mark(parse_neuron("L1N2"), "note"), Mark(parse_neuron("L0N3"), ""))
    state = tmp_path / "state.json"
    state.write_bytes(b"\xef\xbb\xbf" + json.dumps({"neuron": "L1N2"}).encode())
    assert StateFile(state).read() == (Remembered(neuron="L1N2"), "")
