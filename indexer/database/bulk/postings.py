"""Writes the tables for `search`: the neurons that peak on a text, the examples of a sequence, and its words.

Sites are added one at a time while an index is written. Records needed until the end wait in unnamed files, so that
memory holds one site, or `spool.TOGETHER` postings. The tables and the packing are described in docs/schema.md.
"""

from __future__ import annotations

import sqlite3
import tempfile
import zlib
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from ...ranking import QUADRANT_BITS, RANKINGS, list_code
from ..format.folding import words
from ..format.schema import CONTEXTS, PEAKS, SEARCH_VERSION, STRONGEST, WORDS, for_this_sqlite
from .arrays import ListArrays, SiteArrays
from .peak_entropy import entropies
from .peak_texts import PeakTexts
from .spool import Integers, Records, Spool, blocks, changes, groups, mapped, order_by, packed

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


def make_tables(sqlite: sqlite3.Connection) -> None:
    """Make those of the tables for `search` that are not there, empty; `words` only if this SQLite can.

    Part of the caller's transaction.
    """
    there = _there(sqlite)
    for table, statement in (("peaks", PEAKS), ("contexts", CONTEXTS), ("words", WORDS)):
        if table in there:
            continue
        try:
            sqlite.execute(for_this_sqlite(statement))
        except sqlite3.OperationalError as error:
            if "fts5" not in str(error):
                raise


def _there(sqlite: sqlite3.Connection) -> list[str]:
    """The tables for `search` that a file has."""
    rows = sqlite.execute("SELECT name FROM sqlite_master WHERE name IN ('peaks', 'contexts', 'words')")
    return [name for (name,) in rows]


class Postings:
    """The postings of an index that is being written. Close it."""

    def __init__(self, folder: str) -> None:
        """`folder`: where the unnamed files may grow, to about 5 kB a neuron in all."""
        self._folder = folder
        self._entries = Spool(folder, _ENTRY)

    def close(self) -> None:
        self._entries.close()

    def add_site(self, site: SiteArrays, first: int) -> None:
        """The examples of a site whose neurons have the row numbers from `first`."""
        lists = [_entries(ranked, _reach(site, ranked.ranking), first) for ranked in site.lists]
        entries = np.concatenate([np.zeros(0, _ENTRY), *lists])
        weakness = STRONGEST - entries["strength"]
        self._entries.add(entries[order_by(entries["sequence"], weakness, entries["neuron"], entries["position"])])

    def write(self, sqlite: sqlite3.Connection) -> None:
        """Make the tables of an index that already has its sequences and tokens. Part of the caller's transaction."""
        sqlite.execute("INSERT OR REPLACE INTO info VALUES ('search', ?)", (f'{{"version": {SEARCH_VERSION}}}',))
        if sqlite.execute("PRAGMA application_id").fetchone()[0]:  # a finished index; a new one has them empty
            for table in _there(sqlite):
                sqlite.execute(f"DROP TABLE {table}")
        make_tables(sqlite)
        self._write_contexts(sqlite)
        with tempfile.TemporaryFile(dir=self._folder, prefix="gluscope-") as file:
            numbers, starts = _write_words(sqlite, file)
            tokens = mapped(file, np.dtype("<u4"), 0, int(starts[-1]))
            self._write_peaks(sqlite, numbers, starts, tokens)

    def _write_contexts(self, sqlite: sqlite3.Connection) -> None:
        for chunk in self._entries.chunks("sequence"):
            sqlite.executemany(
                "INSERT INTO contexts VALUES (?, ?, ?)",
                (
                    (int(group["sequence"][0]), block, packed(part, ("strength", "list", "neuron", "position")))
                    for group in groups(_strongest_first(chunk, "sequence"), "sequence")
                    for block, part in blocks(group)
                ),
            )

    def _write_peaks(
        self, sqlite: sqlite3.Connection, numbers: Integers, starts: Integers, tokens: npt.NDArray[Any]
    ) -> None:
        texts = PeakTexts(sqlite, numbers, starts, tokens, self._peaking())
        for site in self._entries.sites():
            sqlite.executemany("INSERT INTO peak_entropy VALUES (?, ?, ?, ?, ?)", entropies(np.asarray(site), texts))
        for folded in (False, True):
            spool = Spool(self._folder, _PEAK)
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
                            for group in groups(_strongest_first(chunk, "text"), "text")
                            for block, part in blocks(group)
                        ),
                    )
            finally:
                spool.close()

    def _peaking(self) -> Iterator[Records]:
        """The examples of each site whose share of their list is above 0."""
        for site in self._entries.sites():
            yield np.asarray(site)[site["share"] > 0]


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
    order = order_by(text, entries["neuron"], entries["list"])
    neuron, list_, text = (column[order] for column in (entries["neuron"], entries["list"], text))
    first = np.flatnonzero(changes(text, neuron, list_))
    found = np.zeros(len(first), _PEAK)
    if not len(first):
        return found
    share = np.add.reduceat(entries["share"][order].astype(np.float64), first)
    found["text"], found["neuron"], found["list"] = text[first], neuron[first], list_[first]
    found["strength"] = np.clip(np.rint(STRONGEST * share), 1, STRONGEST)
    quadrant = found["list"] & QUADRANT_BITS
    order = order_by(found["text"], found["neuron"], quadrant, STRONGEST - found["strength"], found["list"])
    begins = changes(*(column[order] for column in (found["text"], found["neuron"], quadrant)))
    best = found[order[begins]]
    return best[order_by(best["text"], STRONGEST - best["strength"], best["neuron"], best["list"])]


def _strongest_first(records: Records, key: str) -> Records:
    """Records of sites one after the other, each sorted so, sorted by the key and then by strength; stable."""
    joined = records[key].astype(np.int64) << 8 | (STRONGEST - records["strength"])
    found: Records = records[np.argsort(joined, kind="stable")]
    return found


def _write_words(sqlite: sqlite3.Connection, tokens: IO[bytes]) -> tuple[Integers, Integers]:
    """Fill the full-text index, and write all token ids one after the other to `tokens`.

    The numbers of the sequences, ascending, and where the tokens of each begin; one more tells where the last ends.
    """
    spelled: dict[int, bytes] = dict(sqlite.execute("SELECT id, bytes FROM tokens"))
    numbers, starts = [], [0]
    full_text = "words" in _there(sqlite)
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
