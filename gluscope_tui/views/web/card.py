"""The card of a neuron as rows of a page: class, cosines, the tokens that it writes and reads, its nearest neurons."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass

from indexer.database.records import WIRING_LISTS, Neighbour, NeuronWeights, TokenScore, VocabularyScores, Wire

from ..numbers import signed
from ..weights import class_of
from ..writes import bare

_WIRES = {
    "fed_gate": "gate fed by",
    "fed_in": "in fed by",
    "feeds_gate": "feeds gate of",
    "feeds_in": "feeds in of",
}


@dataclass(frozen=True, slots=True)
class Cosine:
    """A cosine of two of the neuron's vectors, with the magnitude that chance reaches. `turns`: a flip negates it."""

    pair: str
    value: str
    chance: str
    turns: bool


@dataclass(frozen=True, slots=True)
class Scored:
    """A word or a neuron with its number; `page`: the file of its page, "" if there is none. `turns`: undoing the
    neuron's flip negates the number."""

    text: str
    score: str
    turns: bool = False
    page: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A list of the card. `partner`: the label it has if the neuron's flip is undone."""

    label: str
    items: tuple[Scored, ...]
    partner: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """All that a page says of the weights."""

    rw_class: str
    cosines: tuple[Cosine, ...]
    norms: str
    rows: tuple[Row, ...]


def card(weights: NeuronWeights, turned: NeuronWeights | None, pages: Set[str]) -> Card:
    """The card; `turned`: the weights under the other signs; `pages`: the neurons that have a page beside this one."""
    other = turned or weights
    bands = weights.bands
    cosines = (
        ("gate, in", weights.cos_gate_in, bands.gate_in, True),
        ("in, out", weights.cos_in_out, bands.in_out, False),
        ("gate, out", weights.cos_gate_out, bands.gate_out, True),
    )
    norms = (("gate", weights.norm_gate), ("in", weights.norm_in), ("out", weights.norm_out))
    rows = (
        Row("promotes", _tokens(weights.promotes, turns=True), "suppresses"),
        Row("suppresses", _tokens(weights.suppresses, turns=True), "promotes"),
        Row("gate reads", _tokens(weights.reads_gate.nearest)),
        Row("gate reads against", _tokens(weights.reads_gate.farthest)),
        Row("in reads", _tokens(weights.reads_in.nearest, turns=True), "in reads against"),
        Row("in reads against", _tokens(weights.reads_in.farthest, turns=True), "in reads"),
        Row("nearest by w_out", _neurons(weights.nearest_out, other.nearest_out, pages)),
        Row("nearest by w_in", _neurons(weights.nearest_in, other.nearest_in, pages)),
        Row("scores of all tokens", _scores(weights.vocabulary)),
        *_roles(weights.vocabulary),
        *(
            Row(_WIRES[name], _neurons(weights.wiring[name], (other.wiring or weights.wiring)[name], pages))
            for name in (WIRING_LISTS if weights.wiring is not None else ())
            if weights.wiring is not None
        ),
    )
    return Card(
        rw_class=class_of(weights),
        cosines=tuple(
            Cosine(f"cos({pair})", signed(value), "" if band is None else f"±{band:.3f}", turns)
            for pair, value, band, turns in cosines
        ),
        norms=", ".join(f"{name} {signed(norm).removeprefix('+')}" for name, norm in norms),
        rows=tuple(row for row in rows if row.items),
    )


def _tokens(scores: Iterable[TokenScore], *, turns: bool = False) -> tuple[Scored, ...]:
    return tuple(Scored(bare(score.text), signed(score.score), turns) for score in scores)


def _scores(found: VocabularyScores | None) -> tuple[Scored, ...]:
    """How the scores of all tokens are spread, as far as it is known."""
    if found is None:
        return ()
    numbers = (
        ("mean", found.mean, True),
        ("std", found.std, False),
        ("skew", found.skew, True),
        ("kurtosis", found.kurtosis, False),
        ("null share", found.null_share, False),
    )
    return tuple(Scored(name, signed(number), turns) for name, number, turns in numbers if number is not None)


def _roles(found: VocabularyScores | None) -> tuple[Row, ...]:
    """The quadrants in which it predicts and suppresses, which change places if the neuron's flip is undone."""
    labels = ("a prediction neuron in", "a suppression neuron in")
    quadrants = ((), ()) if found is None else (found.predicts, found.suppresses)
    return tuple(
        Row(label, tuple(Scored(quadrant.value, "") for quadrant in own), partner)
        for label, own, partner in zip(labels, quadrants, labels[::-1], strict=True)
    )


def _neurons(
    neighbours: Iterable[Neighbour | Wire], under_other_signs: Iterable[Neighbour | Wire], pages: Set[str]
) -> tuple[Scored, ...]:
    """The nearest neurons. Whether a cosine changes its sign depends on the flip of the other neuron too."""
    others = {near.neuron: near.cosine for near in under_other_signs}
    return tuple(
        Scored(
            near.neuron.name,
            signed(near.cosine),
            turns=near.cosine * others.get(near.neuron, near.cosine) < 0,
            page=f"{near.neuron.name}.html" if near.neuron.name in pages else "",
        )
        for near in neighbours
    )
