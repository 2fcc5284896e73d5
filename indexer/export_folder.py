"""A folder or file for others, there whole or not at all, that never replaces what gluscope did not write."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .disk import beside, create, refused, write_all
from .errors import GluscopeError

MANIFEST = "gluscope-export.json"
"""The file in every exported folder that names the others: what it does not name is not ours."""

_WRITABLE = "name a folder that you may write"


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
    aside = beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.mkdir()
        folder = ExportFolder(aside)
        yield folder
        manifest = {"kind": kind, "files": sorted(folder.files)}
        with create(aside / MANIFEST) as file:
            write_all(file, json.dumps(manifest, indent=1).encode())
        refuse_foreign(path, kind)  # again: the block may have taken long
        _put(aside, path)
    except OSError as error:
        raise refused(path, error, _WRITABLE) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def refuse_foreign(path: Path, kind: str) -> None:
    """GluscopeError if something is at `path` that an export of this kind may not replace."""
    try:
        if not path.exists():
            return
        if not path.is_dir():
            raise GluscopeError(f"{path} is a file", "name a folder")
        there = {str(found.relative_to(path)) for found in path.rglob("*") if not found.is_dir() or found.is_symlink()}
    except OSError as error:
        raise GluscopeError(f"{path} can't be read: {error.strerror}", "name another folder") from None
    foreign = sorted(there - _ours(path, kind))
    if foreign:
        raise GluscopeError(
            f"{path} holds something else: {foreign[0]!a}", f"name a new folder, or an earlier export of {kind}"
        )


def _ours(path: Path, kind: str) -> set[str]:
    """The files of an earlier export of this kind; none if there is no such export."""
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        if manifest["kind"] == kind:
            return {MANIFEST, *map(str, manifest["files"])}
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return set()


def _put(aside: Path, path: Path) -> None:
    """Rename a finished folder to its place; what stood there is removed afterwards."""
    old = beside(path, "old")
    replaced = path.exists()
    if replaced:
        os.rename(path, old)
    try:
        os.rename(aside, path)
    except OSError:
        if replaced:
            os.rename(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def export_file(path: Path, data: bytes, generator: bytes) -> None:
    """Write one file whole or not at all. A file that is there is replaced only if `generator` is in its beginning.

    GluscopeError if another file is there, or if the disk is full.
    """
    path = Path(os.path.realpath(path))
    aside = beside(path)
    try:
        if path.exists() and not _made_by(path, generator):
            raise GluscopeError(f"{path} is there and holds something else", "name a new file")
        path.parent.mkdir(parents=True, exist_ok=True)
        with create(aside) as file:
            write_all(file, data)
        os.replace(aside, path)
    except OSError as error:
        raise refused(path, error, "name a place that you may write") from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def _made_by(path: Path, generator: bytes) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return generator in file.read(2048)
