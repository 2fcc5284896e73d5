"""The folders of the user's files, and writes to them that lose nothing."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from indexer.database.remote.place import is_remote, shown

PATIENCE = 5.0
"""Seconds to wait for another process that writes the same file, which takes it a few milliseconds."""


def state_folder() -> Path:
    """$XDG_STATE_HOME/gluscope, or ~/.local/state/gluscope."""
    base = os.environ.get("XDG_STATE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".local" / "state") / "gluscope"


def index_folder(index: str | os.PathLike[str]) -> Path:
    """The state folder of one index, named after the file and a hash of its absolute path, or of its address."""
    name = os.fspath(index)
    whole = name.encode() if is_remote(name) else os.fsencode(os.path.realpath(name))
    stem = re.sub(r"[^A-Za-z0-9._-]", "_", Path(file_name(name)).stem)[:40]
    return state_folder() / f"{stem}-{hashlib.sha256(whole).hexdigest()[:8]}"


def file_name(index: str) -> str:
    """The last part of an index's path or address."""
    return os.path.basename(re.sub(r"[?#].*", "", index, flags=re.DOTALL) if is_remote(index) else index)


def name_for_others(index: str) -> str:
    """How to name an index where others read it: the address, or the file without its folders."""
    return shown(index) if is_remote(index) else os.path.basename(index)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes from changing a file between this one's reading and writing it.

    A link has the lock of the file that it names, which several links may share. Raises OSError if the lock file can't
    be made, TimeoutError if another process keeps the lock. On a file system without locks it goes on without one.
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    raise TimeoutError(0, "another process is writing them") from None
                time.sleep(0.01)
                continue
            except OSError:
                pass
            break
        yield
    finally:
        os.close(handle)


def write_whole(path: Path, text: str) -> None:
    """Write a file atomically, under a temporary name that is then renamed; a new one is readable by its owner only.

    A link stays a link, and the file keeps its permissions.
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(text)
        if path.exists():
            os.chmod(name, stat.S_IMODE(path.stat().st_mode))
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_new(path: Path, text: str) -> Path:
    """Write a file readable by its owner only under a free name: `NAME.log`, else `NAME-2.log` ... Returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for number in count(1):
        free = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
        try:
            handle = os.open(free, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(text)
        return free
    raise AssertionError("count() ended")


def set_aside(path: Path) -> Path:
    """Rename an unreadable file to `NAME.broken`, `NAME.broken-2` ... Returns the new path."""
    number = 1
    while (aside := path.with_name(f"{path.name}.broken" + ("" if number == 1 else f"-{number}"))).exists():
        number += 1
    return path.rename(aside)
