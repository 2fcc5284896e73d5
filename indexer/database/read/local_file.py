"""An index file on the disk: recognised, and opened read-only."""

from __future__ import annotations

import os
import shlex
import sqlite3
import stat
from pathlib import Path

from ...errors import GluscopeError
from .locks import has_locks
from .rollback import undo_before_reading

_MAGIC = b"SQLite format 3\0"
_HEADER = 100  # bytes


class LocalFile:
    """A file at a path, as it was when it was opened."""

    def __init__(self, path: str) -> None:
        """Look at the file, undoing a cut-off change before. GluscopeError if it is missing or not of SQLite."""
        self.name = path
        undo_before_reading(path)
        self._state = _state(path)
        self.header = _header(path)
        self.size = os.stat(path).st_size

    def connect(self, *, in_wal_mode: bool) -> sqlite3.Connection:
        """A connection for reading. GluscopeError if changes wait in a write-ahead log; errors of sqlite3."""
        uri = _uri(self.name, in_wal_mode=in_wal_mode)
        return sqlite3.connect(uri, uri=True, check_same_thread=False, timeout=1.0)

    def close(self) -> None:
        pass

    @property
    def changed(self) -> str:
        """ "replaced", "overwritten" or "": see `Connection.changed`."""
        now = _state(self.name)
        if now is None or self._state is None or now == self._state:
            return ""
        return "overwritten" if now[:2] == self._state[:2] else "replaced"


def _state(path: str) -> tuple[int, int, int, int] | None:
    """Identifies a file (device, inode) and the state of its content (bytes, nanoseconds)."""
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


def _header(path: str) -> bytes:
    """The first bytes of an SQLite file. Other files are refused, with a better message than SQLite's."""
    try:
        if not stat.S_ISREG(mode := os.stat(path).st_mode) and not stat.S_ISDIR(mode):
            raise GluscopeError(f"{path} is not a file", "name an index file with --db")
        with open(path, "rb") as file:
            head = file.read(_HEADER)
    except FileNotFoundError:
        raise GluscopeError(
            f"there is no index {path}", "name one with --db, or make one with gluscope index"
        ) from None
    except IsADirectoryError:
        raise GluscopeError(f"{path} is a folder", "name an index file with --db") from None
    except OSError as error:
        raise GluscopeError(f"{path} can't be opened: {error.strerror}", "is it readable, and its folder?") from None
    if not head.startswith(_MAGIC):
        what = "empty" if not head else "no index"
        raise GluscopeError(f"{path} is {what}", "name another file with --db, or make one with gluscope index")
    return head


def _uri(path: str, *, in_wal_mode: bool) -> str:
    """A read-only URI: immutable, so without locks, if nobody can write; without locks if the disk has none.

    It is immutable in WAL mode too, so that reading leaves no files beside it. GluscopeError if such a file has changes
    waiting in its log.
    """
    absolute = Path(path).absolute()
    if in_wal_mode and _size(f"{path}-wal"):
        raise GluscopeError(
            f"{path} has changes beside it that are not in it yet, in {path}-wal",
            f"close what writes to it, or run sqlite3 {shlex.quote(path)} 'PRAGMA journal_mode = DELETE'",
        )
    writable = os.access(absolute, os.W_OK) and os.access(absolute.parent, os.W_OK)
    if not writable or in_wal_mode:
        return f"{absolute.as_uri()}?mode=ro&immutable=1"
    return f"{absolute.as_uri()}?mode=ro" + ("" if has_locks(path) else "&nolock=1")


def _size(path: str) -> int:
    """Bytes of a file; 0 if it doesn't exist."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
