"""Files on disk: never made through a link, with one error for a full disk."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from .errors import GluscopeError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DiskFull(GluscopeError):
    """The disk is full. `then` says what to do after freeing some space."""

    def __init__(self, place: str | os.PathLike[str], then: str = "run the same command again") -> None:
        super().__init__(f"{os.fspath(place)} can't be written: the disk is full", f"free some space, then {then}")
        self.place = place


def is_full(error: BaseException) -> bool:
    """Whether an error of the system or of SQLite says that the disk, a quota or a file is full."""
    if isinstance(error, sqlite3.Error):
        return "disk is full" in str(error)
    return isinstance(error, OSError) and error.errno in _FULL


def refused(path: str | os.PathLike[str], error: OSError | sqlite3.Error, fix: str) -> GluscopeError:
    """The error for a file that can't be written; `fix` applies unless the disk is full."""
    if is_full(error):
        return DiskFull(path)
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return GluscopeError(f"{os.fspath(path)} can't be written: {said}", fix)


@contextmanager
def full_disk_told(place: str | os.PathLike[str], then: Callable[[], str]) -> Iterator[None]:
    """Turn a full disk, however it was noticed, into the error that says so and what comes next."""
    try:
        yield
    except DiskFull as error:
        raise DiskFull(error.place, then()) from error
    except OSError as error:
        if is_full(error):
            raise DiskFull(error.filename or place, then()) from error
        raise


def create(path: Path) -> IO[bytes]:
    """A new, empty file for writing, unbuffered. A file or a link that has the name is removed, not written through."""
    with suppress(FileNotFoundError):
        path.unlink()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return open(os.open(path, flags, 0o666), "wb", buffering=0)


def open_regular(path: Path) -> IO[bytes]:
    """A file for reading, unbuffered. OSError if it doesn't exist, is a link, or isn't a regular file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return open(descriptor, "rb", buffering=0)
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is not a regular file", str(path))


def sync(path: str | os.PathLike[str]) -> None:
    """Wait until a file and its name are on disk."""
    for place in (path, os.path.dirname(os.path.abspath(path))):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_json(path: Path, value: Any) -> bytes:
    """Write aside, flush to disk and rename: the file is complete or absent. Returns what it holds."""
    aside = path.with_name(path.name + ".new")
    data = json.dumps(value).encode("utf-8")
    try:
        with create(aside) as file:
            write_all(file, data)
            os.fsync(file.fileno())
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    os.replace(aside, path)
    return data


def write_all(file: IO[bytes], data: bytes) -> None:
    """Write all of it, however often an unbuffered file takes only a part."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
