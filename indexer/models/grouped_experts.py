"""Runs routed experts by the library's grouped product, even if torch's own can't take their widths."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ..transformers_internals import run_experts_by, run_grouped, stacks_experts, without_grouped_product

_LOOPED = "gluscope_looped"
_ALIGNMENT = 16  # torch's grouped product wants rows that are a multiple of this many bytes


def run_experts(module: Any, hidden: Tensor, index: Tensor, weights: Tensor) -> Tensor:
    """The output of a module's experts for `hidden` (# token d_model), as the library computes it, rows by expert.

    If rows have a length that torch's grouped product refuses, the library's loop over experts is used instead.
    """
    if fits(module):
        return run_grouped(module, hidden, index, weights)
    with without_grouped_product():
        return run_grouped(module, hidden, index, weights)


def run_what_does_not_fit(body: nn.Module) -> str | None:
    """Let a model run experts that torch's grouped product refuses. Returns a notice; None if it has none such."""
    stacked: list[Any] = [module for module in body.modules() if stacks_experts(module)]
    odd = [module for module in stacked if not fits(module)]
    if not odd:
        return None
    run_experts_by(odd, _LOOPED, run_experts)
    sizes = " by ".join(map(str, odd[0].down_proj.shape[1:]))
    return f"experts run one after the other, which takes longer: torch has no grouped product of matrices {sizes}"


def fits(module: Any) -> bool:
    """Whether torch's grouped product takes the rows of a module of experts: its inputs and its weights."""
    down = getattr(module, "down_proj", None)  # expert d_model neuron, or the last two the other way round
    if not isinstance(down, Tensor):
        return True
    return all(size * down.element_size() % _ALIGNMENT == 0 for size in down.shape[1:])
