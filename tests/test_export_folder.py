"""A folder for others is there whole or not at all, and takes the place of nothing that gluscope did not write."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from indexer.disk import DiskFull
from indexer.errors import GluscopeError
from indexer.export_folder import MANIFEST, export_file, export_folder
from tests.support.disk import file_size_limit


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def fill(path: Path, **files: str) -> None:
    with export_folder(path, "pages") as folder:
        for name, text in files.items():
            folder.write(name, text.encode())


def fail(path: Path, error: BaseException) -> None:
    with export_folder(path, "pages") as folder:
        folder.write("a", b"new")
        raise error


def test_it_holds_what_was_written_and_says_so(tmp_path: Path) -> None:
    with export_folder(tmp_path / "deep" / "out", "pages") as folder:
        folder.write("a.html", b"a")
        folder.place("data/b.bin").write_bytes(b"b")
        assert not (tmp_path / "deep" / "out").exists()
    found = tree(tmp_path)
    assert json.loads(found.pop(f"deep/out/{MANIFEST}")) == {"kind": "pages", "files": ["a.html", "data/b.bin"]}
    assert found == {"deep/out/a.html": b"a", "deep/out/data/b.bin": b"b"}
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "deep" / "out").stat().st_mode & 0o777 == 0o777 & ~umask


def test_an_earlier_export_or_an_empty_folder_is_replaced_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    fill(out, **{"a.html": "1", "b.html": "1"})
    fill(out, **{"a.html": "2"})
    assert tree(out).keys() == {"a.html", MANIFEST}
    assert tree(out)["a.html"] == b"2"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("other", ["notes.txt", "deep/notes.txt"])
def test_a_folder_with_something_else_is_refused_before_anything_is_written(tmp_path: Path, other: str) -> None:
    fill(tmp_path / "out", **{"a.html": "1"})
    (tmp_path / "out" / other).parent.mkdir(exist_ok=True)
    (tmp_path / "out" / other).write_text("mine")
    before = tree(tmp_path)
    with pytest.raises(GluscopeError, match=f"holds something else: '{other}'"):
        fill(tmp_path / "out", **{"a.html": "2"})
    assert tree(tmp_path) == before


def test_a_file_and_an_export_of_another_kind_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(GluscopeError, match="is a file"):
        fill(tmp_path / "file", a="1")
    fill(tmp_path / "out", a="1")
    with pytest.raises(GluscopeError, match="holds something else"), export_folder(tmp_path / "out", "data"):
        pass
    assert tree(tmp_path / "out")["a"] == b"1"


def test_a_failure_a_full_disk_and_an_interruption_leave_what_was_there(tmp_path: Path) -> None:
    fill(tmp_path / "out", a="old")
    before = tree(tmp_path)
    for error in (ValueError(), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            fail(tmp_path / "out", error)
        assert tree(tmp_path) == before
    with file_size_limit(100), pytest.raises(DiskFull):
        fill(tmp_path / "out", a="new", b="x" * 200)
    assert tree(tmp_path) == before
    with pytest.raises(DiskFull), export_folder(tmp_path / "out", "pages"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert tree(tmp_path) == before


def test_a_single_file_is_whole_and_replaces_only_its_like(tmp_path: Path) -> None:
    out, mark = tmp_path / "page.html", b"made by us"
    export_file(out, b"<!-- made by us --> 1", mark)
    export_file(out, b"<!-- made by us --> 2", mark)
    assert out.read_bytes().endswith(b"2")
    with file_size_limit(10), pytest.raises(DiskFull):
        export_file(out, b"<!-- made by us --> 3", mark)
    assert tree(tmp_path) == {"page.html": b"<!-- made by us --> 2"}
    out.write_bytes(b"mine")
    with pytest.raises(GluscopeError, match="something else"):
        export_file(out, b"4", mark)
    with pytest.raises(GluscopeError, match="something else"):
        export_file(tmp_path, b"4", mark)
    assert tree(tmp_path) == {"page.html": b"mine"}


KILLED = """
import os, signal, sys
from pathlib import Path
from indexer.export_folder import export_file, export_folder

path, where = Path(sys.argv[1]), sys.argv[2]
real = os.rename, os.replace

def dying(*names):
    if where == "between":
        real[0](*names)
    os.kill(os.getpid(), signal.SIGKILL)

os.rename = os.replace = dying
if where == "file":
    export_file(path, b"made by us", b"made by us")
with export_folder(path, "pages") as folder:
    folder.write("a", b"killed")
    if where == "filling":
        dying()
"""


@pytest.mark.parametrize("where", ["filling", "between", "file"])
def test_what_a_kill_left_is_removed_and_an_earlier_export_that_it_took_away_put_back(
    tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    if where != "file":
        fill(out, a="earlier")
    subprocess.run([sys.executable, "-c", KILLED, str(out), where], check=False)
    (left,) = (path for path in tmp_path.iterdir() if path != out)
    assert out.exists() == (where == "filling")
    other = tmp_path / ".other.01234567.new"  # beside another name
    other.mkdir()
    later = time.time() + 5
    monkeypatch.setattr("indexer.beside.time.time", lambda: later)
    with pytest.raises(ValueError, match=r"^$"):
        fail(out, ValueError())
    assert not left.exists()
    assert other.exists()
    assert tree(out).get("a") == (None if where == "file" else b"earlier")


def test_what_another_process_fills_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later = time.time() + 5
    monkeypatch.setattr("indexer.beside.time.time", lambda: later)
    with export_folder(tmp_path / "out", "pages") as folder:
        fill(tmp_path / "out", a="quick")
        folder.write("b", b"slow")
    assert tree(tmp_path).keys() == {"out/b", f"out/{MANIFEST}"}
