"""The joint density of gate and in as a vector picture inside a page."""

from __future__ import annotations

import math
from dataclasses import dataclass

from indexer.database.read.sampled import split
from indexer.database.records import Sample
from indexer.quadrants import QUADRANTS

from ..bins import density
from ..density import level
from ..numbers import full_count, signed

HALF = 20  # bins on each side of 0
_SHADES = 5
_FAINTEST, _STRONGEST = 5, 16  # steps of the ramp: one position, and the fullest bin


@dataclass(frozen=True, slots=True)
class Drawing:
    """Paths by the class of their colour, in a square of 2 * HALF on each side, and the ends of the axes."""

    paths: tuple[tuple[str, str], ...]  # class, the path's data
    gate_end: str
    in_end: str
    counted: tuple[str, ...]  # sampled positions of each quadrant
    note: str


def drawing(sample: Sample) -> Drawing | None:
    """The picture of a sample, + of gate above and + of in on the left, as the panes lie; None without positions."""
    found = density(sample, HALF, HALF)
    if found is None:
        return None
    inside = split(sample)
    hues = ["n" if sum(inside[quadrant].post) < 0 else "p" for quadrant in QUADRANTS]
    paths: dict[str, list[str]] = {}
    for row, counts in enumerate(found.counts):
        for column, count in enumerate(counts):
            if count:
                hue = hues[(0 if row < HALF else 2) + (0 if column < HALF else 1)]
                paths.setdefault(f"{hue}{_step(count, found.largest)}", []).append(f"M{column} {row}.5h1")
    zero = len(sample) - sum(found.of_gate())
    where = f"{full_count(len(sample))} sampled positions" + (f", {full_count(zero)} in no quadrant" if zero else "")
    bends = f"asinh axes, about linear up to gate {found.gate.linear:.2g} and in {found.in_.linear:.2g}"
    return Drawing(
        tuple((name, "".join(data)) for name, data in sorted(paths.items())),
        signed(found.gate.end),
        signed(found.in_.end),
        tuple(full_count(len(inside[quadrant])) for quadrant in QUADRANTS),
        f"{where}; the fullest cell has {full_count(found.largest)}; {bends}",
    )


def _step(count: int, largest: int) -> int:
    up = (level(count, largest, _SHADES) - 1) / (_SHADES - 1)
    return math.floor(_FAINTEST + up * (_STRONGEST - _FAINTEST) + 0.5)
