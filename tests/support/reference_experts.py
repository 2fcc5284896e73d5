"""Mixtures of experts run by plain transformers, a sequence at a time: what their indexes are compared with.

Independent of `indexer`: what entered each module of experts is kept by a plain hook and computed from there on, a
token at a time; the bits are those of the model's own row that is nearest.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers
from torch import Tensor

from .naive import Computed
from .plain_experts import one
from .reference import Cut, Settings, cut


class ExpertReference:
    """A model, and what the experts of its layers compute for a corpus under some settings."""

    def __init__(self, folder: Path, texts: Sequence[str], settings: Settings, device: str = "cpu") -> None:
        """The model runs on a device; what it computed is computed again on the CPU."""
        models: Any = transformers.AutoModel
        tokenizers: Any = transformers.AutoTokenizer
        self._body = models.from_pretrained(folder, dtype=settings.dtype).eval()
        self.tokenizer = tokenizers.from_pretrained(folder)
        self.cuts = cut(self.tokenizer, texts, settings)
        self.modules: dict[int, Any] = {
            int(name.split(".")[1]): module for name, module in self._body.named_modules() if name.endswith(".experts")
        }
        self._device = device
        self._entered: dict[int, list[_Pass]] = {}

    @property
    def tokens(self) -> int:
        return sum(len(one.ids) for one in self.cuts)

    def expert(self, layer: int, expert: int) -> list[Computed]:
        """The values of an expert for every sequence; zeros for tokens that are not routed to it."""
        if not self._entered:
            self._run()
        module = self.modules[layer]
        return [
            self._computed(module, expert, cut_, entered)
            for cut_, entered in zip(self.cuts, self._entered[layer], strict=True)
        ]

    def _computed(self, module: Any, expert: int, cut_: Cut, entered: _Pass) -> Computed:
        reached = {
            token: one(module, expert, entered.hidden[token])
            for token in range(len(entered.hidden))
            if any(
                int(e) == expert and float(w) != 0
                for e, w in zip(entered.choice[token], entered.weights[token], strict=True)
            )
        }
        found = {token: entered.bits_of(plain) for token, plain in reached.items()}
        zeros = [0.0] * entered.post.shape[1]
        gate, in_, act, post = (
            [found[token][quantity] if token in found else zeros for token in range(len(entered.hidden))]
            for quantity in range(4)
        )
        return Computed(cut_.document, cut_.part, cut_.ids, gate, in_, act, post, reached=frozenset(reached))

    @torch.no_grad()
    def _run(self) -> None:
        self._entered = {layer: [] for layer in self.modules}
        for layer, module in self.modules.items():
            _listen(module, self._entered[layer])
        self._body.to(self._device)
        for one_ in self.cuts:
            self._body(input_ids=torch.tensor([one_.ids], device=self._device), use_cache=False)
        self._body.cpu()


class _Pass(NamedTuple):
    """One run of a module of experts: what entered it, and all rows of its projection, in an order not known here."""

    hidden: Tensor  # token d_model
    choice: Tensor  # token choice
    weights: Tensor  # token choice
    gate: Tensor  # row neuron
    in_: Tensor  # row neuron
    act: Tensor  # row neuron
    post: Tensor  # row neuron

    def bits_of(self, plain: tuple[Tensor, Tensor, Tensor, Tensor]) -> list[list[float]]:
        """The model's own values in the row nearest to the result of plain arithmetic: four lists."""
        apart = (self.gate - plain[0]).abs().amax(1)
        row = int(apart.argmin())
        rounding = max(1e-4, 4 * torch.finfo(self.gate.dtype).eps)
        assert float(apart[row]) < rounding * max(1.0, float(plain[0].abs().max()))
        return [values[row].float().tolist() for values in (self.gate, self.in_, self.act, self.post)]


def _listen(module: Any, passes: list[_Pass]) -> None:
    """Keep what enters a module of experts, and what it makes of its projection."""
    inner = module._apply_gate
    entered: list[tuple[Tensor, ...]] = []
    acts: list[Tensor] = []

    def product(gate_up: Tensor) -> Tensor:
        post: Tensor = inner(gate_up)
        if type(module).__name__ == "GptOssExperts":
            limit, alpha = module.config.swiglu_limit, module.config.swiglu_alpha
            gate, in_ = gate_up[:, ::2], gate_up[:, 1::2].clamp(-limit, limit) + 1
            low = gate.clamp(max=limit)
            acts.append(low * torch.sigmoid(low * alpha))
        else:
            gate, in_ = gate_up.chunk(2, dim=-1)
        kept = (part.cpu().clone() for part in (*entered.pop(), gate, in_, acts.pop(), post))
        passes.append(_Pass(*kept))
        return post

    module._apply_gate = product
    module.register_forward_pre_hook(lambda _module, args: entered.append(args))
    if hasattr(module, "act_fn"):
        module.act_fn.register_forward_hook(lambda _module, _args, output: acts.append(output))
