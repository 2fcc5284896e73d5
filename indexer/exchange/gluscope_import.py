"""A data set in GLUScope's published form as an index that every reading command opens.

1. The statistics: a count is the frequency times the tokens, rounded; a sum is the mean times the count; an extreme is
   the first value of a list. Act where the gate is positive has no list: its extreme is the activation function of
   gate's.
2. The lists: each entry is a text and the value somewhere in it. A text is kept as one token, so it is the peak as a
   whole. The place of the value, the other quantities there, and the values of other tokens are not in the data set.
   The index says `imported`, and the reader gives null for them.
3. Samples, weights and the flips of alignment are not in the data set, nor in the index.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from ..addresses import SiteAddress
from ..database.bulk.arrays import Float32, ListArrays, SiteArrays
from ..database.bulk.writer import IndexWriter
from ..database.format.activations import twin
from ..disk import beside
from ..errors import GluscopeError
from ..library_errors import told
from ..progress import Meter
from ..quadrants import QUADRANTS, QUANTITIES, Quadrant, Quantity
from .gluscope_columns import KEPT, column, columns, frequency, listed

LISTS = tuple((quadrant, quantity) for quadrant in QUADRANTS for quantity in listed(quadrant))
"""The lists of a neuron; the place of one is the part of the sequences that its texts become."""

LONGEST = 2**16 - 1
"""Bytes that are kept of a text."""

MISSING = (
    "positions, windows, the other values at a peak, samples, weights and the flips of alignment are not in GLUScope's "
    "data set; each text stands for the place in it that the value is from"
)


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a data set, and what they don't say themselves."""

    activations: tuple[Path, ...]
    texts: tuple[Path, ...]
    text_column: str
    model: str
    tokens: int
    activation: str


def import_gluscope(source: Source, db: Path, info: Mapping[str, Any], meter: Meter) -> None:
    """Write the index. GluscopeError if `db` exists, or if the files are not such a data set."""
    if os.path.lexists(db):
        raise GluscopeError(f"{db} is already there", "remove it or name another file with --db")
    if twin(source.activation) is None:
        raise GluscopeError(f"the activation {source.activation!a} is not known", "name silu, gelu or relu")
    _require_columns(source.activations)
    aside = beside(db)
    layers = _layers(source.activations)
    try:
        with IndexWriter(aside, info) as writer:
            writer.add_sample(0, np.empty(0, np.int64), np.empty(0, np.int64))
            used: set[int] = set()
            for done, layer in enumerate(layers):
                site = _site(layer, _rows(source.activations, layer), source)
                used |= {int(number) for one in site.lists for number in one.sequence.ravel() if number >= 0}
                writer.add_site(site)
                meter.update(done + 1, len(layers), "importing layers")
            _add_texts(writer, source, sorted(used))
            writer.finish(None)
        os.rename(aside, db)
    finally:
        aside.unlink(missing_ok=True)


def _require_columns(files: Sequence[Path]) -> None:
    for file in files:
        with told(f"{file} can't be read as Parquet", "name the Parquet files of the data set"):
            names = set(pq.read_schema(file).names)
        if missing := [name for name in columns() if name not in names]:
            raise GluscopeError(
                f"{file} has no column {missing[0]}: it is not an activation data set of GLUScope",
                "name the files of its neuron-activations data set",
            )


def _layers(files: Sequence[Path]) -> list[int]:
    """The numbers of the layers: 0, 1, 2 ..."""
    found = sorted({layer for file in files for layer in pq.read_table(file, columns=["layer"])["layer"].to_pylist()})
    if found != list(range(len(found))) or not found:
        raise GluscopeError("the data set does not have layers 0, 1, 2 ...", "name all files of the data set")
    return found


def _rows(files: Sequence[Path], layer: int) -> list[dict[str, Any]]:
    """The rows of a layer, by neuron."""
    rows = [row for file in files for row in pq.read_table(file, filters=[("layer", "=", layer)]).to_pylist()]
    rows.sort(key=lambda row: row["neuron"])
    if [row["neuron"] for row in rows] != list(range(len(rows))):
        raise GluscopeError(f"layer {layer} does not have neurons 0, 1, 2 ...", "name all files of the data set")
    return rows


def _site(layer: int, rows: Sequence[dict[str, Any]], source: Source) -> SiteArrays:
    width, tokens = len(rows), source.tokens
    count = np.zeros((len(QUADRANTS), width), np.int64)
    total = np.zeros((len(QUANTITIES), len(QUADRANTS), width))
    extreme = np.zeros((len(QUANTITIES), len(QUADRANTS), width), np.float32)
    for neuron, row in enumerate(rows):
        for quadrant in QUADRANTS:
            visited = round((row[frequency(quadrant)] or 0.0) * tokens)
            count[quadrant.place, neuron] = visited
            for quantity in QUANTITIES if visited else ():
                place = quantity.place, quadrant.place, neuron
                total[place] = _number(row, column(quadrant, quantity, "mean")) * visited
                extreme[place] = _extreme(row, quadrant, quantity, source.activation)
    zero = tokens - count.sum(axis=0)
    if zero.min(initial=0) < 0:
        neuron = int(zero.argmin())
        raise GluscopeError(
            f"the frequencies of L{layer}N{neuron} add up to more than 100 %", "the data set is damaged: fetch it again"
        )
    return SiteArrays(
        address=SiteAddress("", layer),
        activation=source.activation,
        adapter="imported",
        identity_error=None,
        tokens_counted=tokens,
        flipped=None,
        dot_gate_in=None,
        count=count,
        zero=zero,
        sum=total,
        extreme=extreme,
        lists=tuple(_list(number, rows, *one) for number, one in enumerate(LISTS)),
        sample=np.zeros((2, 0, width), np.float16),
        sample_id=0,
    )


def _number(row: Mapping[str, Any], name: str) -> float:
    value = row[name]
    if value is None or not np.isfinite(value):
        raise GluscopeError(
            f"L{row['layer']}N{row['neuron']} has no {name} though its frequency is not 0",
            "the data set is damaged: fetch it again",
        )
    return float(value)


def _extreme(row: Mapping[str, Any], quadrant: Quadrant, quantity: Quantity, activation: str) -> float:
    """The value of the largest magnitude: a list's first."""
    if quantity not in listed(quadrant):
        function = twin(activation)
        assert function is not None  # asked for before
        return function(_extreme(row, quadrant, Quantity.GATE, activation))
    name = column(quadrant, quantity, "max_values")
    values = row[name] or ()
    if not values:
        raise GluscopeError(
            f"L{row['layer']}N{row['neuron']} has nothing in {name} though its frequency is not 0",
            "the data set is damaged: fetch it again",
        )
    return _number({**row, name: values[0]}, name)


def _list(number: int, rows: Sequence[dict[str, Any]], quadrant: Quadrant, quantity: Quantity) -> ListArrays:
    """The entries of a list for every neuron; an entry without a text is left out, and a text that is there twice."""
    shape = (len(rows), KEPT)
    sequence = np.full(shape, -1, np.int64)
    values: Float32 = np.zeros((*shape, len(QUANTITIES)), np.float32)
    for neuron, row in enumerate(rows):
        texts, numbers = (row[column(quadrant, quantity, what)] or () for what in ("max_indices", "max_values"))
        rank, seen = 0, set()
        for text, value in zip(texts, numbers, strict=False):
            if text is None or text < 0 or value is None or text in seen or rank == KEPT:
                continue
            seen.add(text)
            sequence[neuron, rank] = text * len(LISTS) + number
            values[neuron, rank, quantity.place] = value
            rank += 1
    return ListArrays(
        ranking=quantity.value,
        quadrant=quadrant,
        sequence=sequence,
        position=np.zeros(shape, np.int32),
        values=values,
        scale=np.zeros((*shape, 3), np.float32),
        lanes=np.full((*shape, 3, 1), -128, np.int8),
    )


def _add_texts(writer: IndexWriter, source: Source, used: Sequence[int]) -> None:
    """Each text as a document of its own, a token, and a sequence for each list that has it."""
    wanted = sorted({number // len(LISTS) for number in used})
    ids = {text: place for place, text in enumerate(wanted)}
    writer.add_documents((text, f"text {text}") for text in wanted)
    writer.add_sequences(
        (number, number // len(LISTS), number % len(LISTS), [ids[number // len(LISTS)]]) for number in used
    )
    writer.add_tokens((ids[text], _kept(content)) for text, content in _texts(source, wanted))


def _texts(source: Source, wanted: Sequence[int]) -> Iterator[tuple[int, str]]:
    """The texts with these rows, in order."""
    missing, first = list(reversed(wanted)), 0
    for file in source.texts:
        with told(f"{file} can't be read as Parquet", "name the Parquet files of the texts with --texts"):
            reader = pq.ParquetFile(file)
            if source.text_column not in reader.schema_arrow.names:
                raise GluscopeError(
                    f"{file} has no column {source.text_column!a}",
                    f"name one with --text-column: {', '.join(map(ascii, reader.schema_arrow.names))}",
                )
            for batch in reader.iter_batches(columns=[source.text_column]):
                texts = batch.column(0)
                while missing and missing[-1] < first + len(texts):
                    text = missing.pop()
                    yield text, str(texts[text - first].as_py() or "")
                first += len(texts)
    if missing:
        raise GluscopeError(
            f"the lists name row {missing[-1]} of the texts, which have {first:,}", "name all files of the texts"
        )


def _kept(text: str) -> bytes:
    """The text's bytes, cut at a character if they are too many for a token."""
    data = text.encode("utf-8", errors="replace")
    return data if len(data) <= LONGEST else data[:LONGEST].decode("utf-8", errors="ignore").encode()
