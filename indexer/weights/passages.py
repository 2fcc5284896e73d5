"""The values that flow through the modules of a model in a short run."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..models.forward import run_body
from ..models.loaded import LoadedModel

_TOKENS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """The values that went through a module once, token by token: position d_model, float32, on the CPU."""

    module: nn.Module
    entered: Tensor
    left: Tensor


class Trace:
    """The inputs and outputs of the modules of a model in one run."""

    def __init__(self, body: nn.Module, around: Iterable[nn.Module]) -> None:
        """`around`: modules to record besides those that may be norms."""
        self.norms: list[Passage] = []
        self.around: dict[nn.Module, list[Passage]] = {}
        self.last: Tensor | None = None
        self._body = body
        self._around = set(around)

    def run(self, loaded: LoadedModel) -> None:
        """Read a few tokens."""
        leaves = [module for module in self._body.modules() if may_be_norm(module)]
        with ExitStack() as stack:
            for module in {*leaves, *self._around, self._body}:
                stack.callback(module.register_forward_hook(self._keep, with_kwargs=True).remove)
            run_body(loaded, probe_ids(loaded))

    def _keep(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        left = position_rows(output)
        if module is self._body:
            self.last = left
            return
        entered = position_rows((*args, *kwargs.values()))
        if entered is None or left is None:
            return
        passage = Passage(module, entered, left)
        if module in self._around:
            self.around.setdefault(module, []).append(passage)
        if entered.shape == left.shape and may_be_norm(module) and not torch.equal(entered, left):
            self.norms.append(passage)  # not for a dropout, which changes nothing here

    def through(self, module: nn.Module) -> Passage | None:
        """The values of a norm; None if it wasn't run or is not a norm."""
        return next((norm for norm in self.norms if norm.module is module), None)

    def leaving(self, values: Tensor) -> Passage | None:
        """The norm whose output is this; the last one, if there are more."""
        return next((norm for norm in reversed(self.norms) if _equal(norm.left, values)), None)

    def entering(self, values: Tensor) -> Passage | None:
        """The norm whose input is this."""
        return next((norm for norm in self.norms if _equal(norm.entered, values)), None)


def probe_ids(loaded: LoadedModel) -> Tensor:
    """A few tokens, evenly spread over the vocabulary: batch position."""
    embeddings: Any = loaded.model.get_input_embeddings()  # type: ignore[operator]  # of every transformers model
    rows: int = embeddings.weight.shape[0]
    return (torch.arange(1, _TOKENS + 1) * rows // (_TOKENS + 2)).view(1, -1)


def may_be_norm(module: nn.Module) -> bool:
    """Whether a module has no parts, and no parameters other than vectors."""
    return next(module.children(), None) is None and all(p.dim() == 1 for p in module.parameters())


def position_rows(found: Any) -> Tensor | None:
    """The first tensor of floating-point numbers in a module's arguments or output: position d_model."""
    if isinstance(found, Tensor):
        if not found.is_floating_point() or found.dim() < 2:
            return None
        return found.detach().reshape(-1, found.shape[-1]).float().cpu()
    if isinstance(found, (tuple, list)):
        return next((values for value in found if (values := position_rows(value)) is not None), None)
    if hasattr(found, "last_hidden_state"):
        return position_rows(found.last_hidden_state)
    return None


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool(one.any()) and torch.equal(one, other)
