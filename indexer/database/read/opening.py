"""Opens the file of an index, wherever it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..remote.place import is_remote
from .local_file import LocalFile

if TYPE_CHECKING:
    from ..remote.index_file import RemoteIndexFile


def open_file(name: str) -> LocalFile | RemoteIndexFile:
    """The file of a path or an address. GluscopeError if it can't be opened."""
    if not is_remote(name):
        return LocalFile(name)
    from ..remote.place import downloaded, find_place  # with what it imports, of no use for a file on the disk

    place = find_place(name)
    if path := downloaded(place):
        return LocalFile(path)
    from ..remote.index_file import RemoteIndexFile

    return RemoteIndexFile(place)
