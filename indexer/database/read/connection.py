"""Opens an index file read-only, and turns SQLite's errors into errors that a user can fix."""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import stat
import struct
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from ...errors import GluscopeError
from ..format.kinds import COUNT, TEXT, Kind, misfit
from ..format.schema import APPLICATION_ID, SCHEMA_VERSION, WORDS, table_names
from .locks import has_locks
from .rollback import undo_before_reading

Row = tuple[Any, ...]

_MAGIC = b"SQLite format 3\0"
_HEADER = struct.Struct(">16xHxB4xII28xI4xI20xI4x")
"""SQLite's header: page size, 2 in WAL mode, change counter, pages, user_version, application_id, change counter of
the pages."""

_REMAKE = "copy it again, or make it again with gluscope index"
_STEPS = 100_000  # of SQLite's machine between two checks whether to stop
_LOOKS = 1_000  # checks that any query may take, some seconds; a larger file allows more
_BYTES_A_LOOK = 1_000  # a condition as long as they may be takes about 2 steps a byte of the table `neurons`
_LIMIT_LENGTH = 0  # SQLITE_LIMIT_LENGTH, which the sqlite3 of Python 3.10 doesn't name
_LONGEST_VALUE = 2**24 + 2**16  # bytes of a row
_MOST_BYTES = 2**28  # of a query's texts and blobs


class Interrupted(Exception):
    """A query was stopped by `Connection.interrupt`."""


class Connection:
    """A read-only connection that threads may share: a lock guards each query, `interrupt` needs none."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open and recognise an index; GluscopeError if it is missing, foreign, damaged or too new."""
        self.path = os.fspath(path)
        undo_before_reading(self.path)
        self._file = _state(self.path)
        header = _header(self.path)
        self.schema_version, in_wal_mode = self._recognise(header)
        self._size = os.stat(self.path).st_size
        self._lock = threading.Lock()
        self._looks = 0
        self._asked = False
        with self._mendable():
            self._sqlite = sqlite3.connect(
                _uri(self.path, in_wal_mode=in_wal_mode), uri=True, check_same_thread=False, timeout=1.0
            )
        try:
            self._distrust()
        except BaseException:
            self._sqlite.close()
            raise

    def rows(self, sql: str, kinds: Sequence[Kind], parameters: Sequence[object] = ()) -> list[Row]:
        """All rows of a query whose columns are of these kinds.

        Interrupted if it was stopped, KeyboardInterrupt after Ctrl-C. GluscopeError if the file can't be read, if a
        value is of another kind, or if the rows or the time are out of all proportion to the file.
        """
        most = self._size // 2 + 1000  # a row takes two bytes at least
        with self._lock, self._mendable():
            self._looks = 0
            cursor = self._sqlite.execute(sql, parameters)
            columns = [column[0] for column in cursor.description or ()]
            long = [place for place, kind in enumerate(kinds) if kind.is_long]
            rows = self._bounded(islice(cursor, most + 1), long) if long else cursor.fetchmany(most + 1)
            cursor.close()
        if len(rows) > most:
            raise self.damaged("a table has more rows than the file has room for")
        if rows and len(columns) != len(kinds):
            raise ValueError(f"{len(kinds)} kinds are named for {len(columns)} columns")
        if (place := misfit(rows, kinds)) is not None:
            name = columns[place] if re.fullmatch(r"\w{1,40}", columns[place], re.ASCII) else "a column"
            raise self.damaged(f"{name} holds a value that is not {kinds[place].name}")
        return rows

    def _bounded(self, found: Iterable[Row], places: Sequence[int]) -> list[Row]:
        """All of the rows; the columns at some places may be long. GluscopeError if they exceed the memory limit."""
        rows = []
        room = _MOST_BYTES
        for row in found:
            room -= sum(len(row[place]) for place in places if isinstance(row[place], (str, bytes)))
            if room < 0:
                raise self.damaged(f"a query gives more than {_MOST_BYTES:,} bytes")
            rows.append(row)
        return rows

    @cached_property
    def tables(self) -> frozenset[str]:
        """The tables of an index that the file has. GluscopeError if something other than a table has such a name.

        A view, a virtual table or a generated column computes its values, perhaps without end.
        """
        entries = self.rows(
            "SELECT type, name, rootpage, CASE WHEN name = 'words' THEN sql END FROM sqlite_master",
            (TEXT, TEXT, COUNT.or_null, TEXT.or_null),
        )
        found = set()
        for kind, name, root, sql in entries:
            if kind == "trigger":
                raise self.damaged("it has a trigger")
            if kind == "index" or not (name in table_names() or name.startswith("words_")):
                continue
            if kind != "table" or (sql != WORDS if name == "words" else not root):
                raise self.damaged(f"{name} is not a table")
            found.add(name)
        for name in found & table_names() - {"words"}:
            hidden = self.rows(f"SELECT count(*) FROM pragma_table_xinfo('{name}') WHERE hidden", (COUNT,))
            if hidden[0][0]:
                raise self.damaged(f"{name} has a column that is computed")
        return frozenset(found)

    def interrupt(self) -> None:
        """Stop the query that another thread runs."""
        self._asked = True
        self._sqlite.interrupt()

    def close(self) -> None:
        with self._lock:
            self._sqlite.close()

    @property
    def changed(self) -> str:
        """What happened to the file since it was opened.

        "replaced": another file has its path by now, this one can still be read; "overwritten": other content was
        written into it, so that what is read no longer belongs together; "": neither.
        """
        now = _state(self.path)
        if now is None or self._file is None or now == self._file:
            return ""
        return "overwritten" if now[:2] == self._file[:2] else "replaced"

    def damaged(self, what: object) -> GluscopeError:
        """The error for content that the writer can't have written."""
        if changed := self.changed:
            return GluscopeError(f"{self.path} was {changed} while it was read", "run the command again")
        return GluscopeError(f"{self.path} is damaged: {what}", _REMAKE)

    def _distrust(self) -> None:
        """Have SQLite distrust the file, and check its content."""
        if hasattr(self._sqlite, "setlimit"):  # from Python 3.11
            self._sqlite.setlimit(_LIMIT_LENGTH, _LONGEST_VALUE)
        self._sqlite.set_progress_handler(self._look, _STEPS)
        with self._lock, self._mendable():
            self._sqlite.execute("PRAGMA trusted_schema = OFF")
            self._sqlite.execute("PRAGMA cell_size_check = ON")
        assert self.tables is not None

    def _look(self) -> int:
        """Called while a query runs; a result other than 0 stops it. Python handles Ctrl-C here."""
        self._looks += 1
        return int(self._looks > _LOOKS + self._size // _BYTES_A_LOOK)

    def _recognise(self, header: bytes) -> tuple[int, bool]:
        """The schema version in a file's header, and whether the file is in WAL mode.

        GluscopeError if it is not a gluscope index or is cut short.
        """
        if len(header) < _HEADER.size:
            raise self.damaged("it is cut short")
        page, mode, changes, pages, version, application, checked = _HEADER.unpack(header)
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
        return int(version), mode == 2

    @contextmanager
    def _mendable(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.ProgrammingError:  # such as a closed connection: not the fault of the file
            raise
        except UnicodeDecodeError as error:  # SQLite's message may quote the content of the file
            raise self.damaged("a text in it is not UTF-8") from error
        except sqlite3.DatabaseError as error:
            raise self._explained(error) from error

    def _explained(self, error: sqlite3.DatabaseError) -> BaseException:
        """The error to raise for an error of SQLite."""
        cause = re.sub(r" with text '.*", "", str(error), flags=re.DOTALL)
        if cause == "interrupted":
            if self._looks > _LOOKS + self._size // _BYTES_A_LOOK:
                return self.damaged("reading it takes no end")
            asked, self._asked = self._asked, False
            return Interrupted() if asked else KeyboardInterrupt()
        if "stack overflow" in cause or "tree is too large" in cause:  # older SQLites take about 20 levels
            return GluscopeError("the condition is nested too deeply", "write it with fewer parentheses")
        if "locked" in cause:
            return GluscopeError(f"{self.path} is locked", "another program is writing to it: try again")
        if "unable to open" in cause:
            return GluscopeError(f"{self.path} can't be opened", "is it readable, and its folder?")
        if "malformed database schema" in cause and sqlite3.sqlite_version_info < (3, 37):
            return GluscopeError(
                f"SQLite {sqlite3.sqlite_version} can't read {self.path}",
                "use a Python whose SQLite is 3.37 or newer: python -c 'import sqlite3; print(sqlite3.sqlite_version)'",
            )
        return self.damaged(cause)


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
