"""Writes an index from finished statistics. The only module that inserts."""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlite_utils

from ...addresses import NeuronAddress
from ...disk import refused, sync
from ...errors import GluscopeError
from ...quadrants import QUADRANTS, QUANTITIES
from ...ranking import RANKINGS
from ..format.schema import APPLICATION_ID, PAGE_SIZE, SCHEMA_VERSION, schema_sql
from ..read.provenance import REQUIRED
from ..read.statistics import COLUMNS
from .arrays import ModelWeights, SiteArrays
from .packing import pack_site
from .page_copies import write_page_copies
from .postings import Postings, make_tables
from .weight_writing import insert_weights, weights_info

Numbers = npt.NDArray[np.int64]


class IndexWriter:
    """Writes one index file: sites, samples, then the sequences, documents and tokens they use, then `finish`.

    A context manager. Until `finish` has returned, the file is not an index; if the `with` block ends before, the file
    is removed. The caller writes to a name of its own and renames. GluscopeError if the disk is full, or if `path`
    exists or can't be written; ValueError if the added parts don't fit together.

    `info` and the updates of `finish` hold, as JSON, what `gluscope info` shows: the keys "model" (with "name" and
    "layers", the number of layers that the model has), "corpus" (with "tokens"), "settings" (with "window"),
    "software" and "run". "complete" is true unless given; "rankings" and "telling_neuron" are the writer's.
    """

    def __init__(self, path: str | os.PathLike[str], info: Mapping[str, Any]) -> None:
        self.path = os.fspath(path)
        self._info: dict[str, Any] = {"complete": True, **info}
        before, after = info["settings"]["window"]
        self._window: tuple[int, int] = (int(before), int(after))
        self._rankings: set[str] = set()
        self._neurons = 0
        self._places: dict[str, int] = {}  # neurons.id of a site's index 0
        self._sites = 0
        self._used = np.empty(0, np.int64)  # sequences
        self._tokens: set[int] = set()  # of the sequences added
        self._finished = False
        self._sqlite = _create(self.path)
        self._postings = Postings(os.path.dirname(os.path.abspath(self.path)))
        self._database = sqlite_utils.Database(self._sqlite)

    def __enter__(self) -> IndexWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sqlite.close()
        self._postings.close()
        if not self._finished:
            for leftover in (self.path, f"{self.path}-journal"):
                Path(leftover).unlink(missing_ok=True)

    def add_site(self, site: SiteArrays) -> None:
        """Add a site; its neurons' rows follow those of earlier sites. GluscopeError if its numbers are impossible."""
        _demand_possible(site)
        first = self._neurons
        with self._writing():
            self._database.table("sites").insert(_site_row(site, self._sites, first))
            marks = ",".join("?" * len(COLUMNS))
            self._sqlite.executemany(f"INSERT INTO neurons VALUES ({marks})", _neuron_rows(site, self._sites, first))
            self._sqlite.executemany(
                "INSERT INTO packed VALUES (?, ?, ?)",
                ((first + i, *blobs) for i, blobs in enumerate(pack_site(site, self._window))),
            )
            self._postings.add_site(site, first)
        self._use(*(ranked.sequence for ranked in site.lists))
        self._rankings.update(ranked.ranking for ranked in site.lists)
        self._places[site.address.name] = first
        self._neurons += site.width
        self._sites += 1

    def add_weights(self, weights: ModelWeights) -> None:
        """Add the numbers of the weights of the sites added so far; the tokens in their lists count as used."""
        with self._writing():
            insert_weights(self._sqlite, weights, self._places)
        self._tokens.update(weights.spelling)
        self._info |= weights_info(weights)

    def add_sample(self, sample_id: int, sequence: Numbers, position: Numbers) -> None:
        """Add the positions that sites with this sample drew, in the order of their samples' ranks."""
        with self._writing():
            self._database.table("samples").insert({"id": sample_id, "size": len(sequence)})
            pairs = zip(sequence.tolist(), position.tolist(), strict=True)
            self._sqlite.executemany(
                "INSERT INTO sample_positions VALUES (?, ?, ?, ?)",
                ((sample_id, rank, *pair) for rank, pair in enumerate(pairs)),
            )
        self._use(sequence)

    def add_sequences(self, sequences: Iterable[tuple[int, int, int, npt.ArrayLike]]) -> None:
        """Add (number, document, part, token ids) of the sequences that examples and samples are from."""
        with self._writing():
            self._sqlite.executemany("INSERT INTO sequences VALUES (?, ?, ?, ?, ?)", map(self._sequence_row, sequences))

    def add_turns(self, turns: Iterable[tuple[int, str]]) -> None:
        """Add (number, turns as `turns_text` gives them) of those sequences that are conversations."""
        with self._writing():
            self._sqlite.executemany("INSERT INTO turns VALUES (?, ?)", turns)

    def add_documents(self, documents: Iterable[tuple[int, str]]) -> None:
        """Add (document, source) of the documents that the sequences are from."""
        with self._writing():
            self._database.table("documents").insert_all(
                {"document": number, "source": source} for number, source in documents
            )

    def add_tokens(self, tokens: Iterable[tuple[int, bytes]]) -> None:
        """Add (token id, bytes) of the tokens that the sequences are made of."""
        with self._writing():
            self._database.table("tokens").insert_all(
                {"id": token, "bytes": data, "text": data.decode(errors="replace")} for token, data in tokens
            )

    def finish(self, telling_neuron: NeuronAddress | None, info: Mapping[str, Any] | None = None) -> None:
        """Check that the index is whole, write `info` and its updates, and make the file an index, safe on disk."""
        self._info |= info or {}
        self._info["rankings"] = [ranking for ranking in RANKINGS if ranking in self._rankings]
        self._info["telling_neuron"] = None if telling_neuron is None else telling_neuron.name
        if missing := [key for key in REQUIRED if key not in self._info]:
            raise ValueError(f"info has no {', '.join(missing)}")
        self._check()
        with self._writing():
            self._postings.write(self._sqlite)
            if self._info.get("imported", {}).get("missing"):  # a whole text stands for its peak, which is not known
                self._sqlite.execute("DELETE FROM peak_entropy")
        with self._writing():
            self._database.table("info").insert_all(
                {"key": key, "value": json.dumps(value, ensure_ascii=False, allow_nan=False)}
                for key, value in sorted(self._info.items())
            )
        with self._writing():
            self._sqlite.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            self._sqlite.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        with self._mendable():
            if self._info.get("coverage", {}).get("finished", True):  # a snapshot is soon replaced
                write_page_copies(self._sqlite, self.path)
            self._sqlite.close()
            sync(self.path)
        self._finished = True

    def _use(self, *sequences: Numbers) -> None:
        used = np.unique(np.concatenate([self._used, *(numbers.ravel() for numbers in sequences)]))
        self._used = used[used >= 0]

    def _sequence_row(self, sequence: tuple[int, int, int, npt.ArrayLike]) -> tuple[int, int, int, int, bytes]:
        number, document, part, tokens = sequence
        ids = np.asarray(tokens, np.int64)
        self._tokens.update(np.unique(ids).tolist())
        kind = "<u2" if ids.max(initial=0) <= 0xFFFF else "<u4"
        return number, document, part, len(ids), zlib.compress(ids.astype(kind).tobytes())

    def _check(self) -> None:
        stored = np.array([row[0] for row in self._sqlite.execute("SELECT id FROM sequences")], np.int64)
        if missing := np.setdiff1d(self._used, stored).tolist():
            raise ValueError(f"{len(missing)} used sequences were not added, the first is {missing[0]}")
        if unknown := self._tokens - {row[0] for row in self._sqlite.execute("SELECT id FROM tokens")}:
            raise ValueError(f"{len(unknown)} used tokens were not added, the first is {min(unknown)}")
        problem = self._sqlite.execute("PRAGMA foreign_key_check").fetchone()
        if problem is not None:
            raise ValueError(f"row {problem[1]} of {problem[0]} refers to a row of {problem[2]} that was not added")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction; its errors become messages for the user."""
        with self._mendable(), self._sqlite:
            yield

    @contextmanager
    def _mendable(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.OperationalError, OSError) as error:
            raise refused(self.path, error, "is the disk whole? else name another place with --db") from error


def _demand_possible(site: SiteArrays) -> None:
    """GluscopeError if counts don't add up or a sum is NaN: the values they were computed from were damaged."""
    name = site.address.name
    if min(site.count.min(initial=0), site.zero.min(initial=0)) < 0 or np.any(
        site.count.sum(axis=0) + site.zero != site.tokens_counted
    ):
        wrong = f"the counts of {name} do not add up to its {site.tokens_counted:,} tokens"
    elif not (np.isfinite(site.sum).all() and np.isfinite(site.extreme).all()):
        wrong = f"the sums of {name} are not all numbers"
    else:
        return
    raise GluscopeError(f"{wrong}: the state they come from is damaged", "make the index again with --overwrite")


def _create(path: str) -> sqlite3.Connection:
    """An empty file with the tables of an index. It has no journal: on failure the whole file is removed."""
    if os.path.lexists(path):
        raise GluscopeError(f"{path} is already there", "remove it or name another file with --db")
    try:
        # without locks, which some disks don't have: nobody else writes a file of this name
        connection = sqlite3.connect(f"{Path(path).absolute().as_uri()}?nolock=1", uri=True)
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.executescript(schema_sql())
        make_tables(connection)  # here, so that all tables begin near the start of the file
    except sqlite3.OperationalError as error:
        Path(path).unlink(missing_ok=True)
        raise refused(path, error, "is its folder there, and writable? else name another file with --db") from error
    return connection


def _site_row(site: SiteArrays, number: int, first: int) -> dict[str, Any]:
    return {
        "id": number,
        "name": site.address.name,
        "stack": site.address.stack,
        "layer": site.address.layer,
        "expert": site.address.expert,
        "shared": int(site.address.shared),
        "width": site.width,
        "activation": site.activation,
        "adapter": site.adapter,
        "identity_error": site.identity_error,
        "tokens_counted": site.tokens_counted,
        "first_neuron": first,
        "sample": site.sample_id,
    }


def _neuron_rows(site: SiteArrays, number: int, first: int) -> Iterator[tuple[Any, ...]]:
    """Rows of the table `neurons`, in the order of its COLUMNS."""
    unknown = [None] * site.width
    flipped = unknown if site.flipped is None else site.flipped.astype(int).tolist()
    dots = unknown if site.dot_gate_in is None else site.dot_gate_in.tolist()
    cells = len(QUANTITIES) * len(QUADRANTS)
    visited = np.broadcast_to(site.count > 0, site.extreme.shape)
    extremes = site.extreme.astype(object)
    extremes[~visited] = None
    return zip(
        range(first, first + site.width),
        [number] * site.width,
        [site.address.layer] * site.width,
        range(site.width),
        flipped,
        dots,
        site.zero.tolist(),
        *site.count.tolist(),
        *site.sum.reshape(cells, -1).tolist(),
        *extremes.reshape(cells, -1).tolist(),
        strict=True,
    )
