"""Every class of routed experts that transformers has, tiny: what is captured is what plain arithmetic gives."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from indexer.capture.expert_proof import prove_expert_forms, prove_experts
from indexer.capture.experts import capture_experts
from indexer.capture.routed import Routed
from indexer.models.grouped_experts import run_what_does_not_fit
from indexer.sites import find_sites
from indexer.sites.experts import ExpertLayer, ExpertSite, expert_layers

from ..support.plain_experts import Row, output, plain_rows
from ..support.tiny_experts import CLASSES, tiny_mixture

EVERY = 1 if os.environ.get("GLUSCOPE_ALL_CLASSES") else 6
"""Without GLUSCOPE_ALL_CLASSES in the environment every sixth class is tried, and those with a form of their own."""

ODD = ("GptOss", "OpenAIPrivacy", "MiniMaxM3", "DeepseekV4", "Glm5Next", "HYV4", "Beam", "Inkling2", "Zaya", "Aria")
CHOSEN = [name for place, name in enumerate(CLASSES) if place % EVERY == 0 or name.startswith(ODD)]


class Entered(NamedTuple):
    """The input and output of a module of experts."""

    hidden: Tensor  # token d_model
    choice: Tensor  # token choice
    weights: Tensor  # token choice
    given: Tensor  # token d_model


def run(model: Any, layers: tuple[ExpertLayer, ...]) -> dict[str, Entered]:
    """The model as the library runs it, with plain hooks on its experts."""
    seen: dict[str, Entered] = {}

    def hook(name: str) -> Any:
        return lambda _module, args, given: seen.__setitem__(name, Entered(args[0], args[1], args[2], given))

    handles = [layer.module.register_forward_hook(hook(layer.name)) for layer in layers]
    forward(model)
    for handle in handles:
        handle.remove()
    return seen


def forward(model: Any) -> Tensor:
    ids = torch.randint(3, 300, (2, 9), generator=torch.Generator().manual_seed(1))  # batch position
    with torch.no_grad():
        last: Tensor = model(input_ids=ids, use_cache=False).last_hidden_state
    return last


@pytest.mark.slow
@pytest.mark.parametrize("config_class", CHOSEN)
def test_what_is_captured_of_experts_is_what_plain_arithmetic_gives(config_class: str) -> None:
    demand_plain(tiny_mixture(config_class))


@pytest.mark.slow
@pytest.mark.parametrize("config_class", ["MixtralConfig", "GptOssConfig"])
def test_experts_of_widths_that_no_grouped_product_takes_are_run_and_read_too(config_class: str) -> None:
    model = tiny_mixture(config_class, intermediate_size=13)
    model.set_experts_implementation("eager")
    expected = forward(model)
    assert run_what_does_not_fit(model) is not None
    torch.testing.assert_close(forward(model), expected, rtol=1e-4, atol=1e-5)
    demand_plain(model)
    assert run_what_does_not_fit(tiny_mixture(config_class)) is None


def demand_plain(model: Any) -> None:
    """The values captured from a model's experts equal plain arithmetic, and the model isn't changed."""
    layers = expert_layers(find_sites(model))
    assert layers
    entered, captured = run(model, layers), {}
    errors = {}

    def observe(layer: ExpertLayer, routed: Routed) -> None:
        captured[layer.name] = routed
        errors[layer.name] = prove_experts(layer, routed)

    prove_expert_forms(layers)
    untouched = forward(model)
    with capture_experts(layers, observe):
        torch.testing.assert_close(forward(model), untouched)
    assert torch.equal(forward(model), untouched)
    assert set(errors.values()) == {0.0}
    for layer in layers:
        hidden, index, weights, given = entered[layer.name]
        rows = list(plain_rows(layer.module, hidden, index, weights))
        compare(captured[layer.name], {(row.expert, row.token): row for row in rows})
        torch.testing.assert_close(output(layer.module, rows, hidden), given, rtol=1e-4, atol=1e-5)


def compare(routed: Routed, rows: dict[tuple[int, int], Row]) -> None:
    """Each row that reached its expert is one of those expected, and all of them are there."""
    places = list(zip(routed.expert.tolist(), routed.token.tolist(), strict=True))
    reached = [row for row, yes in enumerate(routed.reached.tolist()) if yes]
    assert {places[row] for row in reached} == set(rows)
    for row in reached:
        for name in ("gate", "in_", "act", "post"):
            found, expected = getattr(routed, name)[row], getattr(rows[places[row]], name)
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("config_class", CHOSEN)
def test_the_weights_of_an_expert_give_its_gate(config_class: str) -> None:
    model = tiny_mixture(config_class)
    sites = [site for site in find_sites(model) if isinstance(site, ExpertSite)]
    entered = run(model, expert_layers(sites))
    site = sites[1]
    hidden, index, weights, _ = entered[site.experts.name]
    matrices = site.experts.matrices(site.expert)
    assert matrices is not None
    held: Any = site.module
    for row in plain_rows(held, hidden, index, weights):
        if row.expert == site.expert:
            bias = held.gate_up_proj_bias[row.expert] if held.has_bias else torch.zeros(2 * site.width)
            gate_bias = bias[::2] if config_class.startswith("GptOss") else bias[: site.width]
            torch.testing.assert_close(matrices[0] @ hidden[row.token] + gate_bias, row.gate, rtol=1e-4, atol=1e-5)
    assert [matrix.shape for matrix in matrices] == [(site.width, hidden.shape[1])] * 3
