"""The narrow row of a neuron: its columns, and the records made of them. Raw signs."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from ...quadrants import QUADRANTS, QUANTITIES, Quadrant
from ..format.kinds import BITS, COUNT, FLAG, REAL, SINGLE
from ..records import Example, QuadrantRecord, Quantities
from .connection import Connection, Row
from .inflate import DamagedValue

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

_CELLS = len(QUANTITIES) * len(QUADRANTS)
KINDS = (
    *(COUNT, COUNT, COUNT, COUNT, FLAG.or_null, REAL.or_null, COUNT),
    *[COUNT] * len(QUADRANTS),
    *[REAL] * _CELLS,
    *[SINGLE.or_null] * _CELLS,
)
"""The kind of value in each of these columns."""

_PLACE = {column: place for place, column in enumerate(COLUMNS)}


def quadrant_record(
    row: Row,
    quadrant: Quadrant,
    tokens_counted: int,
    examples: Mapping[str, tuple[Example, ...]],
    peak_entropy: float | None,
) -> QuadrantRecord:
    """The statistics of one quadrant from a row of all COLUMNS; means are rounded to float32, without negative zero.

    DamagedValue if no quadrant can have them.
    """
    letters = quadrant.letters
    count = row[_PLACE[f"count_{letters}"]]
    if count > tokens_counted:
        raise DamagedValue(f"it was {count:,} times in {quadrant}, of {tokens_counted:,} tokens")

    def each(kind: str) -> list[float]:
        found = [row[_PLACE[f"{kind}_{quantity}_{letters}"]] for quantity in QUANTITIES]
        if None in found:
            raise DamagedValue(f"it has no {kind} in {quadrant}")
        return found

    none = Quantities(None, None, None, None)
    return QuadrantRecord(
        quadrant=quadrant,
        count=count,
        frequency=frequency(count, tokens_counted),
        mean=Quantities(*(float32(total / count) for total in each("sum"))) if count else none,
        extreme=Quantities(*(value + 0.0 for value in each("extreme"))) if count else none,
        examples=examples,
        peak_entropy=peak_entropy,
    )


def peak_entropies(connection: Connection, neuron: int) -> dict[Quadrant, float | None]:
    """The entropies of what the examples of each quadrant peak on, in bits; None where they are not kept. Raw signs."""
    names = [f"peak_entropy_{quadrant.letters}" for quadrant in QUADRANTS]
    if "peak_entropy" not in connection.tables:
        return dict.fromkeys(QUADRANTS)
    sql = f"SELECT {', '.join(names)} FROM peak_entropy WHERE neuron = ?"
    rows = connection.rows(sql, [BITS.or_null] * len(names), (neuron,))
    return dict(zip(QUADRANTS, rows[0] if rows else [None] * len(names), strict=True))


def frequency(count: int, tokens_counted: int) -> float | None:
    """The share of the positions that a site counted; None if it counted none, as an expert that no token reached."""
    return count / tokens_counted if tokens_counted else None


def flipped(row: Row) -> bool | None:
    """The flip bit of a row; None if the weights could not be read."""
    value = row[_PLACE["flipped"]]
    return None if value is None else bool(value)


def zero(row: Row) -> int:
    """Tokens whose gate or in is exactly 0."""
    count: int = row[_PLACE["zero"]]
    return count


def float32(value: float) -> float:
    """The nearest float32, without negative zero; DamagedValue if that is infinite."""
    try:
        rounded: float = _FLOAT32.unpack(_FLOAT32.pack(value))[0]
    except OverflowError as error:
        raise DamagedValue(f"a mean of {value}") from error
    return rounded + 0.0
