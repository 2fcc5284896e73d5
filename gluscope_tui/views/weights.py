"""The weights of a neuron, as a few lines for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from indexer.database.records import Cosines, Neighbour, NeuronWeights, Reads, TokenScore, VocabularyScores
from indexer.quadrants import QUADRANTS

from ..text.cells import flow
from .numbers import float32, signed
from .wiring import as_json as wiring_json
from .writes import in_a_row

_LABELS = ("promotes", "suppresses")
_LABEL_CELLS = 12


def class_of(weights: NeuronWeights) -> str:
    """The input-output class, or the reason for its absence."""
    return weights.rw_class or "no class: a vector is zero"


_SHORT = {
    "atypical": "atyp.",
    "conditional": "cond.",
    "strengthening": "stren.",
    "weakening": "weak.",
    "proportional": "prop.",
    "orthogonal": "orth.",
}


def short_class(rw_class: object) -> str:
    """A class in at most 18 cells, such as `atyp. cond. stren.`; "" for none."""
    return " ".join(_SHORT.get(word, word) for word in rw_class.split(" ")) if isinstance(rw_class, str) else ""


def cosines_of(weights: NeuronWeights) -> tuple[str, ...]:
    """The three cosines in words: `cos(gate, in) +0.164`, `cos(in, out) -0.628`, `cos(gate, out) +0.441`."""
    pairs = (
        ("gate, in", weights.cos_gate_in),
        ("in, out", weights.cos_in_out),
        ("gate, out", weights.cos_gate_out),
    )
    return tuple(f"cos({pair}) {signed(cosine)}" for pair, cosine in pairs)


def block(weights: NeuronWeights, width: int) -> Iterator[str]:
    """Class, cosines, and the tokens that it promotes and suppresses where post is positive, in `width` cells."""
    told = flow((class_of(weights), *cosines_of(weights)), width)
    yield from told if len(told) == 1 else (*flow((class_of(weights),), width), *flow(cosines_of(weights), width))
    for label, scores in zip(_LABELS, (weights.promotes, weights.suppresses), strict=True):
        if scores:
            row = in_a_row((score.text for score in scores), max(width - _LABEL_CELLS, 8))
            yield f"{label:<{_LABEL_CELLS}}{row}"


def as_json(weights: NeuronWeights | None) -> dict[str, Any] | None:
    """The JSON that docs/formats.md describes; None if the index has no weights of the neuron."""
    if weights is None:
        return None
    return {
        "rw_class": weights.rw_class,
        "cos": _cosines(Cosines(weights.cos_gate_in, weights.cos_in_out, weights.cos_gate_out)),
        "band": _cosines(weights.bands),
        "norm": {
            "gate": float32(weights.norm_gate),
            "in": float32(weights.norm_in),
            "out": float32(weights.norm_out),
        },
        "promotes": _tokens(weights.promotes),
        "suppresses": _tokens(weights.suppresses),
        "reads": {"gate": _reads(weights.reads_gate), "in": _reads(weights.reads_in)},
        "nearest": {"out": _neighbours(weights.nearest_out), "in": _neighbours(weights.nearest_in)},
        "wiring": wiring_json(weights.wiring),
        **_spread(weights.vocabulary),
    }


def _spread(scores: VocabularyScores | None) -> dict[str, Any]:
    """The spread of the scores over the vocabulary, and what follows; nulls if an older gluscope computed it."""
    names = ("mean", "std", "skew", "kurtosis")
    found = {f"vocab_{name}": None if scores is None else float32(getattr(scores, name)) for name in names}
    return {**found, "null_share": None if scores is None else float32(scores.null_share), "vocab_role": _roles(scores)}


def _roles(scores: VocabularyScores | None) -> dict[str, str | None] | None:
    """What the scores make of it in each quadrant."""
    if scores is None:
        return None
    predicts = dict.fromkeys(scores.predicts, "prediction")
    found = {**predicts, **dict.fromkeys(scores.suppresses, "suppression")}
    return {quadrant.value: found.get(quadrant) for quadrant in QUADRANTS}


def roles_in_words(scores: VocabularyScores | None) -> str:
    """Where it is a prediction neuron, and where a suppression neuron: `predicts in ++ --, suppresses in +- -+`."""
    roles = () if scores is None else (("predicts", scores.predicts), ("suppresses", scores.suppresses))
    return ", ".join(f"{does} in {' '.join(q.value for q in quadrants)}" for does, quadrants in roles if quadrants)


def _cosines(cosines: Cosines) -> dict[str, float | None]:
    return {
        "gate_in": float32(cosines.gate_in),
        "in_out": float32(cosines.in_out),
        "gate_out": float32(cosines.gate_out),
    }


def _reads(reads: Reads) -> dict[str, list[dict[str, Any]]]:
    return {"nearest": _tokens(reads.nearest), "farthest": _tokens(reads.farthest)}


def _tokens(scores: Iterable[TokenScore]) -> list[dict[str, Any]]:
    return [{"token": one.token, "text": one.text, "score": float32(one.score)} for one in scores]


def _neighbours(neighbours: Iterable[Neighbour]) -> list[dict[str, Any]]:
    return [{"neuron": one.neuron.name, "cosine": float32(one.cosine)} for one in neighbours]
