"""The pages of SQLite's trees: which ones lead to a row, and which ones a whole table takes. See SQLite's file format.

SQLite itself reads and writes every value; this only finds pages, so that those that are needed together can be kept or
fetched together. Pages may be anybody's: DamagedPage for what SQLite can't have written.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

INDEX_INTERIOR, TABLE_INTERIOR, INDEX_LEAF, TABLE_LEAF = 2, 5, 10, 13
_DEEPEST = 20  # levels of a tree; SQLite's own limit
_HEADER = struct.Struct(">BxxHxxx")  # kind, cells
_PAGE_NUMBER = struct.Struct(">I")
_FILE_HEADER = 100  # bytes at the beginning of page 1


class DamagedPage(ValueError):
    """A page that SQLite can't have written."""


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of a file: `read` returns the content of a page by its number, from 1."""

    size: int
    usable: int  # bytes of a page that SQLite uses
    count: int
    read: Callable[[int], bytes]

    def page(self, number: int) -> bytes:
        if not 0 < number <= self.count:
            raise DamagedPage(f"there is no page {number}")
        return self.read(number)


@dataclass(frozen=True, slots=True)
class LongValue:
    """A row that is continued on other pages: its number, the first of these pages and how many they are."""

    row: int
    page: int
    pages: int


def path(pages: Pages, root: int, row: int, is_last: Callable[[list[int]], bool] = lambda _: False) -> list[int]:
    """The pages from the root of a table to the one that holds a row, or would.

    `is_last`: whether the last of the pages so far holds rows, if that is known: it is then not read.
    """
    found = [root]
    while len(found) < _DEEPEST:
        if is_last(found):
            return found
        children = _children(pages, found[-1])
        if not children:
            return found
        found.append(next((child for child, last in children if row <= last), children[-1][0]))
    raise DamagedPage("a tree is too deep")


def between(pages: Pages, root: int, first: int, last: int, depth: int = 0) -> Iterator[tuple[int, bool]]:
    """The pages that lead to the rows from `first` to `last` of a table, and whether each is a leaf; parents first."""
    if depth > _DEEPEST:
        raise DamagedPage("a tree is too deep")
    children = _children(pages, root)
    yield root, not children
    before = -(2**63)
    for child, greatest in children:
        if first <= greatest and before < last:
            yield from between(pages, child, first, last, depth + 1)
        before = greatest


def leaves(pages: Pages, root: int) -> tuple[list[int], list[int]]:
    """The pages of a table that hold rows, without reading them, and those above them; in the order of the rows."""
    above: list[int] = []
    level = [root]
    for _ in range(_DEEPEST):
        if pages.page(level[0])[_offset(level[0])] == TABLE_LEAF:
            return level, above
        above += level
        level = [child for number in level for child, _ in _children(pages, number)]
        if len(level) > pages.count:
            raise DamagedPage("a tree has more pages than the file")
    raise DamagedPage("a tree is too deep")


def every(pages: Pages, root: int, most: int) -> list[int] | None:
    """All pages of a table or an index, with those that long values are continued on; None if they exceed `most`."""
    found, level = [], [root]
    while level:
        found += level
        if len(found) > most:
            return None
        below: list[int] = []
        for number in level:
            below += [child for child, _ in _children(pages, number)]
            for value in long_values(pages, number):
                if value.pages > most:
                    return None
                found += _chain(pages, value)
        level = below
    return found if len(found) <= most else None


def long_values(pages: Pages, number: int) -> Iterator[LongValue]:
    """The values in the cells of a page that are continued elsewhere."""
    page = pages.page(number)
    kind = page[_offset(number)]
    if kind == TABLE_INTERIOR:
        return
    for cell in _cells(page, _offset(number)):
        start = cell + (4 if kind == INDEX_INTERIOR else 0)
        length, start = _varint(page, start)
        row = 0
        if kind == TABLE_LEAF:
            row, start = _varint(page, start)
        local = _local(pages.usable, length, in_table=kind == TABLE_LEAF)
        if local < length:
            beyond = -(-(length - local) // (pages.usable - 4))
            yield LongValue(row, _page_number(page, start + local), beyond)


def _chain(pages: Pages, value: LongValue) -> list[int]:
    """The pages that a value is continued on."""
    found = [value.page]
    while len(found) < value.pages:
        found.append(_page_number(pages.page(found[-1]), 0))
    return found


def _children(pages: Pages, number: int) -> tuple[tuple[int, int], ...]:
    """The children of an interior page, each with the greatest row in it (2^63 for the last, 0 for all of an index)."""
    return _children_in(pages.page(number), _offset(number))


@lru_cache(1024)  # the same pages lead to many rows
def _children_in(page: bytes, start: int) -> tuple[tuple[int, int], ...]:
    """The same, of the content of a page whose header begins at `start`."""
    kind = page[start] if start < len(page) else 0
    if kind in (TABLE_LEAF, INDEX_LEAF):
        return ()
    if kind not in (TABLE_INTERIOR, INDEX_INTERIOR):
        raise DamagedPage("a page is not of a tree")
    in_table = kind == TABLE_INTERIOR
    found = [(_page_number(page, cell), _varint(page, cell + 4)[0] if in_table else 0) for cell in _cells(page, start)]
    return (*found, (_page_number(page, start + 8), 2**63 if in_table else 0))


def _cells(page: bytes, start: int) -> tuple[int, ...]:
    """Where the cells of a page begin."""
    try:
        kind, cells = _HEADER.unpack_from(page, start)
        first = start + (12 if kind in (TABLE_INTERIOR, INDEX_INTERIOR) else 8)
        return struct.unpack_from(f">{cells}H", page, first)
    except struct.error as error:
        raise DamagedPage("a page is cut short") from error


def _offset(number: int) -> int:
    """Where the header of a page of a tree begins."""
    return _FILE_HEADER if number == 1 else 0


def _local(usable: int, length: int, *, in_table: bool) -> int:
    """How many bytes of a row are on its own page."""
    most = usable - 35 if in_table else (usable - 12) * 64 // 255 - 23
    if length <= most:
        return length
    least = (usable - 12) * 32 // 255 - 23
    local = least + (length - least) % (usable - 4)
    return local if local <= most else least


def _page_number(page: bytes, start: int) -> int:
    try:
        number: int = _PAGE_NUMBER.unpack_from(page, start)[0]
    except struct.error as error:
        raise DamagedPage("a page is cut short") from error
    return number


def _varint(page: bytes, start: int) -> tuple[int, int]:
    """A variable-length integer, and where it ends."""
    value = 0
    try:
        for place in range(start, start + 8):
            byte = page[place]
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value, place + 1
        value = value << 8 | page[start + 8]
    except IndexError as error:
        raise DamagedPage("a page is cut short") from error
    return (value - 2**64 if value >= 2**63 else value), start + 9


def merged(numbers: list[int]) -> list[range]:
    """Page numbers as ranges of pages that follow one another, ascending."""
    found: list[range] = []
    for number in sorted(set(numbers)):
        if found and found[-1].stop == number:
            found[-1] = range(found[-1].start, number + 1)
        else:
            found.append(range(number, number + 1))
    return found
