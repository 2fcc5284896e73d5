"""The flip bit: the dot product of the loaded gate and in weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from indexer.sites import find_sites
from indexer.sites.weights import gate_in_dot, site_weights
from tests.support.adapted import Adapted
from tests.support.tiny_models import FAMILIES, tiny_model


def dots_by_hand(mlp: Any) -> list[float]:
    """The dot products, one number at a time."""
    if hasattr(mlp, "gate_up_proj"):
        rows = mlp.gate_up_proj.weight.tolist()
        gate, in_ = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    else:
        gate, in_ = mlp.gate_proj.weight.tolist(), mlp.up_proj.weight.tolist()
    return [sum(a * b for a, b in zip(*rows, strict=True)) for rows in zip(gate, in_, strict=True)]


@pytest.mark.parametrize("family", FAMILIES)
def test_dot_products_equal_those_by_hand(family: str) -> None:
    model: Any = tiny_model(family)
    for number, site in enumerate(find_sites(model)):
        dots = gate_in_dot(site)
        assert dots is not None
        assert dots.dtype == np.float64
        assert dots.tolist() == pytest.approx(dots_by_hand(model.model.layers[number].mlp), rel=1e-12, abs=1e-12)
        assert 0 < (dots < 0).sum() < site.width


def test_more_neurons_than_a_block_are_all_there() -> None:
    model: Any = tiny_model("llama", intermediate_size=2500, num_hidden_layers=1)
    dots = gate_in_dot(find_sites(model)[0])
    assert dots is not None
    assert dots.tolist() == pytest.approx(dots_by_hand(model.model.layers[0].mlp), rel=1e-12, abs=1e-12)


def test_bfloat16_weights_are_multiplied_in_float64() -> None:
    model: Any = tiny_model("llama").to(torch.bfloat16)
    dots = gate_in_dot(find_sites(model)[0])
    assert dots is not None
    assert dots.tolist() == pytest.approx(dots_by_hand(model.model.layers[0].mlp), rel=1e-12, abs=1e-12)


def test_weights_are_given_one_neuron_a_row() -> None:
    model: Any = tiny_model("phi3")
    mlp = model.model.layers[0].mlp
    weights = site_weights(find_sites(model)[0])
    assert weights is not None
    assert torch.equal(weights.gate[5], mlp.gate_up_proj.weight[5])
    assert torch.equal(weights.in_[5], mlp.gate_up_proj.weight[24 + 5])
    assert torch.equal(weights.out[5], mlp.down_proj.weight[:, 5])


class Quantised(nn.Linear):
    """A linear map whose weight is not in its numbers."""


def test_weights_that_cannot_be_read_give_none() -> None:
    for unreadable in (
        lambda linear: Adapted(linear),
        lambda linear: Quantised(linear.in_features, linear.out_features, bias=False),
        lambda linear: linear.to("meta"),
        lambda linear: linear.to(torch.float8_e4m3fn),
    ):
        model: Any = tiny_model("llama")
        mlp = model.model.layers[0].mlp
        mlp.up_proj = unreadable(mlp.up_proj)
        assert gate_in_dot(find_sites(model)[0]) is None
