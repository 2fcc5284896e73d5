"""Gated MLPs are found by structure, and whatever isn't one is refused with the reason."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers
from torch import nn

from indexer.errors import GluscopeError
from indexer.sites import find_sites, select, text_body
from tests.support.tiny_models import FAMILIES, tiny_config, tiny_model

from ..support.adapted import Adapted

SMALL: dict[str, Any] = {
    **{"vocab_size": 60, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2},
    **{"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8},
    **{"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
}


def unloaded(config_class: str, **settings: Any) -> nn.Module:
    """A model of a family without weights."""
    auto: Any = transformers.AutoModel
    with torch.device("meta"):
        model: nn.Module = auto.from_config(getattr(transformers, config_class)(**{**SMALL, **settings}))
    return model


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_a_site_in_each_layer(family: str) -> None:
    layers = tiny_config(family).num_hidden_layers
    sites = find_sites(tiny_model(family))
    assert [site.address.name for site in sites] == [f"L{layer}" for layer in range(layers)]
    fused = family in ("phi3", "glm", "glm4")
    assert {site.fused for site in sites} == {fused}
    assert {site.adapter for site in sites} == {"gate_up_proj (halves)" if fused else "gate_proj, up_proj"}
    assert {site.activation for site in sites} == {"gelu_tanh" if family.startswith("gemma") else "silu"}
    assert {site.sign_preserving for site in sites} == {True}


@pytest.mark.parametrize("family", FAMILIES)
def test_sites_are_found_without_weights(family: str) -> None:
    auto: Any = transformers.AutoModel
    with torch.device("meta"):
        model = auto.from_config(tiny_config(family))
    found = [(site.address, site.width, site.activation, site.path) for site in find_sites(model)]
    assert found == [(site.address, site.width, site.activation, site.path) for site in find_sites(tiny_model(family))]


def test_trap_width_differs_per_layer() -> None:
    assert [site.width for site in find_sites(tiny_model("gemma4"))] == [24, 24, 48, 48]


def test_trap_a_router_called_gate_is_not_a_site() -> None:
    model: Any = tiny_model("llama")
    model.model.layers[1].gate = nn.Linear(16, 4)
    model.model.layers[1].router = nn.Module()
    model.model.layers[1].router.gate_proj = nn.Linear(16, 4)
    assert [site.path for site in find_sites(model)] == [f"layers.{layer}.mlp" for layer in range(3)]


def test_trap_only_the_language_model_of_a_multimodal_one_is_read() -> None:
    text = dict(
        SMALL, model_type="qwen2_5_vl_text", rope_parameters={"mrope_section": [1, 1, 2], "rope_type": "default"}
    )
    vision = {"depth": 5, "hidden_size": 16, "intermediate_size": 40, "num_heads": 2, "out_hidden_size": 16}
    model = unloaded("Qwen2_5_VLConfig", text_config=text, vision_config=vision)
    assert any(type(module).__name__ == "Qwen2_5_VLMLP" for module in model.modules())  # a gated MLP that sees no text
    assert type(text_body(model)).__name__ == "Qwen2_5_VLTextModel"
    assert [(site.path, site.width) for site in find_sites(model)] == [("layers.0.mlp", 24), ("layers.1.mlp", 24)]


def test_the_body_of_a_model_with_head_is_the_body_without() -> None:
    model: Any = tiny_model("llama")
    assert text_body(model) is model.model
    assert text_body(model.model) is model.model


def test_linear_maps_with_an_adapter_are_sites_as_before() -> None:
    model: Any = tiny_model("llama")
    for layer in model.model.layers:
        layer.mlp.gate_proj = Adapted(layer.mlp.gate_proj)
    sites = find_sites(model)
    assert [site.width for site in sites] == [24, 24, 24]
    assert all(isinstance(site.gate, Adapted) for site in sites)


@pytest.mark.parametrize(
    ("config_class", "settings", "words"),
    [
        ("GPT2Config", {}, ["GPT2Model", "GPT2MLP", "not gated", "c_fc", "c_proj"]),
        ("GPTNeoXConfig", {}, ["GPTNeoXModel", "not gated", "dense_h_to_4h"]),
        ("NemotronConfig", {}, ["NemotronModel", "not gated", "up_proj, an activation function, down_proj"]),
        ("ArceeConfig", {}, ["ArceeModel", "not gated"]),
        ("ApertusConfig", {}, ["ApertusModel", "not gated"]),
        ("T5Config", {"d_model": 16, "d_ff": 24, "num_layers": 2}, ["T5Model", "T5DenseActDense", "not gated"]),
        ("OPTConfig", {"word_embed_proj_dim": 16}, ["OPTModel", "not gated", "fc1", "fc2"]),
        ("MambaConfig", {}, ["MambaModel", "no gated MLP was found"]),
        ("Zamba2Config", {"num_hidden_layers": 54}, ["Zamba2MLP", "share its weights"]),
    ],
)
def test_a_model_that_cannot_be_indexed_is_refused_by_name_with_the_reason(
    config_class: str, settings: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(GluscopeError) as refused:
        find_sites(unloaded(config_class, **settings))
    for word in words:
        assert word in refused.value.cause
    assert "\n" not in refused.value.cause
    assert "Llama" in refused.value.fix


def test_the_name_in_a_refusal_comes_from_the_checkpoint() -> None:
    with pytest.raises(GluscopeError, match="GPT2LMHeadModel can't be indexed"):
        find_sites(unloaded("GPT2Config", architectures=["GPT2LMHeadModel"]))


def test_trap_an_unknown_part_of_the_mlp_is_refused_not_ignored() -> None:
    model: Any = tiny_model("llama")
    model.model.layers[2].mlp.norm = nn.LayerNorm(24)
    with pytest.raises(GluscopeError, match=r"layers\.2\.mlp .*a part that gluscope doesn't know: norm \(LayerNorm\)"):
        find_sites(model)


def test_dropout_in_an_mlp_is_no_obstacle() -> None:
    model: Any = tiny_model("llama")
    model.model.layers[0].mlp.dropout = nn.Dropout(0.1)
    assert len(find_sites(model)) == 3


def test_shapes_that_do_not_fit_are_refused() -> None:
    model: Any = tiny_model("llama")
    model.model.layers[1].mlp.up_proj = nn.Linear(16, 23)
    with pytest.raises(GluscopeError, match=r"shapes in layers\.1\.mlp .*up_proj 16 -> 23"):
        find_sites(model)


def test_trap_two_gated_mlps_in_a_layer_are_refused() -> None:
    model: Any = tiny_model("llama")
    model.model.layers[1].second = tiny_model("llama").get_submodule("model.layers.0.mlp")
    with pytest.raises(GluscopeError, match=r"layer 1 has two gated MLPs: layers\.1\.mlp and layers\.1\.second"):
        find_sites(model)


def test_an_mlp_without_an_activation_function_is_refused() -> None:
    model: Any = tiny_model("llama")
    del model.model.layers[0].mlp.act_fn
    with pytest.raises(GluscopeError, match="no activation function"):
        find_sites(model)


def test_select_takes_layers_in_the_order_of_the_model() -> None:
    sites = find_sites(tiny_model("llama"))
    assert select(sites, None) == sites
    assert select(sites, (2, 0)) == (sites[0], sites[2])


def test_select_refuses_a_layer_outside_the_model() -> None:
    with pytest.raises(GluscopeError, match=r"no gated MLP in layer 3\n.*0-2"):
        select(find_sites(tiny_model("llama")), (0, 3))
