"""An index file on a server: opened, and read with few requests where the file has copies of its pages for that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...errors import GluscopeError
from ...progress import Progress, Report
from ..format.btree import DamagedPage, Pages, leaves, long_values, merged, path
from .file import RemoteFile, blocks_of
from .kept_blocks import limit
from .place import Place, is_offline

if TYPE_CHECKING:
    from .sqlite import RemoteSqlite

_MAGIC = b"SQLite format 3\0"
_SIZES = {2**power for power in range(9, 17)}
_AROUND = 2**15  # bytes: SQLite writes the rest of a long value before or after the page that it begins in
_MOST_AHEAD = 2**22  # bytes of one value that are fetched before SQLite asks for them


class RemoteIndexFile:
    """A file at an address, as it was when it was opened."""

    def __init__(self, place: Place) -> None:
        """Ask the server for the file. GluscopeError if it doesn't give it, or if the file is not of SQLite."""
        if place.on_hub and is_offline():
            raise GluscopeError(
                f"{place.shown} is not in the hub's cache, and HF_HUB_OFFLINE forbids to ask for it",
                "unset HF_HUB_OFFLINE, or download it: hf download",
            )
        self.name = place.shown
        self.file = RemoteFile(place, limit())
        self.size = self.file.size
        self.header = self.file.header
        if not self.header.startswith(_MAGIC):
            self.file.distrust()
            self.close()
            raise GluscopeError(f"{self.name} is no index", "look at the address")

    def connect(self, *, in_wal_mode: bool) -> RemoteSqlite:
        """A connection for reading. GluscopeError if apsw is missing, or the latest changes may be in another file."""
        if in_wal_mode:
            raise GluscopeError(
                f"{self.name} is in WAL mode: its latest changes may be in another file",
                "its owner can mend that: sqlite3 FILE 'PRAGMA journal_mode = DELETE'",
            )
        from .sqlite import RemoteSqlite

        return RemoteSqlite(self.file)

    def close(self) -> None:
        self.file.close()

    @property
    def changed(self) -> str:
        """Whether the file was seen to be another one: "overwritten", or "" as long as it was not."""
        return "overwritten" if self.file.requests.has_changed else ""

    @property
    def pages(self) -> Pages:
        """The pages of the file. DamagedPage if their size is impossible."""
        size = int.from_bytes(self.header[16:18], "big")
        size = 65536 if size == 1 else size
        if size not in _SIZES:
            raise DamagedPage("its pages have an impossible size")

        def read(number: int) -> bytes:
            return self.file.read((number - 1) * size, size)

        return Pages(size, size - self.header[20], self.size // size, read)

    def fetch_long(self, roots: list[int]) -> None:
        """Fetch the long values of tables of one page, with what lies between. DamagedPage as above."""
        pages = self.pages
        first, last = 2**62, 0
        for root in roots:
            for value in long_values(pages, root):
                start = (value.page - 1) * pages.size
                first, last = min(first, start), max(last, start + value.pages * pages.size)
        if 0 < last - first <= _MOST_AHEAD:
            self.file.fetch([blocks_of(first, min(last, self.size))])

    def fetch_rows(self, root: int, rows: Sequence[int], around: int = _AROUND) -> None:
        """Fetch the pages that hold some rows of a table, and bytes around each, at once. DamagedPage as above."""
        if not rows:
            return
        pages = self.pages

        def is_here(number: int) -> bool:
            return self.file.is_installed((number - 1) * pages.size)

        # of a table with copies every page above its rows is here; else the first row tells how deep the rows lie
        depth = 0 if is_here(root) else len(path(pages, root, rows[0]))

        def is_last(found: list[int]) -> bool:
            return len(found) == depth if depth else not is_here(found[-1])

        starts = [(path(pages, root, row, is_last)[-1] - 1) * pages.size for row in rows]
        missing = [start for start in starts if not self.file.is_installed(start)]
        self.file.fetch([blocks_of(max(0, start - around), start + pages.size + around) for start in missing])

    def fetch_tables(self, roots: list[int], report: Report) -> None:
        """Fetch all pages of some tables but those that long values are continued on. DamagedPage as above."""
        pages = self.pages
        numbers = [number for root in roots for number in leaves(pages, root)[0]]
        spans = [
            blocks_of((part.start - 1) * pages.size, min((part.stop - 1) * pages.size, self.size))
            for part in merged(numbers)
        ]

        def done(fetched: int, total: int) -> None:
            report(
                Progress("fetching", fetched, total, message=f"fetching the table of neurons from {self.name}, bytes")
            )

        self.file.fetch(spans, done)

    def install(self, copies: dict[int, bytes]) -> None:
        """Take copies of pages, by number, which were made of this very file."""
        size = self.pages.size
        count = self.size // size
        self.file.install({(number - 1) * size: page for number, page in copies.items() if 1 < number <= count})
