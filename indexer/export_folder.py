"""A folder or file for others, there whole or not at all, that never replaces what gluscope did not write."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from .beside import folder_beside
from .disk import create, refused, write_all
from .errors import GluscopeError

MANIFEST = "gluscope-export.json"
"""The file in every exported folder that names the others: what it does not name is not ours."""

_NEW, _OLD = "new", "old"  # in the hidden folder
_WRITABLE = "name a folder that you may write"
_PLACE = "name a place that you may write"


class ExportFolder:
    """A folder that is being filled beside the place where it will stand."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.files: list[str] = []

    def place(self, name: str) -> Path:
        """The path of a file that the caller writes; `name` may have folders. No two files have one name."""
        if name in self.files or name == MANIFEST:
            raise ValueError(f"{name} is written twice")
        self.files.append(name)
        path = self._path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, name: str, data: bytes) -> None:
        """Write a whole file."""
        with create(self.place(name)) as file:
            write_all(file, data)


@contextmanager
def export_folder(path: Path, kind: str) -> Iterator[ExportFolder]:
    """A folder to fill; it stands at `path` after the block, and nothing does if the block raises.

    A folder that is there must be empty or an earlier export of this kind, which is then replaced. GluscopeError if it
    holds something else, or if the disk is full.
    """
    path = Path(os.path.realpath(path))
    refuse_foreign(path, kind)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with folder_beside(path, _WRITABLE, partial(_rescue, path, kind)) as aside:
            made = aside / _NEW
            made.mkdir()
            folder = ExportFolder(made)
            yield folder
            manifest = {"kind": kind, "files": sorted(folder.files)}
            with create(made / MANIFEST) as file:
                write_all(file, json.dumps(manifest, indent=1).encode())
            refuse_foreign(path, kind)  # again: the block may have taken long
            _put(made, path, aside / _OLD)
    except OSError as error:
        raise refused(path, error, _WRITABLE) from error


def refuse_foreign(path: Path, kind: str) -> None:
    """GluscopeError if something is at `path` that an export of this kind may not replace."""
    try:
        if not path.exists():
            return
        if not path.is_dir():
            raise GluscopeError(f"{path} is a file", "name a folder")
        there = _files(path)
    except OSError as error:
        raise GluscopeError(f"{path} can't be read: {error.strerror}", "name another folder") from None
    foreign = sorted(there - _ours(path, kind))
    if foreign:
        raise GluscopeError(
            f"{path} holds something else: {foreign[0]!a}", f"name a new folder, or an earlier export of {kind}"
        )


def _files(path: Path) -> set[str]:
    return {str(found.relative_to(path)) for found in path.rglob("*") if not found.is_dir() or found.is_symlink()}


def _ours(path: Path, kind: str) -> set[str]:
    """The files of an earlier export of this kind; none if there is no such export."""
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        if manifest["kind"] == kind:
            return {MANIFEST, *map(str, manifest["files"])}
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return set()


def _rescue(path: Path, kind: str, aside: Path) -> None:
    """Put back the earlier export that a kill left aside, in the moment between two renames."""
    old = aside / _OLD
    if not path.exists() and old.is_dir() and _files(old) == _ours(old, kind):
        os.rename(old, path)


def _put(made: Path, path: Path, old: Path) -> None:
    """Rename a finished folder to its place; what stood there is `old` afterwards."""
    replaced = path.exists()
    if replaced:
        os.rename(path, old)
    try:
        os.rename(made, path)
    except OSError:
        if replaced:
            os.rename(old, path)
        raise


def export_file(path: Path, data: bytes, generator: bytes) -> None:
    """Write one file whole or not at all. A file that is there is replaced only if `generator` is in its beginning.

    GluscopeError if another file is there, or if the disk is full.
    """
    path = Path(os.path.realpath(path))
    try:
        if path.exists() and not _made_by(path, generator):
            raise GluscopeError(f"{path} is there and holds something else", "name a new file")
        path.parent.mkdir(parents=True, exist_ok=True)
        with folder_beside(path, _PLACE) as aside:
            with create(aside / _NEW) as file:
                write_all(file, data)
            os.replace(aside / _NEW, path)
    except OSError as error:
        raise refused(path, error, _PLACE) from error


def _made_by(path: Path, generator: bytes) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return generator in file.read(2048)
