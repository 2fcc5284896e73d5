"""Effects computed plainly: the whole model with its head, one sequence at a time, no cache, formulas in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import transformers
from torch import Tensor

from .plain_experts import output, plain_rows

Floats = npt.NDArray[np.float64]
Alter = Callable[[float, float, float], "float | None"]
"""Gate, in and post of the neuron at a position -> its new post, or None where it stays."""

Neuron = tuple[int, "int | None", int]
"""Layer, expert or None, index."""


def signs(gate: float, in_: float) -> str | None:
    """The raw quadrant; None where a factor is exactly 0."""
    if gate == 0 or in_ == 0:
        return None
    return ("+" if gate > 0 else "-") + ("+" if in_ > 0 else "-")


def replaced(quadrants: set[str], new: Callable[[str, float], float]) -> Alter:
    """An alteration in raw quadrants: `new` takes the quadrant and post."""

    def alter(gate: float, in_: float, post: float) -> float | None:
        found = signs(gate, in_)
        return new(found, post) if found is not None and found in quadrants else None

    return alter


@dataclass(frozen=True)
class Change:
    """What one alteration changes in one sequence; arrays along positions."""

    altered: npt.NDArray[np.bool_]
    nll: Floats  # of the next token; the last one is NaN
    kl: Floats
    entropy: Floats
    top: npt.NDArray[np.bool_]
    tokens: Floats  # position token: changes of log-probabilities
    shift: Floats  # of post


class PlainModel:
    """A saved model with its head, run position by position through plain hooks."""

    parts = ("gate_proj", "up_proj", "down_proj")

    def __init__(self, folder: Path, dtype: torch.dtype = torch.float32) -> None:
        auto: Any = transformers.AutoModelForCausalLM
        self.model = auto.from_pretrained(folder, dtype=dtype).eval()

    def mlp(self, layer: int) -> Any:
        """The MLP of a layer."""
        return self.model.model.layers[layer].mlp

    def inputs(self, ids: list[int]) -> dict[str, Tensor]:
        """What the model is given."""
        return {"input_ids": torch.tensor([ids])}

    def log_probabilities(self, ids: list[int]) -> Floats:
        """position token."""
        with torch.no_grad():
            logits: Floats = self.model(**self.inputs(ids), use_cache=False).logits[0].double().numpy()
        shifted = logits - logits.max(-1, keepdims=True)
        found: Floats = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
        return found

    def change(self, ids: list[int], neuron: Neuron, alter: Alter, *, first: bool) -> Change:
        """What altering a neuron changes; `first`: position 0 may be altered too."""
        return self.changes(ids, [neuron], alter, first=first)

    def changes(self, ids: list[int], neurons: Sequence[Neuron], alter: Alter, *, first: bool) -> Change:
        """What altering several neurons of gated MLPs changes, or one of an expert; shifts are of the last one."""
        plain = self.log_probabilities(ids)
        seen: dict[int, tuple[float, float]] = {}

        def each(position: int, gate: float, in_: float, post: float) -> float:
            new = alter(gate, in_, post) if position or first else None
            if new is None:
                return post
            seen[position] = (post, new)
            return new

        with ExitStack() as stack:
            for layer, expert, index in neurons:
                stack.enter_context(
                    self._dense(layer, index, each) if expert is None else self._expert(layer, expert, index, each)
                )
            other = self.log_probabilities(ids)
        number = len(ids)
        altered = np.array([position in seen for position in range(number)])
        p, q = np.exp(plain), np.exp(other)
        nll = np.array([plain[at, ids[at + 1]] - other[at, ids[at + 1]] for at in range(number - 1)] + [np.nan])
        return Change(
            altered=altered,
            nll=nll,
            kl=(p * (plain - other)).sum(-1),
            entropy=(p * plain).sum(-1) - (q * other).sum(-1),
            top=plain.argmax(-1) != other.argmax(-1),
            tokens=other - plain,
            shift=np.array([seen[at][1] - seen[at][0] if at in seen else 0.0 for at in range(number)]),
        )

    @contextmanager
    def _dense(self, layer: int, index: int, each: Callable[[int, float, float, float], float]) -> Iterator[None]:
        mlp, held = self.mlp(layer), dict[str, Tensor]()
        gate, in_, down = (getattr(mlp, name) for name in self.parts)
        handles = [
            gate.register_forward_hook(lambda _m, _a, out: held.__setitem__("gate", out)),
            in_.register_forward_hook(lambda _m, _a, out: held.__setitem__("in", out)),
        ]

        def enter(_module: Any, args: tuple[Tensor]) -> tuple[Tensor]:
            post = args[0].clone()
            for position in range(post.shape[1]):
                at = (0, position, index)
                post[at] = each(position, float(held["gate"][at]), float(held["in"][at]), float(post[at]))
            return (post,)

        handles.append(down.register_forward_pre_hook(enter))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    @contextmanager
    def _expert(
        self, layer: int, expert: int, index: int, each: Callable[[int, float, float, float], float]
    ) -> Iterator[None]:
        module = self.mlp(layer).experts

        def forward(hidden: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
            rows = []
            for row in plain_rows(module, hidden, chosen, weights):
                if row.expert == expert:
                    values = float(row.gate[index]), float(row.in_[index]), float(row.post[index])
                    row.post[index] = each(row.token, *values)
                rows.append(row)
            return output(module, rows, hidden)

        module.forward = forward
        try:
            yield
        finally:
            del module.forward


class PlainTwoStacks(PlainModel):
    """The same for the neurons of one stack of an encoder-decoder, both of whose stacks read the same ids.

    The encoder does not see the first, which only decoders begin with.
    """

    def __init__(self, folder: Path, family: str, stack: str) -> None:
        """`family`: mt5 or t5gemma; `stack`: enc or dec."""
        auto: Any = transformers.AutoModelForSeq2SeqLM
        self.model = auto.from_pretrained(folder, dtype=torch.float32).eval()
        name = {"enc": "encoder", "dec": "decoder"}[stack]
        if family == "mt5":
            self.parts = ("wi_0", "wi_1", "wo")
            self._mlps = [block.layer[-1].DenseReluDense for block in getattr(self.model, name).block]
        else:
            self._mlps = [layer.mlp for layer in getattr(self.model.model, name).layers]

    def mlp(self, layer: int) -> Any:
        return self._mlps[layer]

    def inputs(self, ids: list[int]) -> dict[str, Tensor]:
        seen = torch.ones(1, len(ids), dtype=torch.int64)
        seen[0, 0] = 0
        return {"input_ids": torch.tensor([ids]), "attention_mask": seen, "decoder_input_ids": torch.tensor([ids])}
