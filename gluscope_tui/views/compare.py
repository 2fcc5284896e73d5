"""Two neurons of an index side by side, or one neuron in two indexes: what differs and what they share. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

from indexer.addresses import NeuronAddress
from indexer.database.records import Example, Neighbour, NeuronRecord, NeuronWeights, TokenScore, Wire
from indexer.quadrants import QUADRANTS, QUANTITIES, Quadrant

from .correlation import pearson

ROUNDING = 1 / 65_534
"""The most by which a listed cosine was rounded."""


@dataclass(frozen=True, slots=True)
class PairCosine:
    """The cosine of a vector of one neuron with a vector of the other, as far as the index tells.

    `cosine` is None if neither neuron lists the other. Its magnitude is then at most `at_most`; None: nothing is known.
    If one of the two vectors is "out", that neuron feeds the other, which lies in a later layer.
    """

    one: str  # "gate", "in" or "out"
    other: str
    cosine: float | None
    at_most: float | None


@dataclass(frozen=True, slots=True)
class SharedTokens:
    """The tokens of two lists: in both, only in the first, only in the second; each in the order of its list."""

    both: tuple[TokenScore, ...]
    one: tuple[TokenScore, ...]
    other: tuple[TokenScore, ...]


@dataclass(frozen=True, slots=True)
class SharedContext:
    """A window of the corpus in which both neurons peak: the example of each, and how far apart the peaks are."""

    one: Example
    one_quadrant: Quadrant
    other: Example
    other_quadrant: Quadrant

    @property
    def distance(self) -> int:
        """Tokens from the first neuron's peak to the second's; negative: the second's comes before."""
        return self.other.position - self.one.position


@dataclass(frozen=True, slots=True)
class Difference:
    """How a frequency differs, second less first, in percentage points, and the standard error of that, if known.

    It is not known of two neurons of an index, whose tokens are the same ones, and where each index visits the quadrant
    never or always.
    """

    points: float | None
    error: float | None


@dataclass(frozen=True)
class Compared:
    """Two records under the same signs.

    `names`: what to call them. `same_index`: both are of one index, so that positions and weights can be compared.
    `not_shared`: why contexts can't be compared, "" if they can. `same_sample`: both samples are of the same positions.
    `remarks`: what else makes two indexes differ.
    """

    one: NeuronRecord
    other: NeuronRecord
    names: tuple[str, str]
    ranking: str
    same_index: bool = True
    not_shared: str = ""
    same_sample: bool = True
    exact: Mapping[tuple[str, str], float | None] | None = None  # cosines from the model's weights, under these signs
    remarks: tuple[str, ...] = ()

    @property
    def records(self) -> tuple[NeuronRecord, NeuronRecord]:
        return self.one, self.other

    def examples(self, quadrant: Quadrant) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
        """The contexts of each in a quadrant."""
        one, other = (
            record.quadrants[quadrant].examples.get(self.ranking, ()) if quadrant in record.quadrants else ()
            for record in self.records
        )
        return one, other

    def difference(self, quadrant: Quadrant) -> Difference:
        """How the frequency of a quadrant differs."""
        one, other = (record.quadrants[quadrant].frequency for record in self.records)
        if one is None or other is None:
            return Difference(None, None)
        points = 100 * (other - one)
        if self.same_index:
            return Difference(points, None)
        variance = one * (1 - one) / self.one.tokens_counted + other * (1 - other) / self.other.tokens_counted
        return Difference(points, 100 * math.sqrt(variance) if variance else None)

    @cached_property
    def cosines(self) -> tuple[PairCosine, ...]:
        """The cosines of like vectors, then those of what one writes with what the other, in a later layer, reads."""
        if self.exact is not None:
            return tuple(PairCosine(one, other, cosine, None) for (one, other), cosine in self.exact.items())
        return tuple(pair_cosines(self.one.weights, self.other.weights)) if self.same_index else ()

    @cached_property
    def shared(self) -> tuple[SharedContext, ...]:
        """The contexts in which both peak, those with the nearest peaks first."""
        return () if self.not_shared else shared_contexts(self)

    def correlation(self, quantity: str) -> float | None:
        """Pearson's coefficient of a quantity over the sampled positions; None without common positions."""
        one, other = self.one.sample, self.other.sample
        if not self.same_sample or one is None or other is None or len(one) != len(other):
            return None
        return pearson(one[quantity], other[quantity])

    @property
    def sampled(self) -> int:
        """How many positions the correlations are of."""
        return 0 if self.one.sample is None or not self.same_sample else len(self.one.sample)

    @property
    def flipped_in_one(self) -> bool:
        """Whether alignment flips the neuron in one of two indexes only, so that its quadrants have other names."""
        one, other = self.one, self.other
        return not self.same_index and one.signs == "aligned" and bool(one.flipped) != bool(other.flipped)


def pair_cosines(one: NeuronWeights | None, other: NeuronWeights | None) -> Iterator[PairCosine]:
    """What two neurons of a model list of each other; nothing without weights."""
    if one is None or other is None:
        return
    yield PairCosine("gate", "gate", None, None)
    yield _listed("in", one, one.nearest_in, other, other.nearest_in)
    yield _listed("out", one, one.nearest_out, other, other.nearest_out)
    layers = one.neuron.site.layer, other.neuron.site.layer
    if one.neuron.site.stack != other.neuron.site.stack or layers[0] == layers[1]:
        return
    writer, reader = (one, other) if layers[0] < layers[1] else (other, one)
    for vector in ("gate", "in"):
        found = _wired(writer, reader, vector)
        yield found if writer is one else PairCosine(found.other, found.one, found.cosine, found.at_most)


def _listed(
    vector: str,
    one: NeuronWeights,
    of_one: Sequence[Neighbour],
    other: NeuronWeights,
    of_other: Sequence[Neighbour],
) -> PairCosine:
    """The cosine of like vectors: from the lists of nearest neurons, which hold the largest magnitudes."""
    if one.neuron.site.stack != other.neuron.site.stack:
        return PairCosine(vector, vector, None, None)  # two stacks may have spaces of their own
    sides = ((of_one, other.neuron), (of_other, one.neuron))
    return PairCosine(vector, vector, *_among(sides))


def _wired(writer: NeuronWeights, reader: NeuronWeights, vector: str) -> PairCosine:
    """The cosine of what one neuron writes with w_gate or w_in of one in a later layer."""
    if writer.wiring is None or reader.wiring is None:
        return PairCosine("out", vector, None, None)
    sides = ((writer.wiring[f"feeds_{vector}"], reader.neuron), (reader.wiring[f"fed_{vector}"], writer.neuron))
    return PairCosine("out", vector, *_among(sides))


def _among(
    sides: Iterable[tuple[Sequence[Neighbour] | Sequence[Wire], NeuronAddress]],
) -> tuple[float | None, float | None]:
    """The cosine of the neuron wanted in one of the lists; if it is in none, the magnitude that it can't exceed."""
    least = []
    for found, wanted in sides:
        for neighbour in found:
            if neighbour.neuron == wanted:
                return neighbour.cosine, None
        if found:
            least.append(abs(found[-1].cosine))
    return None, min(1.0, min(least) + ROUNDING) if len(least) == 2 else None


def shared_tokens(one: Sequence[TokenScore], other: Sequence[TokenScore]) -> SharedTokens:
    """Two lists of tokens compared."""
    in_one, in_other = ({score.token for score in scores} for scores in (one, other))
    return SharedTokens(
        tuple(score for score in one if score.token in in_other),
        tuple(score for score in one if score.token not in in_other),
        tuple(score for score in other if score.token not in in_one),
    )


def shared_contexts(compared: Compared) -> tuple[SharedContext, ...]:
    """The pairs of examples of which one's window holds the other's peak."""
    places: list[Mapping[tuple[int, int], list[tuple[Quadrant, Example]]]] = []
    for side in range(2):
        found: dict[tuple[int, int], list[tuple[Quadrant, Example]]] = {}
        for quadrant in QUADRANTS:
            for example in compared.examples(quadrant)[side]:
                found.setdefault((example.document, example.part), []).append((quadrant, example))
        places.append(found)
    pairs = [
        SharedContext(one, quadrant, other, other_quadrant)
        for place in places[0].keys() & places[1].keys()
        for (quadrant, one), (other_quadrant, other) in product(places[0][place], places[1][place])
        if _holds(one, other) or _holds(other, one)
    ]
    return tuple(sorted(pairs, key=_order))


def _holds(one: Example, other: Example) -> bool:
    """Whether a window holds the other example's peak."""
    return 0 <= other.position - one.position + one.peak < len(one.tokens)


def _order(pair: SharedContext) -> tuple[int, int, int, int, int, str]:
    one, other = pair.one, pair.other
    return (
        abs(pair.distance), one.rank + other.rank, one.document, one.part, one.position,
        f"{pair.one_quadrant}{pair.other_quadrant}",
    )  # fmt: skip


def turned(compared: Compared) -> Compared:
    """The same comparison with its two sides exchanged."""
    exact = compared.exact and {(other, one): cosine for (one, other), cosine in compared.exact.items()}
    return replace(compared, one=compared.other, other=compared.one, names=compared.names[::-1], exact=exact)


CORRELATED = tuple(quantity.value for quantity in QUANTITIES if quantity.value != "act")
"""The quantities whose correlation is told: act follows from gate."""
