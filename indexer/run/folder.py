"""Where an index is made: the checks of its path, and the folder `FILE.run` that holds a run under way."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from ..database.format.schema import APPLICATION_ID
from ..errors import GluscopeError


def check_output(db: Path) -> bool:
    """Whether an index is there already. GluscopeError where none can be written, or where something else is."""
    if os.path.isdir(db):
        raise GluscopeError(f"{db} is a folder", "name a file with --db")
    folder = db.parent
    if not folder.is_dir():
        raise GluscopeError(f"the folder {folder} does not exist", f"make it, or name another file than {db} with --db")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise GluscopeError(f"the folder {folder} can't be written to", "name a file in another folder with --db")
    try:
        run_folder(db).stat()
    except FileNotFoundError:
        pass
    except OSError as error:  # such as a name that is too long
        raise GluscopeError(f"{db} can't be written: {error.strerror}", "name another file with --db") from error
    if not os.path.exists(db):
        return False
    if not db.is_file() or not is_index(db):
        raise GluscopeError(
            f"{db} holds something other than an index, and is left as it is", "name another file with --db"
        )
    return True


def is_index(path: Path) -> bool:
    """Whether the file is an index of gluscope, of any version."""
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            return bool(connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID)
        finally:
            connection.close()
    except sqlite3.DatabaseError:
        return False


def run_folder(db: Path) -> Path:
    return db.with_name(db.name + ".run")


def under_way(db: Path) -> bool:
    """Whether a run that makes an index has begun and not ended; what else was killed leaves nothing to go on with."""
    names = ("identity.json", "checkpoint.json", "rank-*")
    return any(True for name in names for _ in run_folder(db).glob(name))


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Make the run folder if need be and keep every other run out of it.

    GluscopeError where it can't be made, or where a run is at work in it.
    """
    with _locked(folder) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            raise GluscopeError(
                f"another run is writing {folder}", "wait for it, stop it, or name another file with --db"
            ) from None
        yield


def _locked(folder: Path) -> IO[str]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return open(folder / "lock", "a")
    except OSError as error:
        with suppress(OSError):
            folder.rmdir()  # if it is empty
        raise GluscopeError(
            f"the folder {folder}, for the state of the run, can't be made: {error.strerror}",
            "name another file with --db",
        ) from error


def unmade(db: Path) -> Path:
    """The path of a database that is to be made, once what a killed process left of it is gone, its journal too."""
    for left in db.parent.glob(f"{db.name}*"):
        left.unlink()
    return db


def discard(folder: Path) -> None:
    """Remove a run folder and all in it."""
    shutil.rmtree(folder, ignore_errors=True)


def write_json(path: Path, value: Any) -> None:
    """Write aside, flush to disk and rename: the file is there whole or not at all."""
    aside = path.with_name(path.name + ".new")
    with open(aside, "w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn a full disk into an error that says so."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise GluscopeError(
                f"the disk of {folder} is full", "free some space and run the same command again: it continues"
            ) from error
        raise
