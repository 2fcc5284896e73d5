"""The narrow row of a neuron: its columns, and the records made of them. Raw signs."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from ...quadrants import QUADRANTS, QUANTITIES, Quadrant
from ..records import Example, QuadrantRecord, Quantities
from .connection import Row

_FLOAT32 = struct.Struct("<f")

COLUMNS = (
    "id",
    "site",
    "layer",
    "index",
    "flipped",
    "dot_gate_in",
    "zero",
    *(f"count_{quadrant.letters}" for quadrant in QUADRANTS),
    *(f"sum_{quantity}_{quadrant.letters}" for quantity in QUANTITIES for quadrant in QUADRANTS),
    *(f"extreme_{quantity}_{quadrant.letters}" for quantity in QUANTITIES for quadrant in QUADRANTS),
)
"""The columns of the table `neurons`, in order."""

_PLACE = {column: place for place, column in enumerate(COLUMNS)}


def quadrant_record(
    row: Row, quadrant: Quadrant, tokens_counted: int, examples: Mapping[str, tuple[Example, ...]]
) -> QuadrantRecord:
    """The statistics of one quadrant in a row of all COLUMNS; means rounded to float32, no negative zero."""
    letters = quadrant.letters
    count = row[_PLACE[f"count_{letters}"]]

    def each(kind: str) -> list[float]:
        return [row[_PLACE[f"{kind}_{quantity}_{letters}"]] for quantity in QUANTITIES]

    none = Quantities(None, None, None, None)
    return QuadrantRecord(
        quadrant=quadrant,
        count=count,
        frequency=count / tokens_counted if tokens_counted else 0.0,
        mean=Quantities(*(float32(total / count) for total in each("sum"))) if count else none,
        extreme=Quantities(*(value + 0.0 for value in each("extreme"))) if count else none,
        examples=examples,
    )


def flipped(row: Row) -> bool | None:
    """The flip bit of a row; None where the weights could not be read."""
    value = row[_PLACE["flipped"]]
    return None if value is None else bool(value)


def zero(row: Row) -> int:
    """Tokens whose gate or in is exactly 0."""
    count: int = row[_PLACE["zero"]]
    return count


def float32(value: float) -> float:
    """The nearest float32, without negative zero."""
    rounded: float = _FLOAT32.unpack(_FLOAT32.pack(value))[0]
    return rounded + 0.0
