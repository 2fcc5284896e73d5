"""Reads a finished index back, site by site, as the arrays that its writer was given."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import GluscopeError
from ..format.kinds import ADDRESS, BLOB, COUNT, TEXT, TOKEN
from ..format.schema import LONGEST_SEQUENCE, SCHEMA_VERSION
from ..format.turns import Turn
from ..read.connection import Connection, Row
from ..read.inflate import DamagedValue, inflate
from ..read.provenance import read_info, read_sites
from ..read.statistics import COLUMNS, KINDS
from ..read.turns import read_turns
from ..read.weights_state import can_be_added, weights_state, wiring_state
from ..records import SiteRecord
from .arrays import Int32, Int64, ListArrays, ModelWeights, ModelWiring, SiteArrays, WeightArrays
from .packing import CHUNK
from .unpacking_sites import list_shapes, unpack_lists, unpack_samples
from .weight_reading import read_site, read_weights
from .wiring_storage import read_wiring

_PLACE = {column: place for place, column in enumerate(COLUMNS)}
_TOGETHER = 500  # numbers a query


class StoredIndex:
    """An index opened to be continued or joined with others. Close it, or use it in a `with`.

    GluscopeError if the file is missing, foreign, damaged or of another schema version.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._connection = Connection(path)
        if self._connection.schema_version != SCHEMA_VERSION:
            version = self._connection.schema_version
            self.close()
            raise GluscopeError(
                f"{os.fspath(path)} has schema version {version}, not {SCHEMA_VERSION}", "index the text again"
            )
        self.path = self._connection.path
        self.info: dict[str, Any] = read_info(self._connection)
        self.sites: tuple[SiteRecord, ...] = read_sites(self._connection)

    def __enter__(self) -> StoredIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    @cached_property
    def sample_ids(self) -> dict[str, int]:
        """The sample of each site, by the site's name."""
        return dict(self._connection.rows("SELECT name, sample FROM sites", (ADDRESS, COUNT)))

    def sample(self, sample_id: int) -> tuple[Int64, Int64]:
        """The sequences and positions of a sample, by rank."""
        rows = self._connection.rows(
            "SELECT sequence, position FROM sample_positions WHERE sample = ? ORDER BY rank",
            (COUNT, COUNT),
            (sample_id,),
        )
        pairs = np.array(rows, np.int64).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]

    def site(self, record: SiteRecord) -> SiteArrays:
        """Everything the index keeps of a site, as its writer was given it; extremes of empty quadrants are 0.

        Memory holds one site.
        """
        rows = self._neurons(record)
        columns = np.array(rows, dtype=object).T  # column neuron
        dots = columns[_PLACE["dot_gate_in"]]
        known = record.width > 0 and dots[0] is not None
        extreme = self._cells(columns, "extreme_gate_pp")
        lists, sample = self._packed(record)
        return SiteArrays(
            address=record.address,
            activation=record.activation,
            adapter=record.adapter,
            identity_error=record.identity_error,
            tokens_counted=record.tokens_counted,
            flipped=columns[_PLACE["flipped"]].astype(bool) if known else None,
            dot_gate_in=dots.astype(np.float64) if known else None,
            count=columns[_PLACE["count_pp"] : _PLACE["count_pp"] + 4].astype(np.int64),
            zero=columns[_PLACE["zero"]].astype(np.int64),
            sum=self._cells(columns, "sum_gate_pp").astype(np.float64),
            extreme=np.where(extreme == None, 0.0, extreme).astype(np.float32),  # noqa: E711  # each element
            lists=lists,
            sample=sample,
            sample_id=self.sample_ids[record.address.name],
        )

    def weights(self) -> ModelWeights:
        """The numbers of weights that the index keeps, to its precision; none for older indexes."""
        return read_weights(self._connection, self.info, self.sites)

    def wiring(self) -> ModelWiring | None:
        """The wiring that the index keeps; None for older indexes."""
        return read_wiring(self._connection, self.info, self.sites)

    def site_weights(self, record: SiteRecord) -> WeightArrays | None:
        """The numbers of the weights of a site; None if the index has none."""
        return read_site(self._connection, record) if "weight_lists" in self._connection.tables else None

    @property
    def has_all_weights(self) -> bool:
        """Whether the index has all numbers of weights that are computed today, of some sites at least."""
        there = self._connection.tables
        return (
            weights_state(self.info)["state"] != "missing"
            and "vocabulary_scores" in there
            and bool(self._connection.rows("SELECT neuron FROM vocabulary_scores LIMIT 1", (COUNT,)))
        )

    @property
    def lacks_wiring(self) -> bool:
        """Whether the index has numbers of weights, and wiring could be added."""
        return can_be_added(wiring_state(self.info))

    @cached_property
    def sequence_numbers(self) -> Int64:
        """The numbers of the sequences that are kept, ascending."""
        rows = self._connection.rows("SELECT id FROM sequences ORDER BY id", (COUNT,))
        return np.array([row[0] for row in rows], np.int64)

    def sequences(self, numbers: Iterable[int]) -> Iterator[tuple[int, int, int, Int32, str]]:
        """(number, document, part, token ids, source) of these sequences, which must ascend."""
        for group in _groups(numbers):
            marks = ",".join("?" * len(group))
            for number, document, part, length, tokens, source in self._connection.rows(
                "SELECT s.id, s.document, s.part, s.length, s.tokens, d.source FROM sequences AS s "
                f"JOIN documents AS d ON d.document = s.document WHERE s.id IN ({marks}) ORDER BY s.id",
                (COUNT, COUNT, COUNT, COUNT.of(LONGEST_SEQUENCE), BLOB, TEXT),
                group,
            ):
                yield number, document, part, self._ids(number, length, tokens), source

    def turns(self, numbers: Iterable[int]) -> dict[int, tuple[Turn, ...]]:
        """The turns of these sequences, of those that are conversations."""
        return read_turns(self._connection, numbers)

    def tokens(self, ids: Iterable[int]) -> dict[int, bytes]:
        """The bytes of these tokens, of those that are kept."""
        found: dict[int, bytes] = {}
        for group in _groups(ids):
            marks = ",".join("?" * len(group))
            found.update(
                self._connection.rows(f"SELECT id, bytes FROM tokens WHERE id IN ({marks})", (COUNT, TOKEN), group)
            )
        return found

    def _neurons(self, record: SiteRecord) -> list[Row]:
        names = ", ".join(f'"{column}"' for column in COLUMNS)
        rows = self._connection.rows(
            f"SELECT {names} FROM neurons WHERE id >= ? AND id < ? ORDER BY id",
            KINDS,
            (record.first_neuron, record.first_neuron + record.width),
        )
        if len(rows) != record.width:
            raise self._connection.damaged(f"{record.address} has {len(rows)} of {record.width} neurons")
        return rows

    @staticmethod
    def _cells(columns: npt.NDArray[np.object_], first: str) -> npt.NDArray[np.object_]:
        """Sixteen columns as quantity quadrant neuron."""
        return columns[_PLACE[first] : _PLACE[first] + 16].reshape(4, 4, -1)

    def _packed(self, record: SiteRecord) -> tuple[tuple[ListArrays, ...], npt.NDArray[np.float16]]:
        first = self._connection.rows("SELECT examples FROM packed WHERE neuron = ?", (BLOB,), (record.first_neuron,))
        if not first:
            raise self._connection.damaged(f"{record.address} has no packed values")
        try:
            shapes = list_shapes(first[0][0], int(self.info["settings"]["top_k"]))
        except DamagedValue as error:
            raise self._connection.damaged(f"{record.address}: {error}") from error
        before, after = self.info["settings"]["window"]

        def unpack(rows: list[Row]) -> tuple[tuple[ListArrays, ...], npt.NDArray[np.float16]]:
            lists = unpack_lists([row[0] for row in rows], shapes, (before, after), record.activation)
            return lists, unpack_samples([row[1] for row in rows])

        chunks = (
            self._connection.rows(
                "SELECT examples, sample FROM packed WHERE neuron >= ? AND neuron < ? ORDER BY neuron",
                (BLOB, BLOB),
                (record.first_neuron + start, record.first_neuron + min(start + CHUNK, record.width)),
            )
            for start in range(0, record.width, CHUNK)
        )
        try:
            with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:  # zlib and numpy let other threads run
                parts = list(pool.map(unpack, chunks))
        except (DamagedValue, ValueError) as error:
            raise self._connection.damaged(f"{record.address}: {error}") from error
        lists = tuple(_joined([part[0][place] for part in parts]) for place in range(len(shapes)))
        return lists, np.concatenate([part[1] for part in parts], axis=2)

    def _ids(self, number: int, length: int, tokens: bytes) -> Int32:
        try:
            data = inflate(tokens, 4 * length)
            return np.frombuffer(data, "<u2" if len(data) == 2 * length else "<u4", length).astype(np.int32)
        except ValueError as error:
            raise self._connection.damaged(f"sequence {number}: {error}") from error


def _joined(parts: list[ListArrays]) -> ListArrays:
    """The same list of consecutive neurons."""
    return ListArrays(
        ranking=parts[0].ranking,
        quadrant=parts[0].quadrant,
        **{
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("sequence", "position", "values", "scale", "lanes")
        },
    )


def _groups(values: Iterable[int]) -> Iterator[list[int]]:
    group: list[int] = []
    for value in values:
        group.append(value)
        if len(group) == _TOGETHER:
            yield group
            group = []
    if group:
        yield group
