"""Records of many sites, larger than memory, in an unnamed file; and their packing in blocks."""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from ..format.schema import BLOCK

TOGETHER = 4_000_000  # records sorted at a time
_LEVEL = 4  # of zlib: the numbers of neurons hardly compress

Records = npt.NDArray[Any]  # of a structured type
Integers = npt.NDArray[np.int64]


class Spool:
    """Records of many sites in an unnamed file, each site's sorted by a key, read back in stretches of that key."""

    def __init__(self, folder: str, dtype: np.dtype[Any]) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, prefix="gluscope-")  # noqa: SIM115  # closed by `close`
        self._dtype = dtype
        self._sites: list[tuple[int, int]] = []  # where the records of a site begin, and how many they are

    def close(self) -> None:
        self._file.close()

    def add(self, records: Records) -> None:
        """The records of a site, sorted by the key, then the strongest first."""
        self._sites.append((self._file.seek(0, os.SEEK_END), len(records)))
        self._file.write(records.tobytes())
        self._file.flush()

    def sites(self) -> Iterator[Records]:
        for offset, count in self._sites:
            yield mapped(self._file, self._dtype, offset, count)

    def chunks(self, key: str) -> Iterator[Records]:
        """All records in groups, keys ascending; records of one key are always in the same group."""
        sites = [site for site in self.sites() if len(site)]
        keys, counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
        for site in sites:
            own, number = np.unique(site[key], return_counts=True)
            merged, places = np.unique(np.concatenate([keys, own.astype(np.int64)]), return_inverse=True)
            keys, counts = merged, np.bincount(places, np.concatenate([counts, number])).astype(np.int64)
        place = 0
        while place < len(keys):
            ends = np.cumsum(counts[place:])
            stop = place + max(1, int(np.searchsorted(ends, TOGETHER, side="right")))
            first, last = int(keys[place]), int(keys[stop - 1])
            yield np.concatenate(
                [
                    site[np.searchsorted(site[key], first, "left") : np.searchsorted(site[key], last, "right")]
                    for site in sites
                ]
            )
            place = stop


def packed(records: Records, columns: Sequence[str]) -> bytes:
    """zlib of the columns of some records one after the other, each in byte planes."""
    planes = []
    for column in columns:
        values = np.ascontiguousarray(records[column])
        planes.append(values.view(np.uint8).reshape(len(values), -1).T.tobytes())
    return zlib.compress(b"".join(planes), _LEVEL)


def order_by(*columns: npt.NDArray[Any]) -> Integers:
    """The order that sorts by the first column, then the second, and so on; rows equal in all keep their order."""
    bits = [int(column.max(initial=0)).bit_length() for column in columns]
    if sum(bits) > 63:
        return np.lexsort(columns[::-1])
    joined = np.zeros(len(columns[0]), np.int64)
    for column, width in zip(columns, bits, strict=True):
        joined = joined << width | column
    return np.argsort(joined, kind="stable")


def changes(*columns: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Where a row differs from the one before; the first always does."""
    found = np.ones(len(columns[0]), np.bool_)
    if len(found):
        found[1:] = columns[0][1:] != columns[0][:-1]
        for column in columns[1:]:
            found[1:] |= column[1:] != column[:-1]
    return found


def groups(records: Records, key: str) -> Iterator[Records]:
    """Stretches of equal key of records sorted by it."""
    starts = [*np.flatnonzero(changes(records[key])).tolist(), len(records)]
    for start, stop in pairwise(starts):
        yield records[start:stop]


def blocks(group: Records) -> Iterator[tuple[int, Records]]:
    """A group in numbered parts, so that a search for only the strongest doesn't read all."""
    for block, start in enumerate(range(0, len(group), BLOCK)):
        yield block, group[start : start + BLOCK]


def mapped(file: IO[bytes], dtype: np.dtype[Any], offset: int, count: int) -> Records:
    """Records of a file, read as they are looked at."""
    if not count:
        return np.zeros(0, dtype)
    return np.memmap(file, dtype, "r", offset, (count,))
