"""Opens an index file read-only, and turns what SQLite complains about into errors a user can mend."""

from __future__ import annotations

import os
import sqlite3
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...errors import GluscopeError
from ..format.schema import APPLICATION_ID, SCHEMA_VERSION

Row = tuple[Any, ...]

_MAGIC = b"SQLite format 3\0"
_HEADER = struct.Struct(">16xH6xII28xI4xI20xI4x")
"""SQLite's header: page size, change counter, pages, user_version, application_id, change counter of the pages."""

_REMAKE = "copy it again, or make it anew with gluscope index"


class Interrupted(Exception):
    """A query was stopped by `Connection.interrupt`."""


class Connection:
    """A read-only connection that threads may share: a lock guards each query, `interrupt` needs none."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open and recognise an index; GluscopeError where it is missing, foreign, damaged or too new."""
        self.path = os.fspath(path)
        self._file = _state(self.path)
        self.schema_version = self._recognise(_header(self.path))
        self._lock = threading.Lock()
        with self._mendable():
            self._sqlite = sqlite3.connect(_uri(self.path), uri=True, check_same_thread=False, timeout=1.0)

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """All rows of a query. Interrupted when it was stopped, GluscopeError where the file can't be read."""
        with self._lock, self._mendable():
            return self._sqlite.execute(sql, parameters).fetchall()

    def interrupt(self) -> None:
        """Stop the query that another thread is in."""
        self._sqlite.interrupt()

    def close(self) -> None:
        with self._lock:
            self._sqlite.close()

    @property
    def changed(self) -> str:
        """What became of the file since it was opened.

        "replaced": another file has its path by now, this one can still be read; "overwritten": other content was
        written into it, so that what is read no longer belongs together; "": neither.
        """
        now = _state(self.path)
        if now is None or self._file is None or now == self._file:
            return ""
        return "overwritten" if now[:2] == self._file[:2] else "replaced"

    def damaged(self, what: object) -> GluscopeError:
        """The error for content that can't be what the writer wrote."""
        if changed := self.changed:
            return GluscopeError(f"{self.path} was {changed} while it was read", "run the command again")
        return GluscopeError(f"{self.path} is damaged: {what}", _REMAKE)

    def _recognise(self, header: bytes) -> int:
        """The schema version that a file's header tells; GluscopeError where it is none of ours, or cut short."""
        if len(header) < _HEADER.size:
            raise self.damaged("it is cut short")
        page, changes, pages, version, application, checked = _HEADER.unpack(header)
        if application != APPLICATION_ID:
            raise GluscopeError(
                f"{self.path} is an SQLite file, but not a finished index of gluscope",
                "name another file with --db, or make one with gluscope index",
            )
        expected = pages * (65536 if page == 1 else page)
        size = os.stat(self.path).st_size
        if changes == checked and size < expected:
            raise self.damaged(f"it is cut short, {size} of {expected} bytes")
        if version > SCHEMA_VERSION:
            raise GluscopeError(
                f"{self.path} has schema version {version}, this gluscope reads up to {SCHEMA_VERSION}",
                "update gluscope to read it: pip install --upgrade gluscope",
            )
        if version < 1:
            raise self.damaged(f"schema version {version}")
        return int(version)

    @contextmanager
    def _mendable(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.ProgrammingError:  # such as a closed connection: no fault of the file
            raise
        except sqlite3.DatabaseError as error:
            cause = str(error)
            if cause == "interrupted":
                raise Interrupted from error
            if "stack overflow" in cause or "too large" in cause:  # older SQLites take about 20 levels
                raise GluscopeError("the condition is nested too deeply", "write it with fewer parentheses") from error
            if "locked" in cause:
                raise GluscopeError(f"{self.path} is locked", "another program is writing to it: try again") from error
            if "unable to open" in cause:
                raise GluscopeError(f"{self.path} can't be opened", "is it readable, and its folder?") from error
            raise self.damaged(cause) from error


def _state(path: str) -> tuple[int, int, int, int] | None:
    """What tells a file from another (device, inode) and its content from what was there (bytes, nanoseconds)."""
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


def _header(path: str) -> bytes:
    """The first bytes of an SQLite file; what is none is refused, with a better message than SQLite's."""
    try:
        with open(path, "rb") as file:
            head = file.read(_HEADER.size)
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


def _uri(path: str) -> str:
    """A read-only URI; immutable, so without locks, where nobody can write: read-only disks, some network disks."""
    absolute = Path(path).absolute()
    writable = os.access(absolute, os.W_OK) and os.access(absolute.parent, os.W_OK)
    return f"{absolute.as_uri()}?mode=ro" + ("" if writable else "&immutable=1")
