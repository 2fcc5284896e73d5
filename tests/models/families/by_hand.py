"""The computations of the gated MLPs of transformers, written down by hand from its source, class by class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

Values = tuple[Tensor, Tensor, Tensor, Tensor]
"""Gate, in, act, post: sequence position neuron."""


def _split(module: Any, x: Tensor) -> Values:
    gate, in_ = module.gate_proj(x), module.up_proj(x)
    act = getattr(module, "act_fn", None) or module.activation_fn
    return gate, in_, act(gate), act(gate) * in_


def _halves(name: str, act: str) -> Callable[[Any, Tensor], Values]:
    def compute(module: Any, x: Tensor) -> Values:
        both = getattr(module, name)(x)
        width = both.shape[-1] // 2
        gate, in_ = both[..., :width], both[..., width:]
        activated = getattr(module, act)(gate)
        return gate, in_, activated, activated * in_

    return compute


def _lfm2(module: Any, x: Tensor) -> Values:
    gate, in_ = module.w1(x), module.w3(x)
    act = gate / (1 + torch.exp(-gate))
    return gate, in_, act, act * in_


def _t5(module: Any, x: Tensor) -> Values:
    gate, in_ = module.wi_0(x), module.wi_1(x)
    return gate, in_, module.act(gate), module.act(gate) * in_


def _xlstm(module: Any, x: Tensor) -> Values:
    gate, in_ = module.proj_up_gate(x), module.proj_up(x)
    return gate, in_, module.act_fn(gate), module.act_fn(gate) * in_


def _cpmant(module: Any, x: Tensor) -> Values:
    gate, in_ = module.w_in.w_0(x), module.w_in.w_1(x)
    act = 0.5 * gate * (1 + torch.erf(gate / 2**0.5))
    return gate, in_, act, act * in_


def _falcon_h1(module: Any, x: Tensor) -> Values:
    gate, in_ = module.gate_multiplier * module.gate_proj(x), module.up_proj(x)
    return gate, in_, module.act_fn(gate), module.act_fn(gate) * in_


def _gemma3n(module: Any, x: Tensor) -> Values:
    gate, in_ = module.gate_proj(x), module.up_proj(x)
    seen = gate
    if module.activation_sparsity > 0:
        deviations = torch.special.ndtri(torch.tensor(module.activation_sparsity))
        seen = torch.relu(gate - gate.mean(-1, keepdim=True) - deviations * gate.std(-1, keepdim=True, correction=0))
    return gate, in_, module.act_fn(seen), module.act_fn(seen) * in_


def _clamped(limit: str) -> Callable[[Any, Tensor], Values]:
    def compute(module: Any, x: Tensor) -> Values:
        bound = float(getattr(module, limit) or 1e30)
        gate, in_ = module.gate_proj(x), module.up_proj(x).clamp(-bound, bound)
        act = module.act_fn(gate.clamp(max=bound))
        return gate, in_, act, act * in_

    return compute


def _step(module: Any, x: Tensor) -> Values:
    gate, in_ = module.gate_proj(x), module.up_proj(x).clamp(-module.limit, module.limit)
    act = module.act_fn(gate).clamp(max=module.limit)
    return gate, in_, act, act * in_


def _minimax(module: Any, x: Tensor) -> Values:
    gate, up = module.gate_up_proj(x).chunk(2, -1)
    small = gate.clamp(max=module.swiglu_limit)
    act = small / (1 + torch.exp(-module.swiglu_alpha * small))
    in_ = up.clamp(-module.swiglu_limit, module.swiglu_limit) + 1
    return gate, in_, act, act * in_


def _plain_down(module: Any, post: Tensor) -> Tensor:
    names = ("down_proj", "w2", "wo", "Wo", "output_linear", "proj_down", "w_out", "fc2")
    down = next(getattr(module, name) for name in names if hasattr(module, name))
    output: Tensor = down(post)
    return output


BY_CLASS: dict[str, Callable[[Any, Tensor], Values]] = {
    "FalconH1MLP": _falcon_h1,
    "Gemma3nTextMLP": _gemma3n,
    "DeepseekV4MLP": _clamped("limit"),
    "Glm5NextTextMLP": _clamped("swiglu_limit"),
    "Step3p7MLP": _step,
    "MiniMaxM3VLDenseMLP": _minimax,
    "CpmAntFeedForward": _cpmant,
    "xLSTMFeedForward": _xlstm,
    "MoshiGatingMLP": _halves("fc1", "activation_fn"),
}
BY_CHILDREN: tuple[tuple[str, Callable[[Any, Tensor], Values]], ...] = (
    ("gate_proj", _split),
    ("gate_up_proj", _halves("gate_up_proj", "activation_fn")),
    ("w3", _lfm2),
    ("wi_0", _t5),
    ("Wi", _halves("Wi", "act")),
    ("input_linear", _halves("input_linear", "activation")),
)
AFTERWARDS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "FalconH1MLP": lambda module, post: _plain_down(module, post) * module.down_multiplier,
    "BitNetMLP": lambda module, post: module.down_proj(module.ffn_sub_norm(post)),
    "InklingMLP": lambda module, post: _plain_down(module, post) * module.global_scale,
}
"""How the output follows from post if it isn't just the down projection."""


def compute(module: nn.Module, x: Tensor) -> Values:
    """The values that a gated MLP computes from its input. Its own output must follow from the resulting post."""
    kind = type(module).__name__
    children = {name for name, _ in module.named_children()}
    formula = BY_CLASS.get(kind) or next(formula for name, formula in BY_CHILDREN if name in children)
    values = formula(module, x)
    torch.testing.assert_close(AFTERWARDS.get(kind, _plain_down)(module, values[3]), module(x), rtol=1e-4, atol=1e-5)
    return values


def read(model: nn.Module, paths: Sequence[str], inputs: Sequence[dict[str, Tensor]]) -> dict[str, list[Values]]:
    """Path of an MLP -> what it computes for each input, each a single sequence without padding: position neuron."""
    found: dict[str, list[Values]] = {path: [] for path in paths}
    with ExitStack() as stack, torch.no_grad():
        entered: dict[str, Tensor] = {}
        for path in paths:

            def keep(_module: Any, args: tuple[Tensor, ...], path: str = path) -> None:
                assert path not in entered  # run once a pass
                entered[path] = args[0]

            stack.callback(model.get_submodule(path).register_forward_pre_hook(keep).remove)
        seen: list[dict[str, Tensor]] = []
        for one in inputs:
            entered.clear()
            model(**one, use_cache=False)
            seen.append(dict(entered))
        stack.close()
        for path in paths:
            module = model.get_submodule(path)
            for entry in seen:
                gate, in_, act, post = (value.reshape(-1, value.shape[-1]) for value in compute(module, entry[path]))
                found[path].append((gate, in_, act, post))
    return found
