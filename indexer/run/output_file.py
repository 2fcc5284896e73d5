"""The file that a command makes or changes: checks the existing file at the start, and once more at the end.

A file is never written in place. A new one is made whole in the run folder beside it and renamed.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from ..database.format.schema import APPLICATION_ID
from ..database.read.rollback import roll_back
from ..disk import full_disk_told, sync
from ..errors import GluscopeError
from .folder import Notice, discard, hold, run_folder, under_way

_ELSEWHERE = "name another file with --db"


class _Seen(NamedTuple):
    """Identifies a file, and tells whether its content has changed."""

    device: int
    inode: int
    size: int
    changed: int  # ns


class OutputFile:
    """The path of an index, and the file that was there when the command began."""

    def __init__(self, db: Path) -> None:
        """GluscopeError if no index can be written there, or if the existing file is not an index.

        A link is followed, so that the file it names is written. If a change of an existing index was cut off, it is
        rolled back.
        """
        self.asked = db
        self.path = _target_of_links(db)
        _demand_place(self.path)
        if run_folder(self.path) != run_folder(db) and under_way(db):
            raise GluscopeError(
                f"{run_folder(db)} holds an unfinished run of {self.path}",
                f"move it to {run_folder(self.path)} to continue it, or remove it",
            )
        self.there = os.path.exists(self.path)
        if self.there:
            if not self.path.is_file() or not is_index(self.path):
                raise GluscopeError(f"{db} holds something other than an index, and is left as it is", _ELSEWHERE)
            roll_back(self.path)
        self._seen = _look(self.path)

    def demand_writable(self) -> None:
        """GluscopeError if the existing index is protected from writing."""
        if self.there and not os.access(self.path, os.W_OK):
            raise GluscopeError(
                f"{self.path} is write-protected", f"chmod u+w {quote(str(self.path))}, or {_ELSEWHERE}"
            )

    def put(self, made: Path) -> None:
        """Move a whole index, written aside, into its place.

        GluscopeError, and nothing is replaced, if there is now another file than at the start, or if its content has
        changed.
        """
        now = _look(self.path)
        if now is not None and now != self._seen:
            appeared = "has been made" if self._seen is None else "has been changed"
            raise GluscopeError(
                f"{self.path} {appeared} by something else meanwhile, and is left as it is",
                "move it away and run the same command again",
            )
        if now is not None:
            self.demand_writable()
            roll_back(self.path)  # a journal beside it must never be applied to the new file
            os.chmod(made, stat.S_IMODE(os.stat(self.path).st_mode))
        sync(made)
        os.replace(made, self.path)
        sync(self.path)
        self._seen = _look(self.path)


@contextmanager
def changed_copy(db: Path, notice: Notice) -> Iterator[Path]:
    """A copy of a finished index, to be changed. It replaces the index when the `with` block ends without an error.

    GluscopeError if there is no index, it can't be written, its run is unfinished, or the disk has no room.
    """
    file = OutputFile(db)
    if not file.there:
        raise GluscopeError(f"there is no index {db}", "name one with --db, or make one with gluscope index")
    file.demand_writable()
    if under_way(file.path):
        raise GluscopeError(f"the run that makes {db} is not finished", "run its gluscope index command again first")
    folder = run_folder(file.path)
    then = f"run the same command again: it starts again, {db} is unchanged"
    with full_disk_told(folder, lambda: then), hold(folder, notice):
        try:
            made = unmade(folder / "index.db")
            shutil.copyfile(file.path, made)
            yield made
            file.put(made)
        finally:
            discard(folder)


def unmade(path: Path) -> Path:
    """The path of a file to make. The file and journal that a killed process left there are removed."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return path


def is_index(path: Path) -> bool:
    """Whether the file is an index of gluscope, of any version."""
    with open(path, "rb") as file:
        head = file.read(72)
    return head.startswith(b"SQLite format 3\0") and head[68:72] == APPLICATION_ID.to_bytes(4, "big")


def _target_of_links(db: Path) -> Path:
    """The path with links resolved; GluscopeError if they lead in a circle."""
    if not os.path.islink(db):
        return db
    try:
        return Path(os.path.realpath(db))
    except OSError as error:
        raise GluscopeError(f"{db} can't be written: {error.strerror}", _ELSEWHERE) from error


def _demand_place(db: Path) -> None:
    """GluscopeError if no file can be made at a path."""
    if os.path.isdir(db):
        raise GluscopeError(f"{db} is a folder", "name a file with --db")
    folder = db.parent
    if not folder.is_dir():
        raise GluscopeError(f"the folder {folder} does not exist", f"make it, or name another file than {db} with --db")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise GluscopeError(f"the folder {folder} can't be written to", "name a file in another folder with --db")
    try:
        for path in (db, run_folder(db)):
            if os.path.lexists(path):
                path.stat()
        run_folder(db).stat()
    except FileNotFoundError:
        pass
    except OSError as error:  # such as a name that is too long
        raise GluscopeError(f"{db} can't be written: {error.strerror}", _ELSEWHERE) from error


def _look(path: Path) -> _Seen | None:
    """The file at a path now; None if there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return _Seen(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
