"""numba's compiler as the loops of this folder use it: without Python's lock, and kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.extending import intrinsic

from ..fetch import cache_folder


def compiled(loops: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is compiled when it is first called, for the types it is given, unless that was kept.

    By itself numba would keep it beside the source, know of changes in that one file only, and fail on what another
    version of this package kept there. So each version of the folder has its own place.
    """
    config: Any = numba.config
    before = config.CACHE_DIR
    config.CACHE_DIR = before or str(cache_folder() / "numba" / _version())
    try:
        return numba.njit(nogil=True, cache=True)(loops)
    except RuntimeError:  # no folder that can be written
        return numba.njit(nogil=True)(loops)
    finally:
        config.CACHE_DIR = before


def inline(write: Callable[..., Any]) -> Callable[..., Any]:
    """A function for `compiled` ones, whose code is written as LLVM's instructions where it is called.

    `write` takes numba's types of the arguments, and returns the signature and what writes the code.
    """
    return intrinsic(write)


def _version() -> str:
    digest = hashlib.blake2b(digest_size=8)
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()
