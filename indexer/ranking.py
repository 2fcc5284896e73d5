"""The rankings of a neuron's examples: everything that defines each is here.

To add a ranking by the magnitude of a quantity or of a product of quantities:
1. add an entry to RANKINGS, with a code that no index has used;
2. add a test that says what it ranks by (`tests/test_ranking.py` indexes, merges and reads with every entry by itself);
3. name it in docs/numbers.md, and its code in docs/schema.md.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import prod

from .quadrants import QUADRANTS, Quadrant, Quantity


class Order(Enum):
    """The order of a ranking's examples, and the tokens that a sequence offers to it."""

    MAGNITUDE = "magnitude"  # the largest |value| first; a sequence offers its most extreme token
    DRAW = "draw"  # the smallest seeded hash of the position first


@dataclass(frozen=True, slots=True)
class Ranking:
    """One way in which a neuron's examples are chosen and ordered, in each of its quadrants."""

    name: str
    code: int  # how a packed list names it on disk; never used again for another
    factors: tuple[Quantity, ...]  # an example's value is their product at the peak
    order: Order = Order.MAGNITUDE
    quadrants: tuple[Quadrant, ...] = QUADRANTS
    examples: int | None = None  # a quadrant; None: as many as --top-k says
    by_default: bool = False

    @property
    def drawn(self) -> bool:
        """Whether its examples are drawn, not ranked by their values."""
        return self.order is Order.DRAW

    @property
    def negated_by_flip(self) -> bool:
        """Whether the value of an example changes its sign when w_in and w_out are negated."""
        return sum(factor.negated_by_flip for factor in self.factors) % 2 == 1

    @property
    def shade(self) -> Quantity:
        """The quantity that colours its contexts."""
        return self.factors[0] if len(self.factors) == 1 else Quantity.POST

    def k(self, top_k: int) -> int:
        """Examples that it keeps a quadrant."""
        return top_k if self.examples is None else self.examples

    def value(self, at_peak: Sequence[float]) -> float:
        """An example's value, a float32, from the four quantities at its peak; never negative zero."""
        return array("f", [prod(at_peak[factor.place] for factor in self.factors)])[0] + 0.0


_GATE_NEGATIVE = (Quadrant.NP, Quadrant.NN)

RANKINGS = {
    ranking.name: ranking
    for ranking in (
        Ranking("post", 1, (Quantity.POST,), by_default=True),
        Ranking("gate", 2, (Quantity.GATE,), by_default=True),
        Ranking("in", 3, (Quantity.IN,), by_default=True),
        Ranking("act", 4, (Quantity.ACT,), quadrants=_GATE_NEGATIVE),
        Ranking("random", 5, (Quantity.POST,), Order.DRAW, examples=8, by_default=True),
    )
}
"""By name, in the order in which they are kept and shown."""

DEFAULT_RANKINGS = tuple(ranking.name for ranking in RANKINGS.values() if ranking.by_default)


def ranking_of_code(code: int) -> Ranking:
    """The ranking that a packed list names; KeyError for an unknown code."""
    for ranking in RANKINGS.values():
        if ranking.code == code:
            return ranking
    raise KeyError(code)


def list_code(ranking: str, quadrant: Quadrant) -> int:
    """The number by which postings identify a ranking in a quadrant."""
    return RANKINGS[ranking].code << 2 | quadrant.place


QUADRANT_BITS = 3
"""In such a number, the bits that hold the quadrant's place."""


def list_of_code(code: int) -> tuple[str, Quadrant]:
    """The ranking and quadrant of such a number; KeyError for an unknown one."""
    return ranking_of_code(code >> 2).name, QUADRANTS[code & QUADRANT_BITS]
