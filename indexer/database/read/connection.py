"""Opens an index file read-only, and turns SQLite's errors into errors that a user can fix."""

from __future__ import annotations

import os
import re
import sqlite3
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from ...errors import GluscopeError
from ...progress import Report
from ..format.btree import DamagedPage
from ..format.kinds import COUNT, TEXT, Kind, misfit
from ..format.schema import APPLICATION_ID, SCHEMA_VERSION, WORDS, table_names
from .local_file import LocalFile
from .opening import open_file

if TYPE_CHECKING:
    from ..remote.index_file import RemoteIndexFile

Row = tuple[Any, ...]
Result = TypeVar("Result")

_HEADER = struct.Struct(">16xHxB4xII28xI4xI20xI4x")
"""SQLite's header: page size, 2 in WAL mode, change counter, pages, user_version, application_id, change counter of
the pages."""

_STEPS = 100_000  # of SQLite's machine between two checks whether to stop
_LOOKS = 1_000  # checks that any query may take, some seconds; a larger file allows more
_BYTES_A_LOOK = 1_000  # a condition as long as they may be takes about 2 steps a byte of the table `neurons`
_LIMIT_LENGTH = 0  # SQLITE_LIMIT_LENGTH, which the sqlite3 of Python 3.10 doesn't name
_LONGEST_VALUE = 2**24 + 2**16  # bytes of a row
_MOST_VALUES = 900  # of a query: older SQLites take at most 999
_MOST_BYTES = 2**28  # of a query's texts and blobs


class Interrupted(Exception):
    """A query was stopped by `Connection.interrupt`."""


class Connection:
    """A read-only connection that threads may share: a lock guards each query, `interrupt` needs none."""

    def __init__(self, path: str | os.PathLike[str], report: Report = lambda _: None) -> None:
        """Open and recognise an index, a file or an address on a server.

        `report` is told of what takes long, as far as it is fetched from a server. GluscopeError if the index is
        missing, foreign, damaged or too new.
        """
        self.path = os.fspath(path)
        self._file: LocalFile | RemoteIndexFile = open_file(self.path)
        self._report = report
        self._lock = threading.Lock()
        self._looks = 0
        self._asked = False
        try:
            self._size = self._file.size
            self.schema_version, in_wal_mode = self._recognise(self._file.header)
            with self._mendable():
                self._sqlite = self._file.connect(in_wal_mode=in_wal_mode)
        except BaseException:
            self._file.close()
            raise
        try:
            self._distrust()
        except BaseException:
            self.close()
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

    def rows_among(self, sql: str, kinds: Sequence[Kind], values: Sequence[int]) -> Iterator[Row]:
        """The rows of a query that ends with IN, for some values, in as many queries as they need."""
        for start in range(0, len(values), _MOST_VALUES):
            group = values[start : start + _MOST_VALUES]
            yield from self.rows(f"{sql} ({','.join('?' * len(group))})", kinds, group)

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
            self._file.close()

    @property
    def name(self) -> str:
        """The name of the file for messages: an address is without what may be secret in it."""
        return self._file.name

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._size

    @property
    def changed(self) -> str:
        """What happened to the file since it was opened.

        "replaced": another file has its path by now, this one can still be read; "overwritten": other content was
        written into it, so that what is read no longer belongs together; "": neither.
        """
        return self._file.changed

    @property
    def remote(self) -> RemoteIndexFile | None:
        """The file, if it is on a server."""
        return None if isinstance(self._file, LocalFile) else self._file

    def roots(self, tables: Iterable[str]) -> dict[str, int]:
        """The page on which each of some tables begins."""
        wanted = set(tables)
        rows = self.rows("SELECT name, rootpage FROM sqlite_master WHERE type = 'table'", (TEXT, COUNT.or_null))
        return {name: root for name, root in rows if name in wanted and root}

    def fetch(self, what: Callable[[RemoteIndexFile, Report], Result]) -> Result:
        """What the file on a server gives beside the rows of queries. Errors as of `rows`."""
        from ..remote.requests import Stopped

        assert self.remote is not None
        with self._lock:
            self.remote.file.requests.resume()
            try:
                return what(self.remote, self._report)
            except DamagedPage as error:
                raise self.damaged(error) from error
            except Stopped:
                self._asked = False
                raise Interrupted from None

    def damaged(self, what: object) -> GluscopeError:
        """The error for content that the writer can't have written. What is kept of a file on a server is dropped."""
        if changed := self.changed:
            return GluscopeError(f"{self.name} was {changed} while it was read", "run the command again")
        fix = "copy it again, or make it again with gluscope index"
        if self.remote is not None:
            self.remote.file.distrust()
            fix = "run the command again, which fetches it anew; if that is no help, download it and look"
        return GluscopeError(f"{self.name} is damaged: {what}", fix)

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
                f"{self.name} is an SQLite file, but not a finished index of gluscope",
                "name another file with --db, or make one with gluscope index",
            )
        expected = pages * (65536 if page == 1 else page)
        size = self._size
        if changes == checked and size < expected:
            raise self.damaged(f"it is cut short, {size} of {expected} bytes")
        if version > SCHEMA_VERSION:
            raise GluscopeError(
                f"{self.name} has schema version {version}, this gluscope reads up to {SCHEMA_VERSION}",
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
            return GluscopeError(f"{self.name} is locked", "another program is writing to it: try again")
        if "unable to open" in cause:
            return GluscopeError(f"{self.name} can't be opened", "is it readable, and its folder?")
        if "malformed database schema" in cause and sqlite3.sqlite_version_info < (3, 37):
            return GluscopeError(
                f"SQLite {sqlite3.sqlite_version} can't read {self.name}",
                "use a Python whose SQLite is 3.37 or newer: python -c 'import sqlite3; print(sqlite3.sqlite_version)'",
            )
        return self.damaged(cause)
