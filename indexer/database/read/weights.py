"""Reads the numbers that an index keeps of its neurons' weights, under either signs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ...addresses import NeuronAddress
from ...quadrants import QUADRANTS, Quadrant, changes_sign
from ..format.columns import COLUMNS, COSINES
from ..format.kinds import ADDRESS, BLOB, FLAG, SHARE
from ..format.token_lists import flipped
from ..records import Cosines, Neighbour, NeuronWeights, Reads, SiteRecord, TokenScore, VocabularyScores
from .connection import Connection
from .inflate import DamagedValue
from .model_sites import ModelSites
from .signs import negate
from .texts import Texts
from .weight_lists import NEIGHBOUR_VECTORS, WeightLists, unpack_lists
from .wiring import Wirings, post_sign

_NARROW = ("cos_gate_in", "cos_in_out", "cos_gate_out", "norm_gate", "norm_in", "norm_out", "rw_class")
_SPREAD = ("vocab_mean", "vocab_std", "vocab_skew", "vocab_kurtosis", "null_share")
_HIGH_KURTOSIS = 10.0  # above it, a few tokens have much larger scores than the others


@dataclass(frozen=True, slots=True)
class _Lists:
    """The lists of a neuron under the requested signs, without texts."""

    tokens: tuple[tuple[tuple[int, float], ...], ...]
    neighbours: tuple[tuple[tuple[int, float], ...], ...]


class Weights:
    """The tables `weights`, `weight_lists` and `weight_sites` of an index; older indexes have none."""

    def __init__(self, connection: Connection, texts: Texts) -> None:
        self._connection = connection
        self._texts = texts
        self._model = ModelSites(connection)
        self._wirings = Wirings(connection, self._model)

    @cached_property
    def there(self) -> bool:
        """Whether the index has the tables."""
        return {"weights", "weight_lists", "weight_sites"} <= self._connection.tables

    def neuron(self, address: NeuronAddress, site: SiteRecord, *, aligned: bool) -> NeuronWeights | None:
        """The numbers of a neuron's weights; None if the index doesn't have them."""
        if not self.there:
            return None
        rows = self._connection.rows(
            f"SELECT {', '.join(_NARROW)}, n.flipped, l.lists FROM weights AS w JOIN neurons AS n ON n.id = w.neuron "
            "JOIN weight_lists AS l ON l.neuron = w.neuron WHERE w.neuron = ?",
            (*(COLUMNS[name].values for name in _NARROW), FLAG.or_null, BLOB),
            (site.first_neuron + address.index,),
        )
        if not rows:
            return None
        *row, negative, blob = rows[0]
        flip = aligned and bool(negative)
        numbers = dict(zip(_NARROW, row, strict=True))
        if None in (numbers["norm_gate"], numbers["norm_in"], numbers["norm_out"]):
            raise self._connection.damaged(f"{address}: a norm is missing")
        if flip:
            numbers |= {f"cos_{a}_{b}": negate(numbers[f"cos_{a}_{b}"]) for a, b in COSINES if changes_sign(a, b)}
        try:
            lists = _signed(unpack_lists(blob), flip=flip, aligned=aligned)
            promotes, suppresses, *reads = self._tokens(lists)
            nearest = self._neighbours(lists)
            wiring = self._wirings.neuron(address, site, flip=flip, aligned=aligned)
        except DamagedValue as error:
            raise self._connection.damaged(f"{address}: {error}") from error
        return NeuronWeights(
            neuron=address,
            signs="aligned" if aligned else "raw",
            **numbers,
            bands=self._bands.get(site.address.name, Cosines(None, None, None)),
            promotes=promotes,
            suppresses=suppresses,
            reads_gate=Reads(*reads[:2]),
            reads_in=Reads(*reads[2:]),
            nearest_out=nearest[0],
            nearest_in=nearest[1],
            vocabulary=self._vocabulary(address, site, flip=flip),
            wiring=wiring,
        )

    def _vocabulary(self, address: NeuronAddress, site: SiteRecord, *, flip: bool) -> VocabularyScores | None:
        if "vocabulary_scores" not in self._connection.tables:
            return None
        rows = self._connection.rows(
            f"SELECT {', '.join(_SPREAD)} FROM vocabulary_scores WHERE neuron = ?",
            tuple(COLUMNS[name].values for name in _SPREAD),
            (site.first_neuron + address.index,),
        )
        if not rows:
            return None
        mean, std, skew, kurtosis, null_share = rows[0]
        if flip:
            mean, skew = negate(mean), negate(skew)
        roles = _roles(site.activation, skew, kurtosis)
        return VocabularyScores(mean, std, skew, kurtosis, null_share, *roles)

    @cached_property
    def _bands(self) -> dict[str, Cosines]:
        rows = self._connection.rows(
            "SELECT name, band_gate_in, band_in_out, band_gate_out FROM weight_sites", (ADDRESS, *[SHARE.or_null] * 3)
        )
        return {name: Cosines(*bands) for name, *bands in rows}

    def _tokens(self, lists: _Lists) -> list[tuple[TokenScore, ...]]:
        self._texts.load({token for scores in lists.tokens for token, _ in scores})
        return [
            tuple([TokenScore(token, self._texts.alone(token), score) for token, score in scores])
            for scores in lists.tokens
        ]

    def _neighbours(self, lists: _Lists) -> list[tuple[Neighbour, ...]]:
        return [
            tuple([Neighbour(self._model.neuron(number), cosine) for number, cosine in neighbours])
            for neighbours in lists.neighbours
        ]


def _roles(
    activation: str, skew: float | None, kurtosis: float | None
) -> tuple[tuple[Quadrant, ...], tuple[Quadrant, ...]]:
    """The quadrants where a neuron predicts, and those where it suppresses: of skewed scores, by the sign of post."""
    if skew is None or kurtosis is None or kurtosis <= _HIGH_KURTOSIS:
        return (), ()
    along = [(post_sign(activation, quadrant) or 0) * skew for quadrant in QUADRANTS]
    pairs = list(zip(QUADRANTS, along, strict=True))
    return tuple([q for q, way in pairs if way > 0]), tuple([q for q, way in pairs if way < 0])


def _signed(lists: WeightLists, *, flip: bool, aligned: bool) -> _Lists:
    """The lists under the requested signs. If w_in and w_out are negated, promotes and suppresses swap, and so do the
    two ends of w_in's tokens. A cosine changes sign if exactly one of the two neurons is flipped."""
    tokens = [
        _negated(lists.tokens[flipped(place)]) if flip and flipped(place) != place else one
        for place, one in enumerate(lists.tokens)
    ]
    neighbours = [
        tuple(
            [
                (number, 0.0 - cosine if aligned and flip != theirs and changes_sign(vector) else cosine)
                for number, theirs, cosine in nearest
            ]
        )
        for vector, nearest in zip(NEIGHBOUR_VECTORS, lists.neighbours, strict=True)
    ]
    return _Lists(tuple(tokens), tuple(neighbours))


def _negated(scores: tuple[tuple[int, float], ...]) -> tuple[tuple[int, float], ...]:
    return tuple([(token, 0.0 - score) for token, score in scores])
