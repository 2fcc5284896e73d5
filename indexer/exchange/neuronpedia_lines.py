"""The lines of Neuronpedia's features and activations for one neuron in one quadrant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..database.read.sampled import split
from ..database.records import Example, NeuronRecord, NeuronWeights, QuadrantRecord, Sample, TokenScore
from ..quadrants import Quadrant

_BARS = 40
_EMPTY_LISTS = (
    "vector", "neuron_alignment_indices", "neuron_alignment_values", "neuron_alignment_l1",
    "correlated_neurons_indices", "correlated_neurons_pearson", "correlated_neurons_l1", "correlated_features_indices",
    "correlated_features_pearson", "correlated_features_l1", "logits_hist_data_bar_heights",
    "logits_hist_data_bar_values",
)  # fmt: skip
"""Lists of a feature that an index knows nothing of."""


def feature_line(record: NeuronRecord, quadrant: Quadrant, head: Mapping[str, str]) -> dict[str, Any]:
    """A neuron in a quadrant as a feature: how often, how large, the tokens it promotes and suppresses there."""
    found = record.quadrants[quadrant]
    promoted, suppressed = _written(found, record.weights)
    heights, values = _histogram(record.sample, quadrant)
    nearest = () if record.weights is None else record.weights.nearest_out
    beside = [near for near in nearest if near.neuron.site == record.neuron.site]
    return {
        **head,
        "index": str(record.neuron.index),
        "maxActApprox": abs(found.extreme.post or 0.0),
        "frac_nonzero": found.frequency or 0.0,
        "pos_str": [text for text, _ in promoted],
        "pos_values": [score for _, score in promoted],
        "neg_str": [text for text, _ in suppressed],
        "neg_values": [score for _, score in suppressed],
        "topkCosSimIndices": [near.neuron.index for near in beside],
        "topkCosSimValues": [near.cosine for near in beside],
        "freq_hist_data_bar_heights": heights,
        "freq_hist_data_bar_values": values,
        **{name: [] for name in _EMPTY_LISTS},
        "hasVector": False,
    }


def activation_lines(
    record: NeuronRecord, quadrant: Quadrant, head: Mapping[str, str], *, creator: str
) -> Iterator[dict[str, Any]]:
    """A line for each different context of the quadrant: |post| at its tokens there, 0 at the others."""
    seen: set[tuple[int, int, int]] = set()
    for examples in record.quadrants[quadrant].examples.values():
        for example in examples:
            place = (example.document, example.part, example.position)
            if place in seen:
                continue
            seen.add(place)
            values = list(_magnitudes(example, quadrant))
            largest = max(range(len(values)), key=values.__getitem__)
            yield {
                "id": "-".join((head["modelId"], head["layer"], str(record.neuron.index), *map(str, place))),
                **head,
                "index": str(record.neuron.index),
                "tokens": list(example.tokens),
                "values": values,
                "maxValue": values[largest],
                "maxValueTokenIndex": largest,
                "minValue": min(values),
                "dataSource": example.source,
                "dataIndex": str(example.document),
                "creatorId": creator,
            }


def _magnitudes(example: Example, quadrant: Quadrant) -> Iterator[float]:
    for gate, in_, post in zip(example.gate, example.in_, example.post, strict=True):
        inside = gate is not None and in_ is not None and gate * quadrant.gate_sign > 0 and in_ * quadrant.in_sign > 0
        yield abs(post) if inside and post is not None else 0.0


def _written(
    found: QuadrantRecord, weights: NeuronWeights | None
) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
    """The tokens promoted and suppressed in the quadrant: where post is negative, those of w_out change places."""
    post = found.extreme.post
    if weights is None or not post:
        return [], []
    sign = 1 if post > 0 else -1
    up, down = (weights.promotes, weights.suppresses)[::sign]
    return _scores(up, sign), _scores(down, sign)


def _scores(tokens: tuple[TokenScore, ...], sign: int) -> list[tuple[str, float]]:
    return [(token.text, sign * token.score) for token in tokens]


def _histogram(sample: Sample | None, quadrant: Quadrant) -> tuple[list[int], list[float]]:
    """How many sampled positions of the quadrant have |post| in each of _BARS bars, and the middle of each bar."""
    if sample is None:
        return [], []
    values = [abs(post) for post in split(sample)[quadrant].post if post]
    if not values:
        return [], []
    width = max(values) / _BARS
    heights = [0] * _BARS
    for value in values:
        heights[min(int(value / width), _BARS - 1)] += 1
    return heights, [(bar + 0.5) * width for bar in range(_BARS)]
