"""Writes the tables for `search`: the neurons that peak on a text, the examples of a sequence, and its words.

Sites are added one at a time while an index is written. Records needed until the end wait in unnamed files, so that
memory holds one site, or `_TOGETHER` postings. The tables and the packing are described in docs/schema.md.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from ...ranking import QUADRANT_BITS, RANKINGS, list_code
from ..format.folding import words
from ..format.schema import BLOCK, CONTEXTS, PEAKS, SEARCH_VERSION, STRONGEST, WORDS, for_this_sqlite
from .arrays import ListArrays, SiteArrays
from .peak_texts import PeakTexts

_TOGETHER = 4_000_000  # postings sorted at a time
_LEVEL = 4  # of zlib: the numbers of neurons hardly compress

Records = npt.NDArray[Any]  # of one of the types below
Integers = npt.NDArray[np.int64]

_ENTRY = np.dtype(
    [
        ("sequence", "<u4"),
        ("position", "<u4"),
        ("neuron", "<u4"),
        ("list", "u1"),  # `list_code`
        ("strength", "u1"),  # |value| of the largest that the neuron reaches anywhere, in 255ths
        ("share", "<f4"),  # |value| of the sum over the list; 0 in random lists, where nothing peaks
    ]
)
_PEAK = np.dtype([("text", "<u4"), ("neuron", "<u4"), ("list", "u1"), ("strength", "u1")])


class Postings:
    """The postings of an index that is being written. Close it."""

    def __init__(self, folder: str) -> None:
        """`folder`: where the unnamed files may grow, to about 5 kB a neuron in all."""
        self._folder = folder
        self._entries = _Spool(folder, _ENTRY)

    def close(self) -> None:
        self._entries.close()

    def add_site(self, site: SiteArrays, first: int) -> None:
        """The examples of a site whose neurons have the row numbers from `first`."""
        lists = [_entries(ranked, _reach(site, ranked.ranking), first) for ranked in site.lists]
        entries = np.concatenate([np.zeros(0, _ENTRY), *lists])
        weakness = STRONGEST - entries["strength"]
        self._entries.add(entries[_order(entries["sequence"], weakness, entries["neuron"], entries["position"])])

    def write(self, sqlite: sqlite3.Connection) -> None:
        """Make the tables of an index that already has its sequences and tokens. Part of the caller's transaction."""
        sqlite.execute("INSERT OR REPLACE INTO info VALUES ('search', ?)", (f'{{"version": {SEARCH_VERSION}}}',))
        for table in ("peaks", "contexts", "words"):
            sqlite.execute(f"DROP TABLE IF EXISTS {table}")
        for statement in (PEAKS, CONTEXTS):
            sqlite.execute(for_this_sqlite(statement))
        self._write_contexts(sqlite)
        with tempfile.TemporaryFile(dir=self._folder, prefix="gluscope-") as file:
            numbers, starts = _write_words(sqlite, file)
            tokens = _mapped(file, np.dtype("<u4"), 0, int(starts[-1]))
            self._write_peaks(sqlite, numbers, starts, tokens)

    def _write_contexts(self, sqlite: sqlite3.Connection) -> None:
        for chunk in self._entries.chunks("sequence"):
            sqlite.executemany(
                "INSERT INTO contexts VALUES (?, ?, ?)",
                (
                    (int(group["sequence"][0]), block, packed(part, ("strength", "list", "neuron", "position")))
                    for group in _groups(_strongest_first(chunk, "sequence"), "sequence")
                    for block, part in _blocks(group)
                ),
            )

    def _write_peaks(
        self, sqlite: sqlite3.Connection, numbers: Integers, starts: Integers, tokens: npt.NDArray[Any]
    ) -> None:
        texts = PeakTexts(sqlite, numbers, starts, tokens, self._peaking())
        for folded in (False, True):
            spool = _Spool(self._folder, _PEAK)
            try:
                for peaks in self._peaking():
                    entry, text = texts.of(peaks["sequence"], peaks["position"], folded=folded)
                    spool.add(_peaks(peaks[entry], text))
                for chunk in spool.chunks("text"):
                    sqlite.executemany(
                        "INSERT INTO peaks VALUES (?, ?, ?, ?)",
                        (
                            (
                                *texts.key(int(group["text"][0]), folded=folded),
                                block,
                                packed(part, ("strength", "list", "neuron")),
                            )
                            for group in _groups(_strongest_first(chunk, "text"), "text")
                            for block, part in _blocks(group)
                        ),
                    )
            finally:
                spool.close()

    def _peaking(self) -> Iterator[Records]:
        """The examples of each site whose share of their list is above 0."""
        for site in self._entries.sites():
            yield np.asarray(site)[site["share"] > 0]


class _Spool:
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
            yield _mapped(self._file, self._dtype, offset, count)

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
            stop = place + max(1, int(np.searchsorted(ends, _TOGETHER, side="right")))
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


def _reach(site: SiteArrays, ranking: str) -> npt.NDArray[Any]:
    """For each neuron, the largest |value| of a ranking in any quadrant."""
    factors = RANKINGS[ranking].factors
    if len(factors) == 1:
        found = np.where(site.count > 0, np.abs(site.extreme[factors[0].place]), 0.0)  # quadrant neuron
    else:
        found = np.stack([magnitudes(ranked).max(axis=1) for ranked in site.lists if ranked.ranking == ranking])
    reached: npt.NDArray[Any] = found.max(axis=0)
    return reached


def magnitudes(ranked: ListArrays) -> npt.NDArray[np.float64]:
    """The |value| of the examples of a list, 0 without an example: neuron rank."""
    factors = [factor.place for factor in RANKINGS[ranked.ranking].factors]
    values = ranked.values[:, :, factors].prod(axis=2)
    return np.where(ranked.sequence >= 0, np.abs(values), 0.0).astype(np.float64)


def _entries(ranked: ListArrays, reach: npt.NDArray[Any], first: int) -> Records:
    """The examples of a list, of all neurons; `reach`: the result of `_reach`."""
    filled = ranked.sequence >= 0  # neuron rank
    magnitude = magnitudes(ranked)
    neuron, rank = np.nonzero(filled)
    largest = np.where(reach > 0, reach, 1.0).astype(np.float64)[:, None]
    total = magnitude.sum(axis=1, keepdims=True)
    found = np.zeros(len(neuron), _ENTRY)
    found["sequence"], found["position"] = ranked.sequence[neuron, rank], ranked.position[neuron, rank]
    found["neuron"] = first + neuron
    found["list"] = list_code(ranked.ranking, ranked.quadrant)
    found["strength"] = np.minimum(np.rint(STRONGEST * magnitude / largest), STRONGEST)[neuron, rank]
    if not RANKINGS[ranked.ranking].drawn:
        found["share"] = (magnitude / np.where(total > 0, total, 1.0))[neuron, rank]
    return found


def _peaks(entries: Records, text: npt.NDArray[np.uint32]) -> Records:
    """For each text, neuron and quadrant, the list in which examples that peak on the text have the largest share."""
    order = _order(text, entries["neuron"], entries["list"])
    neuron, list_, text = (column[order] for column in (entries["neuron"], entries["list"], text))
    first = np.flatnonzero(_changes(text, neuron, list_))
    found = np.zeros(len(first), _PEAK)
    if not len(first):
        return found
    share = np.add.reduceat(entries["share"][order].astype(np.float64), first)
    found["text"], found["neuron"], found["list"] = text[first], neuron[first], list_[first]
    found["strength"] = np.clip(np.rint(STRONGEST * share), 1, STRONGEST)
    quadrant = found["list"] & QUADRANT_BITS
    order = _order(found["text"], found["neuron"], quadrant, STRONGEST - found["strength"], found["list"])
    changes = _changes(*(column[order] for column in (found["text"], found["neuron"], quadrant)))
    best = found[order[changes]]
    return best[_order(best["text"], STRONGEST - best["strength"], best["neuron"], best["list"])]


def _strongest_first(records: Records, key: str) -> Records:
    """Records of sites one after the other, each sorted so, sorted by the key and then by strength; stable."""
    joined = records[key].astype(np.int64) << 8 | (STRONGEST - records["strength"])
    found: Records = records[np.argsort(joined, kind="stable")]
    return found


def _order(*columns: npt.NDArray[Any]) -> Integers:
    """The order that sorts by the first column, then the second, and so on; rows equal in all keep their order."""
    bits = [int(column.max(initial=0)).bit_length() for column in columns]
    if sum(bits) > 63:
        return np.lexsort(columns[::-1])
    joined = np.zeros(len(columns[0]), np.int64)
    for column, width in zip(columns, bits, strict=True):
        joined = joined << width | column
    return np.argsort(joined, kind="stable")


def _changes(*columns: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Where a row differs from the one before; the first always does."""
    found = np.ones(len(columns[0]), np.bool_)
    if len(found):
        found[1:] = columns[0][1:] != columns[0][:-1]
        for column in columns[1:]:
            found[1:] |= column[1:] != column[:-1]
    return found


def _groups(records: Records, key: str) -> Iterator[Records]:
    """Stretches of equal key of records sorted by it."""
    starts = [*np.flatnonzero(_changes(records[key])).tolist(), len(records)]
    for start, stop in pairwise(starts):
        yield records[start:stop]


def _blocks(group: Records) -> Iterator[tuple[int, Records]]:
    """A group in numbered parts, so that a search for only the strongest doesn't read all."""
    for block, start in enumerate(range(0, len(group), BLOCK)):
        yield block, group[start : start + BLOCK]


def _mapped(file: IO[bytes], dtype: np.dtype[Any], offset: int, count: int) -> Records:
    """Records of a file, read as they are looked at."""
    if not count:
        return np.zeros(0, dtype)
    return np.memmap(file, dtype, "r", offset, (count,))


def _write_words(sqlite: sqlite3.Connection, tokens: IO[bytes]) -> tuple[Integers, Integers]:
    """Fill the full-text index, and write all token ids one after the other to `tokens`.

    The numbers of the sequences, ascending, and where the tokens of each begin; one more tells where the last ends.
    """
    spelled: dict[int, bytes] = dict(sqlite.execute("SELECT id, bytes FROM tokens"))
    numbers, starts = [], [0]
    full_text = _create_words(sqlite)
    for number, length, data in sqlite.execute("SELECT id, length, tokens FROM sequences ORDER BY id"):
        raw = zlib.decompress(data)
        ids = np.frombuffer(raw, "<u2" if len(raw) == 2 * length else "<u4").astype("<u4")
        tokens.write(ids.tobytes())
        numbers.append(number)
        starts.append(starts[-1] + length)
        if full_text:
            text = b"".join([spelled[token] for token in ids.tolist()]).decode(errors="replace")
            sqlite.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (number, " ".join(words(text))))
    tokens.flush()
    return np.array(numbers, np.int64), np.array(starts, np.int64)


def _create_words(sqlite: sqlite3.Connection) -> bool:
    """Make the full-text index; False if this SQLite can't."""
    try:
        sqlite.execute(WORDS)
    except sqlite3.OperationalError as error:
        if "fts5" not in str(error):
            raise
        return False
    return True
