"""A neuron's alteration: from quadrants of the asked signs and `--to` to the raw quadrants and values of the model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from ...addresses import NeuronAddress
from ...database.reader import Index
from ...quadrants import Quadrant
from ...sequences.sequences import TokenSequence
from ...sites import Site
from ...sites.weights import gate_in_dot
from ..model import LiveModel
from .means import Means, TextMeans, indexed_means
from .request import Request
from .study import Study
from .variant import Edit


class Edits:
    """Makes the edits of a request."""

    def __init__(
        self, live: LiveModel, index: Index | None, request: Request, study: Study, sequences: Sequence[TokenSequence]
    ) -> None:
        """`sequences`: the text that means are of if there is no index."""
        self._names = live.names
        self._index, self._study, self._sequences = index, study, sequences
        self._to, self._signs = request.to, request.signs
        self._flips: dict[Site, npt.NDArray[np.bool_] | None] = {}
        self._means: dict[NeuronAddress, Means] = {}

    def edit(self, neuron: NeuronAddress, quadrants: frozenset[Quadrant]) -> Edit:
        """A neuron's alteration in quadrants of the asked signs; its means must have been looked up."""
        to = self._to
        raw = frozenset(quadrant.flipped if self.flipped(neuron) else quadrant for quadrant in quadrants)
        if to.mean:
            means = self._means[neuron]
            values = means.quadrants if to.name == "quadrant" else (means.all,) * 4
        else:
            values = (to.number or 0.0,) * 4
        return Edit(self._site(neuron), neuron.index, raw, values, to.factor)

    def _site(self, neuron: NeuronAddress) -> Site:
        return self._names[neuron.site.name]

    def flipped(self, neuron: NeuronAddress) -> bool:
        """Whether the asked signs are the raw ones with that of in turned."""
        if self._signs == "raw":
            return False
        site = self._site(neuron)
        if site not in self._flips:
            dots = gate_in_dot(site)
            self._flips[site] = None if dots is None else dots < 0
        flips = self._flips[site]
        return flips is not None and bool(flips[neuron.index])

    def look_up(self, neurons: Iterable[NeuronAddress]) -> None:
        """Find the means that the replacement asks for: in the index, else in the text."""
        new = set(neurons) - self._means.keys()
        if not self._to.mean or not new:
            return
        if self._index is not None:
            self._means |= {neuron: indexed_means(self._index, neuron) for neuron in new}
            return
        means = TextMeans((self._site(neuron), neuron.index) for neuron in sorted(new))
        study = self._study
        means.read(study.loaded, self._sequences, study.batch_tokens, count_first=study.count_first)
        self._means |= {neuron: means.of(self._site(neuron), neuron.index) for neuron in new}
