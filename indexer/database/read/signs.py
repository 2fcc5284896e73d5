"""The flip of a neuron's sign convention, as one pure function on records. `quadrants` has the rule."""

from __future__ import annotations

from dataclasses import replace

from ...quadrants import QUADRANTS, QUANTITIES, Quadrant
from ...ranking import RANKINGS
from ..records import Example, QuadrantRecord, Quantities


def negate(value: float | None) -> float | None:
    """The value with the other sign; zero stays 0.0."""
    return None if value is None else 0.0 - value


def aligned_quadrants(quadrants: dict[Quadrant, QuadrantRecord]) -> dict[Quadrant, QuadrantRecord]:
    """The quadrants of a flipped neuron as if w_in and w_out were negated, in the order of QUADRANTS.

    ++ and +- swap, -+ and -- swap; in and post change sign, gate and act do not. Its own inverse.
    """
    return {q: _quadrant(quadrants[q.flipped]) for q in QUADRANTS if q.flipped in quadrants}


def _quadrant(record: QuadrantRecord) -> QuadrantRecord:
    return replace(
        record,
        quadrant=record.quadrant.flipped,
        mean=_quantities(record.mean),
        extreme=_quantities(record.extreme),
        examples={ranking: tuple(map(aligned_example, examples)) for ranking, examples in record.examples.items()},
    )


def _quantities(values: Quantities) -> Quantities:
    return Quantities(*(negate(values[name]) if name.negated_by_flip else values[name] for name in QUANTITIES))


def aligned_example(example: Example) -> Example:
    """An example of a flipped neuron as if w_in and w_out were negated. Its own inverse."""
    gate, in_, act, post = (
        _negated(example.values(name)) if name.negated_by_flip else example.values(name) for name in QUANTITIES
    )
    value = 0.0 - example.value if RANKINGS[example.ranking].negated_by_flip else example.value
    return replace(example, value=value, gate=gate, in_=in_, act=act, post=post)


def _negated(values: tuple[float | None, ...]) -> tuple[float | None, ...]:
    return tuple([None if value is None else 0.0 - value for value in values])
