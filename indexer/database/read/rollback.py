"""Undoes a change that was cut off: SQLite's journal beside a file says how, and must be read before the file."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from ...errors import GluscopeError
from .locks import has_locks

_PATIENCE = 1.0  # seconds to wait for a lock: the processes of a run may ask for one at the same moment
_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")


def is_pending(path: str | os.PathLike[str]) -> bool:
    """Whether a rollback journal or a write-ahead log beside a database holds anything."""
    name = os.fspath(path)
    return has_journal(path) or _head(f"{name}-wal") != b""


def has_journal(path: str | os.PathLike[str]) -> bool:
    """Whether an unspent rollback journal exists: a change was cut off or is under way."""
    return _head(f"{os.fspath(path)}-journal") == _JOURNAL_MAGIC


def undo(path: str | os.PathLike[str]) -> None:
    """Undo a cut-off change, or apply a write-ahead log, as SQLite does; leave a change under way alone.

    GluscopeError if the file or its folder can't be written, or if gluscope can't have left the journal.
    """
    name = os.fspath(path)
    if _names_another_file(f"{name}-journal"):
        raise GluscopeError(
            f"{name}-journal is not gluscope's: it names another file", "remove it, or name another index"
        )
    try:
        with closing(_connected(path, timeout=_PATIENCE)) as sqlite:
            sqlite.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if _head(f"{name}-wal"):
                sqlite.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise GluscopeError(f"{name} is locked", "another program is writing to it: try again") from error
        raise GluscopeError(
            f"a change to {name} was cut off and can't be undone here: {error}",
            f"copy it and {name}-journal together to a folder of yours, and read the copy",
        ) from error


def undo_before_reading(path: str | os.PathLike[str]) -> None:
    """Before a file is read, undo a cut-off change if there is one. GluscopeError if it can't be undone.

    A change that another program is making does no harm.
    """
    if not has_journal(path):
        return
    folder = os.path.dirname(os.path.abspath(path))
    if not (os.access(path, os.W_OK) and os.access(folder, os.W_OK)):
        raise GluscopeError(
            f"a change to {os.fspath(path)} was cut off, and can't be undone where nothing can be written",
            f"copy it and {os.fspath(path)}-journal together to a folder of yours, and read the copy",
        )
    undo(path)


def roll_back(path: str | os.PathLike[str]) -> None:
    """Undo a cut-off change if there is one. GluscopeError if that is impossible, or if a change is under way."""
    if is_pending(path):
        undo(path)
    if is_pending(path) or _is_locked(path):
        raise GluscopeError(f"another program is writing to {os.fspath(path)}", "wait for it and try again")


def _is_locked(path: str | os.PathLike[str]) -> bool:
    """Whether another connection holds the lock for writing; never on a disk without locks."""
    try:
        with closing(_connected(path, timeout=_PATIENCE)) as sqlite:
            sqlite.execute("BEGIN IMMEDIATE")
            sqlite.execute("ROLLBACK")
    except sqlite3.DatabaseError as error:
        return "locked" in str(error)
    return False


def _connected(path: str | os.PathLike[str], timeout: float) -> sqlite3.Connection:
    """A connection to an existing file, with explicit transactions."""
    uri = f"{Path(path).absolute().as_uri()}?mode=rw{'' if has_locks(path) else '&nolock=1'}"
    return sqlite3.connect(uri, uri=True, timeout=timeout, isolation_level=None)


def _names_another_file(journal: str) -> bool:
    """Whether a journal belongs to a change of several files at once. SQLite would remove the file that it names."""
    return _read(journal, from_end=True) == _JOURNAL_MAGIC


def _head(name: str) -> bytes:
    """The first bytes of a file; none if the file is missing, a link or unreadable."""
    return _read(name, from_end=False)


def _read(name: str, *, from_end: bool) -> bytes:
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        start = max(0, os.fstat(descriptor).st_size - len(_JOURNAL_MAGIC)) if from_end else 0
        return os.pread(descriptor, len(_JOURNAL_MAGIC), start)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
