"""A post that an observer gives back is what goes on to the down projection, in every kind of gated MLP."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
import torch
from torch import Tensor

from indexer.capture.dense import capture
from indexer.capture.experts import capture_experts
from indexer.capture.routed import Routed
from indexer.sites import Site, find_sites, text_body
from indexer.sites.experts import ExpertLayer, expert_layers
from indexer.sites.stacks import dense_sites
from indexer.sites.weights import site_weights

from ..support.tiny_experts import tiny_mixture
from ..support.tiny_models import tiny_model
from .test_looped_experts import CONFIGS, tiny

pytestmark = pytest.mark.usefixtures("one_thread")

NEURON = 2
MODELS: dict[str, Callable[[], Any]] = {
    "llama": lambda: text_body(tiny_model("llama")),
    "phi3, fused": lambda: text_body(tiny_model("phi3")),
    "qwen2_moe, shared experts": lambda: tiny_mixture("Qwen2MoeConfig"),
    "gpt_oss": lambda: tiny_mixture("GptOssConfig"),
    **{name: (lambda name=name: tiny(name)) for name in CONFIGS},  # type: ignore[misc]  # mypy reads no default here
}


def without(post: Tensor, rows: Tensor) -> Tensor:
    """The posts with one neuron's set to 0 in some rows."""
    new = post.clone()
    new[rows, ..., NEURON] = 0.0
    return new


@pytest.mark.parametrize("name", MODELS)
def test_a_neuron_whose_post_is_replaced_by_zero_is_one_without_its_column_of_w_out(name: str) -> None:
    model = MODELS[name]()
    sites = find_sites(model)
    ids = torch.randint(3, 300, (2, 9), generator=torch.Generator().manual_seed(1))  # batch position
    layers, expert = expert_layers(sites), 1

    def dense(_site: Site, _gate: Tensor, _in: Tensor, post: Tensor) -> Tensor:
        return without(post, torch.arange(len(post)))

    def experts(_layer: ExpertLayer, routed: Routed) -> Tensor:
        return without(routed.post, (routed.expert == expert).nonzero()[:, 0])

    def run() -> Tensor:
        with torch.no_grad():
            last: Tensor = model(input_ids=ids, use_cache=False).last_hidden_state
        return last

    usual = run()
    with ExitStack() as stack:
        stack.enter_context(capture(dense_sites(sites), dense))
        stack.enter_context(capture_experts(layers, experts))
        replaced = run()
    assert torch.equal(run(), usual)
    for site in sites:
        if site.address.expert in (None, expert):
            weights = site_weights(site)
            assert weights is not None
            weights.out.detach()[NEURON] = 0.0  # a view
    assert not torch.allclose(replaced, usual, atol=1e-4)
    torch.testing.assert_close(replaced, run(), rtol=1e-5, atol=1e-5)
