"""Mixtures of experts run by plain transformers, a sequence at a time: what their indexes are compared with.

Independent of `indexer`: what entered each module of experts is kept by a plain hook, and computed from there on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor, nn

from indexer.settings import Settings

from .naive import Computed
from .plain_experts import one
from .reference import Cut, cut


class ExpertReference:
    """A model, and what the experts of its layers compute for a corpus under some settings."""

    def __init__(self, folder: Path, texts: Sequence[str], settings: Settings) -> None:
        models: Any = transformers.AutoModel
        tokenizers: Any = transformers.AutoTokenizer
        self._body = models.from_pretrained(folder, dtype=settings.dtype).eval()
        self.tokenizer = tokenizers.from_pretrained(folder)
        self.cuts = cut(self.tokenizer, texts, settings)
        self.modules: dict[int, Any] = {
            int(name.split(".")[1]): module for name, module in self._body.named_modules() if name.endswith(".experts")
        }
        self._entered: dict[int, list[tuple[Tensor, Tensor, Tensor]]] = {}

    @property
    def tokens(self) -> int:
        return sum(len(one.ids) for one in self.cuts)

    def expert(self, layer: int, expert: int) -> list[Computed]:
        """What an expert computes for every sequence, where tokens are routed to it; zeros where they are not."""
        if not self._entered:
            self._run()
        module = self.modules[layer]
        return [
            self._computed(module, expert, cut_, entered)
            for cut_, entered in zip(self.cuts, self._entered[layer], strict=True)
        ]

    def _computed(self, module: Any, expert: int, cut_: Cut, entered: tuple[Tensor, Tensor, Tensor]) -> Computed:
        hidden, index, weights = entered
        reached = [
            token
            for token in range(len(hidden))
            if any(int(e) == expert and float(w) != 0 for e, w in zip(index[token], weights[token], strict=True))
        ]
        with torch.no_grad():
            found = {token: one(module, expert, hidden[token]) for token in reached}
            width = len(one(module, expert, hidden[0])[0])
        rows = [
            [found[token][quantity].tolist() if token in found else [0.0] * width for token in range(len(hidden))]
            for quantity in range(4)
        ]
        gate, in_, act, post = rows
        return Computed(cut_.document, cut_.part, cut_.ids, gate, in_, act, post, frozenset(reached))

    def _run(self) -> None:
        self._entered = {layer: [] for layer in self.modules}
        for layer, module in self.modules.items():
            _listen(module, self._entered[layer])
        for one_ in self.cuts:
            with torch.no_grad():
                self._body(input_ids=torch.tensor([one_.ids]), use_cache=False)


def _listen(module: nn.Module, entered: list[tuple[Tensor, Tensor, Tensor]]) -> None:
    module.register_forward_pre_hook(lambda _module, args: entered.append(tuple(part.clone() for part in args)))
