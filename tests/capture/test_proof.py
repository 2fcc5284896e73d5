"""A reading that is wrong is refused, however quiet the fault: each trap has a module that falls into it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from indexer.capture.dense import capture
from indexer.capture.proof import identity_error, prove, prove_forms, relative_error, tolerance
from indexer.errors import GluscopeError
from indexer.models.forward import run_body
from indexer.sites import find_sites, text_body
from tests.support.tiny_models import FAMILIES, tiny_model


def prove_batch(model: nn.Module) -> dict[str, float]:
    """The errors of a small batch, as indexing gets them."""
    sites = find_sites(model)
    errors: dict[str, float] = {}
    ids = torch.randint(3, 300, (2, 9), generator=torch.Generator().manual_seed(0))  # batch position
    body: Any = SimpleNamespace(model=text_body(model), device="cpu", causal=True, tables=None)
    with capture(sites, lambda site, *values: errors.__setitem__(site.address.name, prove(site, *values))):
        run_body(body, ids, None, sites)
    return errors


class Trap(nn.Module):
    """A gated MLP by its children, to be put into a layer; `product` is what it really computes."""

    def __init__(self, mlp: Any) -> None:
        super().__init__()
        self.gate_proj, self.up_proj, self.down_proj, self.act_fn = (
            mlp.gate_proj,
            mlp.up_proj,
            mlp.down_proj,
            mlp.act_fn,
        )

    def product(self, gate: Tensor, in_: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.down_proj(self.product(self.gate_proj(x), self.up_proj(x)))
        return output


class Swapped(Trap):
    def product(self, gate: Tensor, in_: Tensor) -> Tensor:
        return gate * nn.functional.silu(in_)


class Multiplied(Trap):
    def product(self, gate: Tensor, in_: Tensor) -> Tensor:
        return nn.functional.silu(gate * 1.2) * in_


class Sparsified(Trap):
    def product(self, gate: Tensor, in_: Tensor) -> Tensor:
        cutoff = gate.mean(-1, keepdim=True) + gate.std(-1, keepdim=True)
        return nn.functional.silu(nn.functional.relu(gate - cutoff)) * in_


class PlusOne(Trap):
    def product(self, gate: Tensor, in_: Tensor) -> Tensor:
        return nn.functional.silu(gate) * (in_ + 1)


class Normed(Trap):
    def product(self, gate: Tensor, in_: Tensor) -> Tensor:
        return nn.functional.rms_norm(nn.functional.silu(gate) * in_, (24,))


class OtherActivation(Trap):
    def product(self, gate: Tensor, in_: Tensor) -> Tensor:
        return nn.functional.gelu(gate) * in_


class ClampedGate(Trap):
    def product(self, gate: Tensor, in_: Tensor) -> Tensor:
        return nn.functional.silu(gate.clamp(max=100)) * in_


class ClampedIn(Trap):
    def product(self, gate: Tensor, in_: Tensor) -> Tensor:
        return nn.functional.silu(gate) * in_.clamp(-100, 100)


def trapped(trap: type[Trap]) -> nn.Module:
    model: Any = tiny_model("llama")
    model.model.layers[1].mlp = trap(model.model.layers[1].mlp)
    return model.eval()  # type: ignore[no-any-return]  # the model is Any for its attributes


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_identity_is_exact_in_every_family(family: str, dtype: torch.dtype) -> None:
    model = tiny_model(family).to(dtype)
    prove_forms(find_sites(model))
    assert set(prove_batch(model).values()) == {0.0}


@pytest.mark.parametrize("trap", [Swapped, Multiplied, Sparsified, PlusOne, Normed, OtherActivation])
def test_trap_another_computation_is_refused_on_the_first_batch(trap: type[Trap]) -> None:
    with pytest.raises(GluscopeError) as refused:
        prove_batch(trapped(trap))
    assert "layer 1" in refused.value.cause
    assert trap.__name__ in refused.value.cause
    assert "silu(gate) * in" in refused.value.cause
    assert "--layers" in refused.value.fix


@pytest.mark.parametrize("trap", [ClampedGate, ClampedIn])
def test_trap_a_clamp_that_ordinary_values_never_reach_is_refused_all_the_same(trap: type[Trap]) -> None:
    model = trapped(trap)
    assert set(prove_batch(model).values()) == {0.0}
    with pytest.raises(GluscopeError, match=rf"layer 1 \({trap.__name__}.*on large inputs"):
        prove_forms(find_sites(model))


def test_trap_the_halves_of_a_fused_projection_the_other_way_round() -> None:
    model: Any = tiny_model("phi3")
    mlp = model.model.layers[0].mlp

    def activates_the_second(x: Tensor) -> Tensor:
        in_, gate = mlp.gate_up_proj(x).chunk(2, dim=-1)
        output: Tensor = mlp.down_proj(in_ * mlp.activation_fn(gate))
        return output

    mlp.forward = activates_the_second
    with pytest.raises(GluscopeError, match="layer 0"):
        prove_batch(model)


def test_trap_an_activation_that_overwrites_the_gate() -> None:
    model: Any = tiny_model("llama")
    model.model.layers[2].mlp.act_fn = nn.SiLU(inplace=True)
    with pytest.raises(GluscopeError, match="layer 2"):
        prove_batch(model)


def test_the_error_is_relative_to_the_largest_post() -> None:
    site = find_sites(tiny_model("llama"))[0]
    gate, in_ = torch.tensor([[[1.0, 2.0, -3.0]]]), torch.tensor([[[1.0, -2.0, 0.5]]])  # batch position neuron
    post = torch.tensor([[[1.0, 2.0, -3.0]]]) * torch.tensor([[[0.7310586, 0.8807970, 0.0474259]]]) * in_
    assert identity_error(site, gate, in_, post) < 1e-6
    assert identity_error(site, gate, in_, post + torch.tensor([0.0, 0.0, 0.35232])) == pytest.approx(0.1, rel=1e-3)


def test_values_that_are_not_finite_are_left_to_the_run_which_names_their_document() -> None:
    site = find_sites(tiny_model("llama"))[0]
    gate, in_ = torch.tensor([[[1.0, float("nan")]]]), torch.ones(1, 1, 2)  # batch position neuron
    assert prove(site, gate, in_, nn.functional.silu(gate) * in_) == 0.0


def test_the_tolerance_is_far_below_a_wrong_reading() -> None:
    assert tolerance(torch.float32) <= 1e-5
    assert tolerance(torch.float16) < 0.005
    assert tolerance(torch.bfloat16) < 0.05


def test_nothing_differs_from_nothing() -> None:
    """A layer whose experts no token of a text is routed to."""
    assert relative_error(torch.zeros(0, 3), torch.zeros(0, 3)) == 0.0
