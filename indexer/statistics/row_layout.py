"""The order of rows in arrays that have a row for each quantity and quadrant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..quadrants import QUADRANTS, QUANTITIES, Quadrant, Quantity
from ..ranking import RANKINGS
from ..settings import Settings

QUANTITY_ROWS = len(QUANTITIES) * len(QUADRANTS)
"""Rows of sums and extremes: quantity * 4 + quadrant, in the order of QUANTITIES and QUADRANTS."""


def rows_of(quantity: Quantity) -> slice:
    """The rows of a quantity, one a quadrant."""
    first = quantity.place * len(QUADRANTS)
    return slice(first, first + len(QUADRANTS))


class RankingList(NamedTuple):
    """One list that every neuron keeps: a ranking in a quadrant."""

    ranking: str
    quadrant: Quadrant


def ranked_lists(settings: Settings) -> tuple[RankingList, ...]:
    """The lists of a neuron that are ordered by magnitude."""
    return _lists(settings, drawn=False)


def drawn_lists(settings: Settings) -> tuple[RankingList, ...]:
    """The lists of a neuron whose examples are drawn."""
    return _lists(settings, drawn=True)


def drawn_examples(settings: Settings) -> int:
    """Examples that a list of `drawn_lists` keeps."""
    return max((RANKINGS[name].k(settings.top_k) for name, _ in drawn_lists(settings)), default=1)


def _lists(settings: Settings, *, drawn: bool) -> tuple[RankingList, ...]:
    chosen = (RANKINGS[name] for name in settings.rank_by)
    return tuple(RankingList(one.name, quadrant) for one in chosen if one.drawn is drawn for quadrant in one.quadrants)


class RowLayout(NamedTuple):
    """The rows of a batch's largest magnitudes: measure * 4 + quadrant, then four of priorities in a draw.

    The measures are the quantities, and then the products of quantities that rankings ask for.
    """

    products: tuple[tuple[int, ...], ...]  # for each measure, the places of its quantities

    @classmethod
    def of(cls, rankings: Iterable[str]) -> RowLayout:
        """The layout with the products that some rankings order by."""
        asked = (RANKINGS[name] for name in rankings)
        factors = (tuple(factor.place for factor in one.factors) for one in asked if not one.drawn)
        return cls(tuple(dict.fromkeys(places for places in factors if len(places) > 1)))

    @property
    def measures(self) -> tuple[tuple[int, ...], ...]:
        """The places of the quantities that each measure multiplies."""
        return (*((quantity.place,) for quantity in QUANTITIES), *self.products)

    @property
    def priorities(self) -> int:
        """The first row of the priorities."""
        return len(self.measures) * len(QUADRANTS)

    @property
    def size(self) -> int:
        """How many rows there are."""
        return self.priorities + len(QUADRANTS)

    def row(self, which: RankingList) -> int:
        """The row that a list is ordered by."""
        ranking = RANKINGS[which.ranking]
        if ranking.drawn:
            return self.priorities + which.quadrant.place
        measure = self.measures.index(tuple(factor.place for factor in ranking.factors))
        return measure * len(QUADRANTS) + which.quadrant.place
