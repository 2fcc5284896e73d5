"""Captured values are the model's own, equal to matrix products by hand, and no hook is left behind."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from indexer.capture.dense import capture, capture_act
from indexer.models.forward import run_body
from indexer.sites import Site, find_sites, text_body
from tests.support.tiny_models import FAMILIES, tiny_model

Values = dict[str, tuple[Tensor, Tensor, Tensor]]


def loaded(model: nn.Module, *, causal: bool = True) -> Any:
    return SimpleNamespace(model=text_body(model), device="cpu", causal=causal, tables=None)


def tokens(*shape: int, seed: int = 1) -> Tensor:
    return torch.randint(3, 300, shape, generator=torch.Generator().manual_seed(seed))  # batch position


def captured(model: nn.Module, ids: Tensor, mask: Tensor | None = None, *, causal: bool = True) -> Values:
    values: Values = {}

    def observe(site: Site, gate: Tensor, in_: Tensor, post: Tensor) -> None:
        assert site.address.name not in values
        values[site.address.name] = (gate, in_, post)

    sites = find_sites(model)
    with capture(sites, observe):
        run_body(loaded(model, causal=causal), ids, mask, sites)
    return values


def silu(x: Tensor) -> Tensor:
    return x / (1 + torch.exp(-x))


def gelu_tanh(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    product = torch.einsum("bpd,nd->bpn", x.double(), weight.detach().double())  # batch position neuron
    return product if bias is None else product + bias.detach().double()


def by_hand(family: str, model: Any, ids: Tensor) -> Values:
    """Run the whole model, head included, and redo each MLP's products in float64 from what enters the MLP."""
    entered: list[Tensor] = []
    layers = model.model.layers
    handles = [layer.mlp.register_forward_pre_hook(lambda _, args: entered.append(args[0])) for layer in layers]
    with torch.no_grad():
        model(ids, use_cache=False)
    for handle in handles:
        handle.remove()
    act = gelu_tanh if family.startswith("gemma") else silu
    values: Values = {}
    for number, (layer, x) in enumerate(zip(layers, entered, strict=True)):
        if hasattr(layer.mlp, "gate_up_proj"):
            width = layer.mlp.gate_up_proj.weight.shape[0] // 2
            both = linear(x, layer.mlp.gate_up_proj.weight, layer.mlp.gate_up_proj.bias)
            gate, in_ = both[:, :, :width], both[:, :, width:]
        else:
            gate = linear(x, layer.mlp.gate_proj.weight, layer.mlp.gate_proj.bias)
            in_ = linear(x, layer.mlp.up_proj.weight, layer.mlp.up_proj.bias)
        values[f"L{number}"] = (gate, in_, act(gate) * in_)
    return values


@pytest.mark.parametrize("family", FAMILIES)
def test_captured_values_equal_products_by_hand(family: str) -> None:
    model = tiny_model(family)
    ids = tokens(3, 11)
    found, expected = captured(model, ids), by_hand(family, model, ids)
    assert found.keys() == expected.keys()
    for site, triple in expected.items():
        for value, wanted in zip(found[site], triple, strict=True):
            assert value.shape == wanted.shape
            torch.testing.assert_close(value.double(), wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_random_models_reach_every_quadrant(family: str) -> None:
    for gate, in_, _ in captured(tiny_model(family), tokens(3, 11)).values():
        for gate_sign in (1, -1):
            for in_sign in (1, -1):
                assert ((gate * gate_sign > 0) & (in_ * in_sign > 0)).any()


def test_the_values_are_the_models_own_tensors_and_not_copies() -> None:
    model: Any = tiny_model("phi3")
    outputs: list[Tensor] = []
    model.model.layers[0].mlp.gate_up_proj.register_forward_hook(lambda *args: outputs.append(args[2]))
    gate, in_, _ = captured(model, tokens(1, 5))["L0"]
    assert gate.untyped_storage().data_ptr() == in_.untyped_storage().data_ptr() == outputs[0].data_ptr()


def test_the_run_ends_after_the_last_wanted_site() -> None:
    model: Any = tiny_model("llama")
    ran: list[str] = []
    for name in ("model.layers.1.mlp.down_proj", "model.layers.2", "model.norm", "lm_head"):
        model.get_submodule(name).register_forward_hook(lambda *_, name=name: ran.append(name))
    sites = find_sites(model)[:2]
    seen: list[str] = []
    with capture(sites, lambda site, *_: seen.append(site.address.name)):
        run_body(loaded(model), tokens(2, 5), None, sites)
    assert seen == ["L0", "L1"]
    assert ran == []


def test_without_a_last_site_the_whole_body_runs_but_not_the_head() -> None:
    model: Any = tiny_model("llama")
    ran: list[str] = []
    for name in ("model.norm", "lm_head"):
        model.get_submodule(name).register_forward_hook(lambda *_, name=name: ran.append(name))
    run_body(loaded(model), tokens(2, 5))
    assert ran == ["model.norm"]


def test_only_the_given_sites_are_observed() -> None:
    model = tiny_model("gemma2")
    sites = find_sites(model)
    seen: list[Site] = []
    with capture(sites[1:2], lambda site, *_: seen.append(site)):
        run_body(loaded(model), tokens(2, 5))
    assert seen == [sites[1]]


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


@pytest.mark.parametrize("family", ["llama", "phi3"])
def test_nothing_stays_registered(family: str) -> None:
    model = tiny_model(family)
    sites = find_sites(model)
    before = hooks(model)
    with capture(sites, lambda *_: None):
        assert hooks(model) > before
        run_body(loaded(model), tokens(1, 3), None, sites)
    assert hooks(model) == before


def test_nothing_stays_registered_after_an_exception_in_the_observer() -> None:
    model = tiny_model("llama")
    sites = find_sites(model)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), capture(sites, fail):
        run_body(loaded(model), tokens(1, 3), None, sites)
    assert hooks(model) == 0


def test_no_gradient_is_kept() -> None:
    for gate, in_, post in captured(tiny_model("llama"), tokens(1, 3)).values():
        assert not any(value.requires_grad for value in (gate, in_, post))


@pytest.mark.parametrize("family", ["llama", "mistral", "gemma3", "glm4"])
def test_padding_on_the_right_changes_no_value_of_a_causal_model(family: str) -> None:
    model = tiny_model(family)
    short, long = tokens(1, 6, seed=2), tokens(1, 13, seed=3)
    batch = torch.cat([nn.functional.pad(short, (0, 7)), long])  # batch position
    mask = torch.tensor([[1] * 6 + [0] * 7, [1] * 13])  # batch position
    padded, alone = captured(model, batch, mask), captured(model, short)
    for site, triple in alone.items():
        for value, wanted in zip(padded[site], triple, strict=True):
            torch.testing.assert_close(value[:1, :6], wanted, rtol=1e-4, atol=1e-5)


def test_an_encoder_needs_the_mask_and_gets_it() -> None:
    auto: Any = transformers.AutoModel
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    model = auto.from_config(transformers.GteConfig(vocab_size=300, initializer_range=0.5, **sizes)).eval()
    short = tokens(1, 6)
    batch, mask = nn.functional.pad(short, (0, 7)), torch.tensor([[1] * 6 + [0] * 7])  # batch position
    alone = captured(model, short, causal=False)["L1"][0]
    torch.testing.assert_close(captured(model, batch, mask, causal=False)["L1"][0][:, :6], alone, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(captured(model, batch, None, causal=False)["L1"][0][:, :6], alone, rtol=1e-3, atol=1e-3)


def test_act_is_the_tensor_that_the_model_computed() -> None:
    model = tiny_model("llama")
    sites = find_sites(model)
    taken: list[bool] = []

    def observe(site: Site, gate: Tensor, in_: Tensor, post: Tensor) -> None:
        runs: list[None] = []
        assert isinstance(site.act_fn, nn.Module)
        counter = site.act_fn.register_forward_hook(lambda *_: runs.append(None))
        values = act(site, gate)
        counter.remove()
        assert torch.equal(values * in_, post)
        assert torch.equal(values, torch.nn.functional.silu(gate))
        taken.append(not runs)  # nothing was computed again

    with torch.inference_mode(), capture_act(sites) as act, capture(sites, observe):
        model(torch.tensor([[1, 2, 3]]), use_cache=False)
    assert taken == [True] * len(sites)
    with torch.inference_mode():  # outside of a run it is computed
        gate = torch.randn(1, 2, sites[0].width)
        assert torch.equal(act(sites[0], gate), torch.nn.functional.silu(gate))


class Asked(TorchDispatchMode):  # type: ignore[no-untyped-call]  # of the library
    """Notes every value that is asked for, which on a GPU makes the host wait."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # of the library
        self.values = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.values += function in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_is_run_without_a_look_at_its_values(family: str) -> None:
    model = tiny_model(family)
    with Asked() as asked:
        run_body(loaded(model), tokens(2, 9), torch.ones(2, 9, dtype=torch.int64), find_sites(model))
    assert asked.values == 0
    with Asked() as asked:
        bool(torch.ones(1))
    assert asked.values == 1
