"""A hidden folder beside a path, in which something is made whole that is then renamed; what a kill left is removed."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .disk import refused

_SETTLED = 1.0
"""Seconds after which a folder without a lock is nobody's: a process that has just made one locks it at once."""


@contextmanager
def folder_beside(path: Path, fix: str, rescue: Callable[[Path], None] = lambda _: None) -> Iterator[Path]:
    """An empty folder beside a path, which is removed with all that is in it after the block.

    The folders that killed processes left there are removed first; `rescue` is called with each before. GluscopeError
    with this fix if there can't be such a folder.
    """
    _remove_abandoned(path, rescue)
    folder = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        with _made(folder, path, fix):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _made(folder: Path, path: Path, fix: str) -> Iterator[None]:
    """Make a folder, which nobody takes for abandoned within the context."""
    try:
        folder.mkdir()
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise refused(path, error, fix) from error
    try:
        with suppress(OSError):  # a disk without locks: others can't lock it either
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _remove_abandoned(path: Path, rescue: Callable[[Path], None]) -> None:
    """Remove folders that a kill left. One that can't be locked, because it is in use, is left alone."""
    name = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}\.new")
    with suppress(OSError):
        for place in list(path.parent.iterdir()):
            if name.fullmatch(place.name):
                with suppress(OSError):
                    _remove(place, rescue)


def _remove(folder: Path, rescue: Callable[[Path], None]) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if time.time() - os.fstat(descriptor).st_mtime >= _SETTLED:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            rescue(folder)
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)
