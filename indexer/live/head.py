"""The language-model head: logits of a last hidden state, computed by the model's own code.

The body is loaded without its head. Here the whole model is made without weights, its head is given the unembedding,
and its body is replaced by a stub that returns a hidden state which is already known. So scaled and soft-capped logits
come from the code that scales and caps them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ..models.loaded import LoadedModel
from ..sites import is_encoder_decoder
from ..weights.unembedding import headed, unembedding

_PROBED = 64  # tokens, whose logits show what the head does
_SMALL, _LARGE = 1e-3, 1e3
"""Sizes of logits: one that no soft-capping changes, and one that each changes."""
_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A model's head."""

    rows: Tensor  # token d_model: the unembedding
    bias: Tensor | None  # token
    scale: float  # a logit is this times the product with a row (and bias), before soft-capping
    capped: bool  # the logits are soft-capped
    _model: Any

    def widened(self) -> Head:
        """The same head in float32, for differences of logits. It shares the model, so use this one only."""
        if self.rows.dtype == torch.float32:
            return self
        bias = None if self.bias is None else self.bias.float()
        _give(self._model, self.rows.float(), bias)
        return replace(self, rows=self.rows.float(), bias=bias)

    def logits(self, last: Tensor) -> Tensor:
        """The logits of last hidden states (# position d_model): position token, float32."""
        with torch.inference_mode():
            found: Tensor = _through(self._model, last.to(self.rows.dtype).to(self.rows.device)).float()
            return found


def find_head(loaded: LoadedModel) -> Head | str:
    """The head of a causal model or a decoder, or the reason why there is none.

    Memory holds the unembedding, unless it is the embeddings.
    """
    if not loaded.causal and not is_encoder_decoder(loaded.model):
        return "the model is an encoder: it predicts no next token"
    found = unembedding(loaded)
    if found.rows is None or loaded.origin is None:
        return found.reason or "it isn't known where the model came from"
    try:
        own = replace(loaded.origin, config=deepcopy(loaded.origin.config))  # some settings of it are changed
        model = _stubbed(headed(own), loaded.model)
        scale, capped = _measured(model, found.rows)
    except (AttributeError, KeyError, IndexError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        return f"the code of {loaded.architecture} computes its logits in an unknown way ({type(error).__name__})"
    if scale is None:
        return f"the logits of {loaded.architecture} are not scaled products with its unembedding"
    _give(model, found.rows, found.bias)
    return Head(found.rows, found.bias, scale, capped, model)


class _Given:
    """The output of a stub: a last hidden state, and None for everything else."""

    def __init__(self, last: Tensor) -> None:
        self.last_hidden_state = last

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return ()
        return self.last_hidden_state if place in (0, "last_hidden_state") else None

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Tensor]:
        return iter((self.last_hidden_state,))


def _stubbed(model: Any, body: nn.Module) -> Any:
    """The model, with every part stubbed that holds its body, or the stacks of its body."""
    parts = {type(body)} if any(type(one) is type(body) for one in model.modules()) else set(map(type, body.children()))
    head = model.get_output_embeddings()
    model._given = None
    stubs = [child for child in model.children() if child is not head and _holds(child, parts)]
    if not stubs:
        raise ValueError("its body is not among its parts")
    for child in stubs:
        child.forward = lambda *_, **__: model._given
    for name in ("output_router_logits", "return_dict"):
        if hasattr(model.config, name):
            setattr(model.config, name, name == "return_dict")
    return model


def _holds(module: nn.Module, kinds: set[type]) -> bool:
    return any(type(one) in kinds for one in module.modules() if not isinstance(one, (nn.Embedding, nn.Linear)))


def _through(model: Any, last: Tensor) -> Tensor:
    """The model's logits for last hidden states (# position d_model): position token."""
    ids = torch.zeros(1, len(last), dtype=torch.int64, device=last.device)
    inputs = {"input_ids": ids}
    if getattr(model.config, "is_encoder_decoder", False):
        inputs["decoder_input_ids"] = ids
    model._given = _Given(last[None])
    try:
        logits: Tensor = model(**inputs, use_cache=False).logits
        return logits[0]
    finally:
        model._given = None


@contextmanager
def _given(model: Any, rows: Tensor) -> Iterator[None]:
    """Within the context, the model's head has these rows and no bias."""
    head = model.get_output_embeddings()
    before = head.weight, head.bias
    _give(model, rows, None)
    try:
        yield
    finally:
        head.weight, head.bias = before


def _give(model: Any, rows: Tensor, bias: Tensor | None) -> None:
    head = model.get_output_embeddings()
    head.weight = nn.Parameter(rows, requires_grad=False)
    head.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)


def _measured(model: Any, rows: Tensor) -> tuple[float | None, bool]:
    """The constant that multiplies logits, and whether they are soft-capped; None if it isn't a constant."""
    some = rows[:: max(1, len(rows) // _PROBED)][:_PROBED].detach().float().cpu()  # token d_model
    noise = torch.randn(4, rows.shape[1], generator=torch.Generator().manual_seed(0))  # position d_model
    products = noise @ some.T
    hidden = noise / products.abs().max().clamp_min(1e-30)
    with torch.inference_mode(), _given(model, some):
        small = _through(model, hidden * _SMALL).float() / _SMALL
        large = _through(model, hidden * _LARGE).float() / _LARGE
    plain = hidden @ some.T
    if small.shape[1] != plain.shape[1]:  # tokens that only pad the vocabulary are cut off
        return None, False
    scale = float((small * plain).sum() / plain.square().sum())
    if float((small - scale * plain).norm()) > _TOLERANCE * float((scale * plain).norm()):
        return None, False
    return scale, float((large - scale * plain).norm()) > _TOLERANCE * float((scale * plain).norm())
