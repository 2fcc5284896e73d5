"""Gated MLPs that a plain reading would get wrong: a test each, named after the trap."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from indexer.capture.dense import capture
from indexer.capture.proof import prove, prove_forms
from indexer.errors import GluscopeError
from indexer.models.forward import run_body
from indexer.sites import Site, find_sites, text_body
from indexer.sites.weights import gate_in_dot, site_weights

from ..models.families.tiny import bare_model, families, tiny_config, tiny_model

Values = tuple[Tensor, Tensor, Tensor]
"""Gate, in, post: batch position neuron."""


def built(family: str, **settings: Any) -> nn.Module:
    """A tiny model of a family, with settings that differ from the defaults."""
    config = tiny_config(families()[family])
    for name, value in settings.items():
        setattr(config, name, value)
    torch.manual_seed(0)
    return text_body(tiny_model(config))


def captured(model: nn.Module) -> dict[str, tuple[Site, Tensor, Values]]:
    """Address -> the site, what enters its module, and what is read there; every reading proven."""
    sites = find_sites(model)
    prove_forms(sites)
    found: dict[str, tuple[Site, Tensor, Values]] = {}
    entered: dict[nn.Module, Tensor] = {}
    handles = [
        site.module.register_forward_pre_hook(lambda module, args: entered.__setitem__(module, args[0]))
        for site in sites
    ]

    def observe(site: Site, *values: Tensor) -> None:
        assert prove(site, *values) < 1e-6
        gate, in_, post = values
        found[site.address.name] = site, entered[site.module], (gate.clone(), in_.clone(), post.clone())

    ids = torch.randint(5, 300, (2, 9), generator=torch.Generator().manual_seed(0))  # batch position
    loaded: Any = SimpleNamespace(
        model=model, device="cpu", causal=True, hides_start=False, decoder_start=0, tables=None
    )
    with capture(sites, observe):
        run_body(loaded, ids)
    for handle in handles:
        handle.remove()
    return found


def close(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_trap_falcon_h1_scales_the_gate_by_a_constant_that_is_1_by_default() -> None:
    for site, x, (gate, in_, post) in captured(built("falcon_h1")).values():
        mlp: Any = site.module
        assert mlp.gate_multiplier == 0.5
        with torch.no_grad():
            close(in_, mlp.up_proj(x))
            close(gate, 0.5 * mlp.gate_proj(x))
            close(post, functional.silu(0.5 * mlp.gate_proj(x)) * mlp.up_proj(x))
        weights = site_weights(site)
        assert weights is not None
        close(weights.gate, 0.5 * mlp.gate_proj.weight)
        dots = gate_in_dot(site)
        assert dots is not None
        close(torch.tensor(dots), 0.5 * (mlp.gate_proj.weight.double() * mlp.up_proj.weight.double()).sum(1).detach())


def test_trap_gemma_3n_sparsifies_the_gate_of_some_layers_before_it_is_activated() -> None:
    found = captured(built("gemma3n_text"))
    assert [site.activation for site, _, _ in found.values()] == ["sparsified", "gelu_tanh"]
    assert [site.width for site, _, _ in found.values()] == [40, 48]
    site, x, (gate, _, post) = found["L0"]
    mlp: Any = site.module
    with torch.no_grad():
        close(gate, mlp.gate_proj(x))
    assert float((post == 0).float().mean()) > 0.5  # what isn't kept is exactly 0, though gate is not
    assert not bool((gate == 0).any())


def test_trap_bitnet_has_a_norm_between_the_product_and_the_down_projection() -> None:
    site, x, (_, _, post) = captured(built("bitnet"))["L1"]
    mlp: Any = site.module
    with torch.no_grad():
        product = functional.relu(mlp.gate_proj(x)) ** 2 * mlp.up_proj(x)
        close(post, product)
        assert not torch.allclose(mlp.ffn_sub_norm(product), product, rtol=0.1)
    assert site.activation == "relu2"
    assert not site.sign_preserving


def test_trap_lfm2_has_its_activation_in_the_code_and_names_like_w2_for_down() -> None:
    site, x, (gate, in_, post) = captured(built("lfm2"))["L0"]
    mlp: Any = site.module
    with torch.no_grad():
        close(gate, mlp.w1(x))
        close(in_, mlp.w3(x))
        close(post, functional.silu(mlp.w1(x)) * mlp.w3(x))
    assert site.activation == "silu"


def test_trap_modernbert_calls_the_half_gate_that_it_does_not_activate() -> None:
    site, x, (gate, in_, post) = captured(built("modernbert"))["L1"]
    mlp: Any = site.module
    with torch.no_grad():
        both = mlp.Wi(x)
        close(gate, both[..., : site.width])
        close(in_, both[..., site.width :])
        close(post, functional.gelu(both[..., : site.width]) * both[..., site.width :])
    weights = site_weights(site)
    assert weights is not None
    assert torch.equal(weights.gate, mlp.Wi.weight[: site.width])
    assert torch.equal(weights.in_, mlp.Wi.weight[site.width :])


@pytest.mark.parametrize("family", ["deepseek_v4", "glm5_next_text"])
def test_trap_both_factors_are_clamped_at_a_limit_that_ordinary_values_never_reach(family: str) -> None:
    module = clamped_mlp(family)
    site = next(site for site in find_sites_of(module) if site.module is module)
    x = 100 * torch.randn(1, 5, module.gate_proj.in_features)
    seen: list[Values] = []
    with torch.no_grad(), capture([site], lambda _site, *values: seen.append(values)):
        module(x)
    gate, in_, post = seen[0]
    with torch.no_grad():
        close(gate, module.gate_proj(x))  # as it is before it is clamped
        close(in_, module.up_proj(x).clamp(-10, 10))
        close(post, functional.silu(module.gate_proj(x).clamp(max=10)) * module.up_proj(x).clamp(-10, 10))
    assert float(gate.max()) > 10
    assert float(in_.abs().max()) == 10
    assert site.activation == "silu_max_10"
    assert prove(site, *seen[0]) == 0.0


def test_trap_minimax_m3_adds_1_to_the_clamped_factor() -> None:
    import transformers.models.minimax_m3_vl.modeling_minimax_m3_vl as source

    module = with_weights(source.MiniMaxM3VLDenseMLP(tiny_config(families()["minimax_m3_vl_text"]), 40))
    site = next(iter(find_sites_of(module)))
    x = 20 * torch.randn(1, 5, module.down_proj.out_features)
    seen: list[Values] = []
    with torch.no_grad(), capture([site], lambda _site, *values: seen.append(values)):
        module(x)
        gate, up = module.gate_up_proj(x).chunk(2, -1)
    close(seen[0][0], gate)
    close(seen[0][1], up.clamp(-7, 7) + 1)
    assert float(seen[0][1].max()) == 8
    assert prove(site, *seen[0]) == 0.0


def test_trap_step3p7_clamps_act_after_the_activation_function() -> None:
    import transformers.models.step3p7.modeling_step3p7 as source

    config = tiny_config(families()["step3p7"]).text_config
    config.swiglu_limits_shared = [3.0, 3.0]
    mlp: Any = source.Step3p7MLP
    module = with_weights(mlp(config, layer_idx=0, is_shared_expert=False))
    site = next(iter(find_sites_of(module)))
    x = 20 * torch.randn(1, 5, module.down_proj.out_features)
    seen: list[Values] = []
    with torch.no_grad(), capture([site], lambda _site, *values: seen.append(values)):
        module(x)
        close(seen[0][2], functional.silu(module.gate_proj(x)).clamp(max=3) * module.up_proj(x).clamp(-3, 3))
    assert prove(site, *seen[0]) == 0.0


def test_trap_beam_computes_the_product_in_float32() -> None:
    import transformers.models.beam.modeling_beam as source

    mlp: Any = source.BeamMLP
    module = with_weights(mlp(tiny_config(families()["beam"]))).to(torch.bfloat16)
    site = next(iter(find_sites_of(module)))
    prove_forms([site])
    assert site.activation == "silu"
    assert site.act_fn(torch.ones(3, dtype=torch.bfloat16)).dtype == torch.float32


def test_trap_zambas_layers_share_their_weights_and_are_sites_of_their_own() -> None:
    found = captured(built("zamba"))
    assert list(found) == ["L1", "L3"]
    first, second = (found[name][0] for name in found)
    assert first.module is not second.module
    assert first.gate.weight is second.gate.weight
    assert not torch.equal(found["L1"][2][0], found["L3"][2][0])


def test_trap_t5_has_two_stacks_with_layers_within_layers() -> None:
    found = captured(built("t5"))
    assert list(found) == ["enc.L0", "enc.L1", "dec.L0", "dec.L1"]
    for site, x, (gate, in_, _) in found.values():
        mlp: Any = site.module
        with torch.no_grad():
            close(gate, mlp.wi_0(x))
            close(in_, mlp.wi_1(x))
        assert site.address.stack == ("enc" if site.path.startswith("encoder.") else "dec")


def test_trap_t5_keeps_its_down_projection_in_float32_in_a_half_model() -> None:
    model: Any = built("mt5").to(torch.bfloat16)
    for site in find_sites(model):
        site.down.float()
    for _site, _, (gate, _, post) in captured_half(model):
        assert (gate.dtype, post.dtype) == (torch.bfloat16, torch.float32)


@pytest.mark.parametrize(
    ("family", "words"),
    [
        ("cpmant", "a prompt of its own"),
        ("higgs_audio_v2", "takes text and audio apart"),
        ("aimv2", "by whether a batch is padded"),
        ("dia", "its decoder reads audio codes"),
        ("udop", "the places of words on a page"),
        ("pixtral", "doesn't read text"),
        ("hrm_text", "several times a pass"),
        ("blt", "has two gated MLPs"),
    ],
)
def test_trap_a_model_whose_positions_are_not_those_of_the_text_is_refused(family: str, words: str) -> None:
    with pytest.raises(GluscopeError, match=words):
        find_sites(bare_model(tiny_config(families()[family])))


def test_trap_a_module_with_the_names_of_a_fused_one_but_no_halves_is_not_gated() -> None:
    model: Any = built("modernbert")
    for layer in model.layers:
        layer.mlp.Wi = nn.Linear(32, 40)
    with pytest.raises(GluscopeError, match="is not gated: Wi, an activation function, Wo"):
        find_sites(model)


def test_trap_the_towers_of_other_senses_are_not_sites() -> None:
    model: Any = built("llama")
    model.layers[0].vision_mlp = built("llama").get_submodule("layers.0.mlp")
    model.audio_tower = built("llama").layers
    assert [site.path for site in find_sites(model)] == ["layers.0.mlp", "layers.1.mlp"]


@pytest.mark.parametrize("name", ["relu", "relu2"])
def test_trap_with_relu_act_is_0_and_its_sign_says_nothing(name: str) -> None:
    site, _, (gate, _, post) = captured(built("llama", hidden_act=name))["L0"]
    assert (site.activation, site.sign_preserving) == (name, False)
    assert bool((post[gate < 0] == 0).all())


class Holder(nn.Module):
    """A body of one layer around an MLP."""

    def __init__(self, mlp: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.ModuleDict({"mlp": mlp})])

    def forward(self, input_ids: Tensor) -> Tensor:
        return input_ids


def find_sites_of(mlp: nn.Module) -> tuple[Site, ...]:
    return find_sites(Holder(mlp))


def with_weights(module: Any) -> Any:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    return module.eval()


def clamped_mlp(family: str) -> Any:
    import transformers.models.deepseek_v4.modeling_deepseek_v4 as deepseek
    import transformers.models.glm5_next.modeling_glm5_next as glm

    kinds: dict[str, Callable[[Any], Any]] = {
        "deepseek_v4": deepseek.DeepseekV4MLP,
        "glm5_next_text": glm.Glm5NextTextMLP,
    }
    config = tiny_config(families()[family])
    assert config.swiglu_limit == 10
    return with_weights(kinds[family](config))


def captured_half(model: nn.Module) -> list[tuple[Site, Tensor, Values]]:
    """The values read in a model of half precision, proven within its tolerance."""
    found: list[tuple[Site, Tensor, Values]] = []
    ids = torch.randint(5, 300, (1, 6), generator=torch.Generator().manual_seed(0))
    loaded: Any = SimpleNamespace(
        model=model, device="cpu", causal=True, hides_start=False, decoder_start=0, tables=None
    )

    def observe(site: Site, *values: Tensor) -> None:
        prove(site, *values)
        found.append((site, ids, values))  # type: ignore[arg-type]  # three values

    with capture(find_sites(model), observe):
        run_body(loaded, ids)
    assert len(found) == 4
    return found
