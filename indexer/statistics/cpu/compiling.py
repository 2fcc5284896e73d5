"""numba's compiler as the loops of this folder use it: without Python's lock, and kept on disk."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.extending import intrinsic

from ...cache import cache_folder

_CONFIG: Any = numba.config


def compiled(loops: Callable[..., Any], *, any_order: bool = False) -> Callable[..., Any]:
    """A function that is compiled on its first call, for the types of its arguments, unless the result is cached.

    `any_order`: its sums may be added in the order that is fastest, which is the same from call to call.
    By default numba keeps its cache beside the source, notices changes in that one file only, and fails on the cache of
    another version of this package. So each version has a folder of its own, or nothing is cached.
    """
    fastmath = {"reassoc", "contract", "nsz"} if any_order else False
    folder = _folder()
    if folder is None:
        return numba.njit(nogil=True, fastmath=fastmath)(loops)
    before, _CONFIG.CACHE_DIR = _CONFIG.CACHE_DIR, str(folder)
    try:
        return numba.njit(nogil=True, fastmath=fastmath, cache=True)(loops)
    finally:
        _CONFIG.CACHE_DIR = before


def inline(write: Callable[..., Any]) -> Callable[..., Any]:
    """A function for `compiled` ones, whose code is written as LLVM's instructions where it is called.

    `write` takes numba's types of the arguments, and returns the signature and what writes the code.
    """
    return intrinsic(write)


@contextmanager
def alone() -> Iterator[None]:
    """Within the context, no other process writes the cache: numba's own files have no lock."""
    folder = _folder()
    if folder is None:
        yield
        return
    with open(folder / "lock", "w") as lock:
        with suppress(OSError):  # a disk without locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def forget() -> None:
    """Remove the cache: it may hold half of a file."""
    folder = _folder()
    for file in folder.rglob("*.nb?") if folder is not None else ():
        with suppress(OSError):
            file.unlink()


@cache
def _folder() -> Path | None:
    """The folder of this version's compiled functions; None if nothing can be written there."""
    digest = hashlib.blake2b(digest_size=8)
    for source in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(source.read_bytes())
    try:
        base = Path(_CONFIG.CACHE_DIR) if _CONFIG.CACHE_DIR else cache_folder() / "numba"
        folder = base / digest.hexdigest()
        folder.mkdir(parents=True, exist_ok=True)
        return folder if os.access(folder, os.W_OK | os.X_OK) else None
    except (OSError, RuntimeError):  # no room, no permission, no home
        return None
