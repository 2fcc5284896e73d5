"""The tolerances that rounding requires for an index's values."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from indexer.database.records import Example, NeuronRecord, QuadrantRecord
from indexer.settings import Settings

from . import naive

Floats = npt.NDArray[np.float64]
ROUNDING = 2e-5


class Values:
    """The values of a neuron by plain transformers: arrays over all counted positions of all sequences."""

    def __init__(self, sequences: list[naive.Computed], neuron: int, rounding: float = ROUNDING) -> None:
        self.neuron = neuron  # its column
        self.of = {
            name: np.array([s.value(name, t, neuron) for s in sequences for t in range(1, len(s.ids))])
            for name in naive.QUANTITIES
        }
        self.slack = {name: rounding * max(np.abs(values).max(), 1e-3) for name, values in self.of.items()}
        self.places = [(s.document, s.part, t) for s in sequences for t in range(1, len(s.ids))]
        self.row = {place: row for row, place in enumerate(self.places)}
        self.sequence = np.array([place[0] * 1000 + place[1] for place in self.places])

    def inside(self, quadrant: str) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Which positions lie in a quadrant however they are rounded, and which may."""
        gate, in_ = (self.of[name] * naive.SIGNS[quadrant][i] for i, name in enumerate(("gate", "in")))
        surely = (gate > self.slack["gate"]) & (in_ > self.slack["in"])
        maybe = (gate >= -self.slack["gate"]) & (in_ >= -self.slack["in"])
        return surely, maybe

    def compare(self, record: NeuronRecord, settings: Settings) -> None:
        assert record.tokens_counted == len(self.places)
        assert record.zero + sum(found.count for found in record.quadrants.values()) == len(self.places)
        for name, found in record.quadrants.items():
            surely, maybe = self.inside(name.value)
            assert surely.sum() <= found.count <= maybe.sum()
            for quantity in naive.QUANTITIES:
                self.compare_numbers(found, quantity, surely, maybe)
            for ranking, examples in found.examples.items():
                self.compare_list(ranking, examples, surely, maybe, settings)

    def compare_numbers(
        self, found: QuadrantRecord, quantity: str, surely: npt.NDArray[np.bool_], maybe: npt.NDArray[np.bool_]
    ) -> None:
        extreme, mean, slack = found.extreme[quantity], found.mean[quantity], self.slack[quantity]
        if extreme is None or mean is None:
            assert found.count == 0
            return
        values = self.of[quantity]
        assert np.abs(values[maybe] - extreme).min() <= slack
        assert abs(extreme) >= np.abs(values[surely]).max(initial=0.0) - slack
        edge = np.abs(values[maybe & ~surely]).sum()
        assert abs(mean * found.count - values[surely].sum()) <= edge + found.count * slack

    def compare_list(
        self,
        ranking: str,
        examples: tuple[Example, ...],
        surely: npt.NDArray[np.bool_],
        maybe: npt.NDArray[np.bool_],
        settings: Settings,
    ) -> None:
        drawn = ranking == "random"  # of all positions; the others take the most extreme of each sequence
        if not drawn:
            assert max(Counter((e.document, e.part) for e in examples).values(), default=1) == 1
        key = self.keys(ranking, settings)
        slack = 0.0 if drawn else self.slack[ranking]
        listed = []
        for example in examples:
            row = self.row[example.document, example.part, example.position]
            assert maybe[row]
            self.compare_window(example)
            own = surely & (self.sequence == self.sequence[row])
            assert drawn or key[row] >= key[own].max(initial=-np.inf) - 2 * slack  # its sequence offers nothing better
            listed.append(key[row])
        assert all(one >= other - 2 * slack for one, other in pairwise(listed))
        if settings.duplicates == "fold":
            return  # near ties in a sequence may choose positions that fold differently
        best = key[surely] if drawn else [key[surely & (self.sequence == s)].max() for s in set(self.sequence[surely])]
        offers = sorted(best, reverse=True)
        size = 8 if drawn else settings.top_k
        for one, other in zip(listed, offers[:size], strict=False):
            assert one >= other - 2 * slack  # nothing better is missing
        assert len(listed) >= min(size, len(offers))

    def keys(self, ranking: str, settings: Settings) -> Floats:
        """The values by which a ranking orders positions, the largest first."""
        if ranking == "random":
            return np.array([-float(naive.position_hash(settings.seed, *place)) for place in self.places])
        magnitude: Floats = np.abs(self.of[ranking])
        return magnitude

    def compare_window(self, example: Example) -> None:
        start = example.position - example.peak
        rows = [self.row.get((example.document, example.part, start + i)) for i in range(len(example.tokens))]
        counted = [row for row in rows if row is not None]
        for quantity in ("gate", "in", "post"):
            scale = np.abs(self.of[quantity][counted]).max()
            for row, value in zip(rows, example.values(quantity), strict=True):
                if row is None or value is None:
                    assert row is value is None
                    continue
                exact = float(self.of[quantity][row])
                assert abs(value - exact) <= 0.005 * scale + self.slack[quantity]
                assert np.sign(value) == np.sign(exact) or abs(exact) <= self.slack[quantity]


"""The allowed error of a value, as a share of the largest of its quantity: float32 through two layers."""
