"""Reads a data set in GLUScope's published form: the statistics and lists of a layer, and the texts that lists name.

A count is the frequency times the tokens, rounded; a sum is the mean times the count; an extreme is the first value of
a list. Act where the gate is positive has no list: its extreme is the activation function of gate's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq

from ..addresses import SiteAddress
from ..database.bulk.arrays import Bool, Float32, Float64, Int64, ListArrays, SiteArrays
from ..database.format.activations import twin
from ..errors import GluscopeError
from ..library_errors import told
from ..quadrants import QUADRANTS, QUANTITIES, Quadrant, Quantity
from .gluscope_columns import KEPT, column, columns, frequency, listed

LISTS = tuple((quadrant, quantity) for quadrant in QUADRANTS for quantity in listed(quadrant))
"""The lists of a neuron."""

_NEGATED = (Quantity.IN, Quantity.POST)  # by a flip
_OURS = ("document", "part", "source", "ids")  # columns of the texts that gluscope writes beside them


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a data set, and what they don't say themselves."""

    activations: tuple[Path, ...]
    texts: tuple[Path, ...]
    text_column: str
    model: str
    tokens: int
    activation: str

    def check(self) -> None:
        """GluscopeError for files that are not such a data set, and an activation that isn't known."""
        if twin(self.activation) is None:
            raise GluscopeError(f"the activation {self.activation!a} is not known", "name silu, gelu or relu")
        for file in self.activations:
            with told(f"{file} can't be read as Parquet", "name the Parquet files of the data set"):
                names = set(pq.read_schema(file).names)
            if missing := [name for name in columns() if name not in names]:
                raise GluscopeError(
                    f"{file} has no column {missing[0]}: it is not an activation data set of GLUScope",
                    "name the files of its neuron-activations data set",
                )

    def layers(self) -> list[int]:
        """The numbers of the layers: 0, 1, 2 ..."""
        read = (pq.read_table(file, columns=["layer"])["layer"].to_pylist() for file in self.activations)
        found = sorted({layer for layers in read for layer in layers})
        if found != list(range(len(found))) or not found:
            raise GluscopeError("the data set does not have layers 0, 1, 2 ...", "name all files of the data set")
        return found

    def site(self, layer: int, dot_gate_in: Float64 | None = None) -> SiteArrays:
        """A layer: its statistics, and lists whose sequences are rows of the texts, without windows.

        `dot_gate_in` gives the flips of alignment, by which the values are made raw again, as an index keeps them.
        """
        return _site(layer, _rows(self.activations, layer), self, dot_gate_in)


def _rows(files: Sequence[Path], layer: int) -> list[dict[str, Any]]:
    """The rows of a layer, by neuron."""
    rows = [row for file in files for row in pq.read_table(file, filters=[("layer", "=", layer)]).to_pylist()]
    rows.sort(key=lambda row: row["neuron"])
    if [row["neuron"] for row in rows] != list(range(len(rows))):
        raise GluscopeError(f"layer {layer} does not have neurons 0, 1, 2 ...", "name all files of the data set")
    return rows


def _site(layer: int, rows: Sequence[dict[str, Any]], source: Source, dots: Float64 | None) -> SiteArrays:
    width, tokens = len(rows), source.tokens
    if dots is not None and len(dots) != width:
        raise GluscopeError(
            f"layer {layer} has {width:,} neurons in the data set and {len(dots):,} in the model",
            "name the model that the data set is of",
        )
    flipped = np.zeros(width, np.bool_) if dots is None else dots < 0
    count = _counts(rows, flipped, tokens)
    total = np.zeros((len(QUANTITIES), len(QUADRANTS), width))
    extreme = np.zeros((len(QUANTITIES), len(QUADRANTS), width), np.float32)
    for neuron, row in enumerate(rows):
        for quadrant in QUADRANTS:
            told_of = quadrant.flipped if flipped[neuron] else quadrant
            visited = int(count[quadrant.place, neuron])
            for quantity in QUANTITIES if visited else ():
                sign = -1 if flipped[neuron] and quantity in _NEGATED else 1
                place = quantity.place, quadrant.place, neuron
                total[place] = sign * _number(row, column(told_of, quantity, "mean")) * visited
                extreme[place] = sign * _extreme(row, told_of, quantity, source.activation)
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
        flipped=None if dots is None else flipped,
        dot_gate_in=dots,
        count=count,
        zero=zero,
        sum=total,
        extreme=extreme,
        lists=tuple(_list(rows, *one, flipped) for one in LISTS),
        sample=np.zeros((2, 0, width), np.float16),
        sample_id=0,
    )


def _counts(rows: Sequence[dict[str, Any]], flipped: Bool, tokens: int) -> Int64:
    """The tokens of each quadrant, quadrant neuron.

    Frequencies are float32, so the counts of a neuron can add up to a few tokens too many: the largest is made less.
    """
    count = np.zeros((len(QUADRANTS), len(rows)), np.int64)
    for neuron, row in enumerate(rows):
        for quadrant in QUADRANTS:
            told_of = quadrant.flipped if flipped[neuron] else quadrant
            count[quadrant.place, neuron] = round((row[frequency(told_of)] or 0.0) * tokens)
    excess = count.sum(axis=0) - tokens
    excess[(excess < 0) | (excess > len(QUADRANTS) * (0.5 + tokens * 2.0**-24))] = 0
    count[count.argmax(axis=0), np.arange(len(rows))] -= excess
    return count


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
        assert function is not None  # `check` asked
        return function(_extreme(row, quadrant, Quantity.GATE, activation))
    name = column(quadrant, quantity, "max_values")
    values = row[name] or ()
    if not values:
        raise GluscopeError(
            f"L{row['layer']}N{row['neuron']} has nothing in {name} though its frequency is not 0",
            "the data set is damaged: fetch it again",
        )
    return _number({**row, name: values[0]}, name)


def _list(rows: Sequence[dict[str, Any]], quadrant: Quadrant, quantity: Quantity, flipped: Bool) -> ListArrays:
    """The entries of a list for every neuron; an entry without a text is left out, and a text that is there twice."""
    shape = (len(rows), KEPT)
    sequence = np.full(shape, -1, np.int64)
    values: Float32 = np.zeros((*shape, len(QUANTITIES)), np.float32)
    for neuron, row in enumerate(rows):
        told_of = quadrant.flipped if flipped[neuron] else quadrant
        sign = -1 if flipped[neuron] and quantity in _NEGATED else 1
        texts, numbers = (row[column(told_of, quantity, what)] or () for what in ("max_indices", "max_values"))
        rank, seen = 0, set()
        for text, value in zip(texts, numbers, strict=False):
            if text is None or text < 0 or value is None or text in seen or rank == KEPT:
                continue
            seen.add(text)
            sequence[neuron, rank] = text
            values[neuron, rank, quantity.place] = sign * value
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


class Text(NamedTuple):
    """A row of the texts. What only gluscope's own files say: `ids`, which None stands for, and its place."""

    row: int
    text: str
    document: int
    part: int
    source: str
    ids: tuple[int, ...] | None


def read_texts(source: Source, wanted: Sequence[int] | None = None) -> Iterator[Text]:
    """The texts with these rows, which ascend; None: all of them."""
    missing, first = None if wanted is None else list(reversed(wanted)), 0
    for file in source.texts:
        with told(f"{file} can't be read as Parquet", "name the Parquet files of the texts with --texts"):
            reader = pq.ParquetFile(file)
            there = reader.schema_arrow.names
            if source.text_column not in there:
                raise GluscopeError(
                    f"{file} has no column {source.text_column!a}",
                    f"name one with --text-column: {', '.join(map(ascii, there))}",
                )
            names = [source.text_column, *(name for name in _OURS if all(one in there for one in _OURS))]
            for batch in reader.iter_batches(columns=names):
                stop = first + batch.num_rows
                while missing if missing is not None else first < stop:
                    row = first if missing is None else missing[-1]
                    if row >= stop:
                        break
                    yield _text(batch.slice(row - (stop - batch.num_rows), 1).to_pylist()[0], row, source.text_column)
                    if missing is None:
                        first += 1
                    else:
                        missing.pop()
                first = stop
    if missing:
        raise GluscopeError(
            f"the lists name row {missing[-1]} of the texts, which have {first:,}", "name all files of the texts"
        )


def _text(cells: Mapping[str, Any], row: int, column_of_text: str) -> Text:
    text = str(cells[column_of_text] or "")
    kinds = {"document": int, "part": int, "source": str, "ids": list}
    if not all(isinstance(cells.get(name), kind) for name, kind in kinds.items()):
        return Text(row, text, row, 0, f"text {row}", None)
    return Text(row, text, cells["document"], cells["part"], cells["source"], tuple(cells["ids"]))
