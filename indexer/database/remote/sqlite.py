"""SQLite over a file on a web server, through apsw, with as much of sqlite3's interface as the reader uses.

The file is opened immutable and read-only: SQLite takes no locks and looks for no journal. apsw is imported here alone,
so that an index on the disk is read without it.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from ...errors import GluscopeError
from .file import RemoteFile
from .requests import Stopped

try:
    import apsw
except ImportError as error:  # pragma: no cover
    raise GluscopeError(
        "an index on a server is read with apsw, which is not installed", "install it: pip install apsw"
    ) from error

_CACHE = -16_384  # kibibytes of SQLite's own cache
_numbers = itertools.count()


class RemoteSqlite:
    """A connection to a remote file, with the methods of `sqlite3.Connection` that the reader calls.

    What goes wrong at fetching is raised as it is; errors of SQLite as those of sqlite3.
    """

    def __init__(self, file: RemoteFile) -> None:
        self._file = file
        self._vfs = _Vfs(file)
        with self._as_sqlite3():
            self._apsw = apsw.Connection(
                "file:index?immutable=1",
                flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
                vfs=self._vfs.vfs_name,
            )
            self._apsw.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
            self._apsw.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
            self._apsw.config(apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0)
            for pragma in ("query_only = ON", f"cache_size = {_CACHE}", "mmap_size = 0"):
                self._apsw.execute(f"PRAGMA {pragma}")

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> RemoteCursor:
        self._file.requests.resume()
        with self._as_sqlite3():
            return RemoteCursor(self._apsw.execute(sql, tuple(parameters)), self._as_sqlite3)

    def set_progress_handler(self, handler: Callable[[], int], steps: int) -> None:
        self._apsw.set_progress_handler(handler, steps)  # type: ignore[arg-type]  # a result other than 0 counts as true

    def setlimit(self, category: int, limit: int) -> None:
        self._apsw.limit(category, limit)

    def interrupt(self) -> None:
        self._file.requests.stop()
        with suppress(apsw.ConnectionClosedError):
            self._apsw.interrupt()

    def close(self) -> None:
        self._apsw.close()
        self._vfs.unregister()
        self._file.close()

    @contextmanager
    def _as_sqlite3(self) -> Iterator[None]:
        """Turn apsw's errors into those of sqlite3."""
        try:
            yield
        except apsw.InterruptError as error:
            raise sqlite3.OperationalError("interrupted") from error
        except Stopped as error:
            raise sqlite3.OperationalError("interrupted") from error
        except (apsw.ConnectionClosedError, apsw.ThreadingViolationError) as error:
            raise sqlite3.ProgrammingError(str(error)) from error
        except apsw.Error as error:
            raise sqlite3.DatabaseError(str(error)) from error


class RemoteCursor:
    """The rows of a query."""

    def __init__(self, cursor: apsw.Cursor, as_sqlite3: Callable[[], Any]) -> None:
        self._cursor = cursor
        self._as_sqlite3 = as_sqlite3
        self.description: tuple[tuple[str, ...], ...] = ()
        """The names of the columns; none if there are no rows."""
        with suppress(apsw.ExecutionCompleteError):
            self.description = tuple(column[:1] for column in cursor.description)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        while True:
            with self._as_sqlite3():
                row = next(self._cursor, None)
            if row is None:
                return
            yield row

    def fetchmany(self, most: int) -> list[tuple[Any, ...]]:
        with self._as_sqlite3():
            return list(itertools.islice(self._cursor, most))

    def close(self) -> None:
        self._cursor.close(force=True)


class _Vfs(apsw.VFS):
    """Gives SQLite the remote file under any name, and files of the disk for what it sorts there."""

    def __init__(self, file: RemoteFile) -> None:
        self.vfs_name = f"gluscope-{next(_numbers)}"
        self._file = file
        super().__init__(name=self.vfs_name, base="")

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: ARG002
        return False  # no journal

    def xFullPathname(self, name: str) -> str:
        return name

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        if name is None or not flags[0] & apsw.SQLITE_OPEN_MAIN_DB:
            return super().xOpen(name, flags)
        flags[1] = apsw.SQLITE_OPEN_READONLY
        return _OpenFile(self._file)  # type: ignore[return-value]  # apsw takes any object with these methods


class _OpenFile:
    """The methods of a file that SQLite calls on one that it only reads."""

    def __init__(self, file: RemoteFile) -> None:
        self._file = file

    def xRead(self, amount: int, offset: int) -> bytes:
        return self._file.read(offset, amount)

    def xFileSize(self) -> int:
        return self._file.size

    def xClose(self) -> None:
        pass

    def xLock(self, level: int) -> None:
        pass

    def xUnlock(self, level: int) -> None:
        pass

    def xCheckReservedLock(self) -> bool:
        return False

    def xSectorSize(self) -> int:
        return 0

    def xDeviceCharacteristics(self) -> int:
        return int(apsw.SQLITE_IOCAP_IMMUTABLE)

    def xFileControl(self, op: int, pointer: int) -> bool:  # noqa: ARG002
        return False
