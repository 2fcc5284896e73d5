"""An index as two Parquet files: a row a neuron, and a row a context. pandas, polars and DuckDB read them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..database.format.columns import COLUMNS, Column
from ..database.reader import Index
from ..database.records import Example, NeuronRecord
from ..export_folder import ExportFolder
from ..progress import Meter
from ..quadrants import QUANTITIES
from .parquet_readme import readme
from .selection import Selection

NEURONS, CONTEXTS = "neurons.parquet", "contexts.parquet"
_ROWS = 20_000  # neurons that are written together
_TOGETHER = 256  # neurons whose contexts are written together

_VALUES = pa.list_(pa.float32())
CONTEXT_TYPES: Mapping[str, Any] = {
    "neuron": pa.string(),
    "quadrant": pa.string(),
    "ranking": pa.string(),
    "rank": pa.int32(),
    "value": pa.float32(),
    "document": pa.int64(),
    "part": pa.int32(),
    "position": pa.int32(),
    "source": pa.string(),
    "peak": pa.int32(),
    "text": pa.string(),
    "tokens": pa.list_(pa.string()),
    **{quantity.value: _VALUES for quantity in QUANTITIES},
}
"""The columns of the contexts, in order."""


def write_parquet(index: Index, wanted: Selection, folder: ExportFolder, meter: Meter) -> None:
    """Write both tables and a README.md of their columns."""
    about = {b"gluscope": json.dumps({"format": 1, "model": index.model, "signs": wanted.signs}).encode()}
    names = index.table.columns
    schema = pa.schema([(name, _type(COLUMNS[name])) for name in names], about)
    with pq.ParquetWriter(folder.place(NEURONS), schema, compression="zstd") as writer:
        for rows in _groups(_rows(index, wanted, names), _ROWS):
            columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
            writer.write_table(pa.table({name: _converted(name, columns[name]) for name in names}, schema))
    schema = pa.schema(list(CONTEXT_TYPES.items()), about)
    done, total = 0, wanted.count(index)
    split = [f"{quantity.value}.list.element" for quantity in QUANTITIES]  # bytes of floats apart: a third smaller
    words = [name for name in CONTEXT_TYPES if CONTEXT_TYPES[name] != _VALUES]
    with pq.ParquetWriter(
        folder.place(CONTEXTS), schema, compression="zstd", use_dictionary=words, use_byte_stream_split=split
    ) as writer:
        for neurons in _groups(wanted.addresses(index), _TOGETHER):
            contexts = [row for neuron in neurons for row in _contexts(wanted.record(index, neuron))]
            writer.write_table(pa.Table.from_pylist(contexts, schema))
            done += len(neurons)
            meter.update(done, total, "writing contexts of neurons")
    folder.write("README.md", readme(index, wanted, names).encode())


def _rows(index: Index, wanted: Selection, names: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """The narrow rows of the neurons."""
    if wanted.neurons is None:
        return index.rows(names, signs=wanted.signs)
    numbers = [index.site(neuron.site).first_neuron + neuron.index for neuron in wanted.neurons]
    return index.table.rows_of(numbers, names, signs=wanted.signs)


def _type(column: Column) -> Any:
    if column.kind == "real":
        return pa.float32() if column.single else pa.float64()
    return {"text": pa.string(), "integer": pa.int64(), "flag": pa.bool_()}[column.kind]


def _converted(name: str, values: list[Any]) -> list[Any]:
    if COLUMNS[name].kind != "flag":
        return values
    return [None if value is None else bool(value) for value in values]


def _contexts(record: NeuronRecord) -> Iterator[dict[str, Any]]:
    for quadrant in record.quadrants.values():
        for examples in quadrant.examples.values():
            for example in examples:
                yield _context(record, quadrant.quadrant.value, example)


def _context(record: NeuronRecord, quadrant: str, example: Example) -> dict[str, Any]:
    return {
        "neuron": record.neuron.name,
        "quadrant": quadrant,
        "ranking": example.ranking,
        "rank": example.rank,
        "value": example.value,
        "document": example.document,
        "part": example.part,
        "position": example.position,
        "source": example.source,
        "peak": example.peak,
        "text": example.text,
        "tokens": list(example.tokens),
        **{quantity.value: list(example.values(quantity.value)) for quantity in QUANTITIES},
    }


def _groups(values: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(values)
    while group := list(islice(rest, size)):
        yield group
