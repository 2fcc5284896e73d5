"""Which files an input stands for: a file, a folder or a glob, expanded in the order of path bytes."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import GluscopeError

STDIN = "-"
_TABLES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet"}
_COMPRESSIONS = {".gz": "gz", ".zst": "zst"}


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file to read documents from."""

    path: str
    kind: str  # "text", "jsonl", "csv" or "parquet"
    compression: str | None  # "gz", "zst" or none
    named: bool  # by the user, not met in a folder or through a glob
    regular: bool  # can be opened twice: no pipe, no device
    size: int  # bytes on the disk

    @property
    def label(self) -> str:
        """The path as text that any encoder accepts: bytes that are no UTF-8 become `\\xNN`."""
        return printable(self.path)


def printable(path: str) -> str:
    """A path as text without surrogates."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def expand(path: str, skip: Collection[str] = ()) -> Iterator[InputFile]:
    """The files that an input stands for, sorted by path bytes; those in `skip` (real paths) and hidden ones left out.

    Raises GluscopeError where there is nothing of that name or a folder can't be read.
    """
    if os.path.isdir(path):
        yield from _walk(path, frozenset(skip), ())
    elif os.path.lexists(path):
        yield _file(path, named=True)
    elif glob.has_magic(path):
        yield from _glob(path, frozenset(skip))
    else:
        raise GluscopeError(
            f"{printable(path)!r} does not exist", "name a file, a folder, a glob, or - for standard input"
        )


def _glob(pattern: str, skip: frozenset[str]) -> Iterator[InputFile]:
    matches = glob.glob(pattern, recursive=True)
    if not matches:
        raise GluscopeError(
            f"no file matches {printable(pattern)!r}", "check the pattern; ** stands for folders in folders"
        )
    found: dict[str, InputFile] = {}
    for match in matches:
        if os.path.isdir(match):
            found.update((file.path, file) for file in _walk(match.rstrip(os.sep) or match, skip, ()))
        elif os.path.isfile(match) and not _skipped(match, skip):
            found[match] = _file(match, named=False)
    for path in sorted(found, key=os.fsencode):
        yield found[path]


def _walk(folder: str, skip: frozenset[str], ancestors: tuple[tuple[int, int], ...]) -> Iterator[InputFile]:
    """A folder's files and those of its folders, whole paths in the order of their bytes.

    Links to folders are followed but for those that lead back up. One folder's names are in memory at a time.
    """
    here = os.stat(folder)
    identity = (here.st_dev, here.st_ino)
    if identity in ancestors:
        return
    try:
        with os.scandir(folder) as entries:
            visible = [(entry.name, entry.is_dir(), entry.is_file()) for entry in entries if entry.name[0] != "."]
    except OSError as error:
        raise GluscopeError(
            f"folder {printable(folder)!r} can't be read: {error.strerror}", "check its permissions"
        ) from None
    # "a.txt" comes before "a/b.txt": a folder sorts as its name with the slash that its files' paths have
    visible.sort(key=lambda entry: os.fsencode(entry[0]) + (b"/" if entry[1] else b""))
    for name, is_folder, is_file in visible:
        path = os.path.join(folder, name)
        if _skipped(path, skip):
            continue
        if is_folder:
            yield from _walk(path, skip, (*ancestors, identity))
        elif is_file:
            yield _file(path, named=False)


def _skipped(path: str, skip: frozenset[str]) -> bool:
    """Whether a path is, or lies in, one of those to skip."""
    if not skip:
        return False
    real = Path(os.path.realpath(path))
    return any(str(folder) in skip for folder in (real, *real.parents))


def _file(path: str, *, named: bool) -> InputFile:
    try:
        status = os.stat(path)
    except OSError as error:
        raise GluscopeError(
            f"{printable(path)!r} can't be read: {error.strerror}", "check the link or its permissions"
        ) from None
    stem, suffix = os.path.splitext(path.lower())
    compression = _COMPRESSIONS.get(suffix)
    if compression:
        suffix = os.path.splitext(stem)[1]
    return InputFile(
        path=path,
        kind=_TABLES.get(suffix, "text"),
        compression=compression,
        named=named,
        regular=stat.S_ISREG(status.st_mode),
        size=status.st_size,
    )
