"""The files that an input names: a file, a folder or a glob, expanded in the order of path bytes."""

from __future__ import annotations

import glob
import os
import stat
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from ..errors import GluscopeError

STDIN = "-"
_TABLES = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
_COMPRESSIONS = {".gz": "gz", ".bz2": "bz2", ".xz": "xz", ".zst": "zst", ".zstd": "zst"}
_HUB_CACHE = {"blobs", "refs", "snapshots"}  # the folders of a repository in the hub's cache
Identity: TypeAlias = tuple[int, int]
"""Device and inode: the same for every name of a file."""


Seen: TypeAlias = dict[Identity, str]
"""Files that were met, each with the name under which it was."""

READ, READ_UNDER_ANOTHER_NAME = "read already", "read already under another name"


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file to read documents from."""

    path: str
    kind: str  # "text", "jsonl", "json", "csv", "tsv" or "parquet"
    compression: str | None  # "gz", "bz2", "xz", "zst" or none
    named: bool  # by the user, not met in a folder or through a glob
    regular: bool  # can be opened twice: no pipe, no device
    size: int  # bytes on the disk
    identity: Identity

    @property
    def label(self) -> str:
        """The path as text that any encoder accepts: bytes that are not UTF-8 become `\\xNN`."""
        return printable(self.path)


def printable(path: str) -> str:
    """A path as text without surrogates."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@dataclass(slots=True)
class LeftOut:
    """Files or documents that are not read, or not as they are, by reason: the first of them and how many there are."""

    found: dict[str, tuple[str, int]] = field(default_factory=dict)

    def add(self, reason: str, path: str) -> None:
        first, count = self.found.get(reason, (printable(path), 0))
        self.found[reason] = first, count + 1

    def lines(self) -> list[str]:
        """A line for each reason: `a.bin and 2 more: not text files`."""
        return [
            f"{first}{f' and {count - 1:,} more' if count > 1 else ''}: {reason}"
            for reason, (first, count) in self.found.items()
        ]


def expand(
    path: str, skip: Collection[str] = (), left_out: LeftOut | None = None, seen: Seen | None = None
) -> Iterator[InputFile]:
    """The files that an input stands for, sorted by path bytes; those in `skip` (real paths) and hidden ones left out.

    Each file comes once, however many links lead to it, and not at all if it is in `seen`, to which it is added.
    `left_out` is told of second links, of links that lead nowhere, of hidden files and folders, and of what the hub's
    cache keeps beside its snapshots. Raises GluscopeError if there is nothing of that name or a folder can't be read.
    """
    left_out = LeftOut() if left_out is None else left_out
    seen = {} if seen is None else seen
    if os.path.isdir(path):
        yield from _once(_walk(path, frozenset(skip), left_out), left_out, seen)
    elif os.path.lexists(path):
        yield from _once(iter([_file(path, named=True)]), left_out, seen)
    elif glob.has_magic(path):
        yield from _once(_glob(path, frozenset(skip), left_out), left_out, seen)
    else:
        raise GluscopeError(
            f"{printable(path)!r} does not exist", "name a file, a folder, a glob, or - for standard input"
        )


def _once(files: Iterator[InputFile], left_out: LeftOut, seen: Seen) -> Iterator[InputFile]:
    """The files without those that were there before."""
    for file in files:
        if (before := seen.get(file.identity)) is not None:
            left_out.add(READ if before == file.path else READ_UNDER_ANOTHER_NAME, file.path)
            continue
        seen[file.identity] = file.path
        yield file


def identity_of_stdin() -> Identity | None:
    """Of the file or pipe that standard input is; None if it is nothing of the system."""
    try:
        status = os.fstat(sys.stdin.fileno())
    except (OSError, ValueError, AttributeError):
        return None
    return status.st_dev, status.st_ino


def _glob(pattern: str, skip: frozenset[str], left_out: LeftOut) -> Iterator[InputFile]:
    matches = glob.glob(pattern, recursive=True)
    if not matches:
        raise GluscopeError(
            f"no file matches {printable(pattern)!r}", "check the pattern; ** matches folders at any depth"
        )
    found: dict[str, InputFile] = {}
    for match in matches:
        if os.path.isdir(match):
            found.update((file.path, file) for file in _walk(match.rstrip(os.sep) or match, skip, left_out))
        elif os.path.isfile(match) and not _skipped(match, skip):
            found[match] = _file(match, named=False)
    for path in sorted(found, key=os.fsencode):
        yield found[path]


def _walk(top: str, skip: frozenset[str], left_out: LeftOut) -> Iterator[InputFile]:
    """All files below a folder, whole paths in the order of their bytes.

    Links to folders are followed, except those that lead back up. The names of one folder and of those above it are in
    memory at a time.
    """
    open_folders = [(_identity(top), iter(_entries(top, left_out)))]
    while open_folders:
        path, is_folder = next(open_folders[-1][1], (None, False))
        if path is None:
            open_folders.pop()
        elif _skipped(path, skip):
            continue
        elif not is_folder:
            yield _file(path, named=False)
        elif (identity := _identity(path)) not in [above for above, _ in open_folders]:
            open_folders.append((identity, iter(_entries(path, left_out))))


def _entries(folder: str, left_out: LeftOut) -> list[tuple[str, bool]]:
    """The visible files and folders in a folder, each with whether it is a folder, in the order of their paths."""
    try:
        with os.scandir(folder) as entries:
            names = [(entry.name, _kind(entry)) for entry in entries]
    except OSError as error:
        raise GluscopeError(
            f"folder {printable(folder)!r} can't be read: {error.strerror}", "check its permissions"
        ) from None
    if {name for name, kind in names if kind == "folder"} >= _HUB_CACHE:
        left_out.add("kept by the hub's cache beside the snapshots", os.path.join(folder, "blobs"))
        names = [(name, kind) for name, kind in names if name == "snapshots"]
    for hidden in sorted(name for name, _ in names if name[0] == "."):
        left_out.add("hidden", os.path.join(folder, hidden))
    names = [(name, kind) for name, kind in names if name[0] != "."]
    # "a.txt" comes before "a/b.txt": a folder sorts as its name with the slash that its files' paths have
    names.sort(key=lambda entry: os.fsencode(entry[0]) + (b"/" if entry[1] == "folder" else b""))
    for name, kind in names:
        if kind == "broken":
            left_out.add("a link that leads nowhere", os.path.join(folder, name))
    return [(os.path.join(folder, name), kind == "folder") for name, kind in names if kind in ("file", "folder")]


def _kind(entry: os.DirEntry[str]) -> str:
    try:
        if entry.is_dir():
            return "folder"
        if entry.is_file():
            return "file"
        return "broken" if entry.is_symlink() and not os.path.exists(entry.path) else "other"
    except OSError:  # a link to itself
        return "broken"


def _identity(folder: str) -> Identity:
    status = _status(folder, "folder ", "check its permissions")
    return status.st_dev, status.st_ino


def _status(path: str, kind: str, fix: str) -> os.stat_result:
    try:
        return os.stat(path)
    except OSError as error:
        raise GluscopeError(f"{kind}{printable(path)!r} can't be read: {error.strerror}", fix) from None


def _skipped(path: str, skip: frozenset[str]) -> bool:
    """Whether a path is, or lies in, one of those to skip."""
    if not skip:
        return False
    real = Path(os.path.realpath(path))
    return any(str(folder) in skip for folder in (real, *real.parents))


def _file(path: str, *, named: bool) -> InputFile:
    status = _status(path, "", "check the link or its permissions")
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
        identity=(status.st_dev, status.st_ino),
    )
