"""Models run by plain transformers with plain hooks, a sequence at a time: what an index is compared with.

Independent of `indexer`: it tokenises, cuts, runs and reads on its own, slowly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
import transformers
from torch import Tensor, nn
from transformers.convert_slow_tokenizer import bytes_to_unicode

from .naive import Computed


class Settings(Protocol):
    """The settings of a run that the reference goes by."""

    @property
    def dtype(self) -> str: ...
    @property
    def layers(self) -> Sequence[int] | None: ...
    @property
    def bos(self) -> str: ...
    @property
    def context(self) -> int: ...
    @property
    def long(self) -> str: ...
    @property
    def tokens(self) -> int | None: ...


@dataclass(frozen=True)
class Cut:
    """A document, or a part of one, as tokens."""

    document: int
    part: int
    ids: list[int]


Values = tuple[Tensor, Tensor, Tensor, Tensor]
"""Gate, in, act and post of a sequence: position neuron, float32."""


class Reference:
    """A model's body, and what it computes for a corpus under some settings."""

    def __init__(self, body: nn.Module, tokenizer: Any, texts: Sequence[str], settings: Settings) -> None:
        self.tokenizer = tokenizer
        self.settings = settings
        self.cuts = cut(tokenizer, texts, settings)
        self._body = body
        self._layers: dict[int, list[Values]] = {}

    @classmethod
    def of(cls, folder: Path, texts: Sequence[str], settings: Settings, device: str = "cpu") -> Reference:
        """The reference for a model saved in a folder, run on a device."""
        models: Any = transformers.AutoModelForCausalLM
        tokenizers: Any = transformers.AutoTokenizer
        model = models.from_pretrained(folder, dtype=settings.dtype).eval().to(device)
        return cls(model.get_submodule("model"), tokenizers.from_pretrained(folder), texts, settings)

    @property
    def tokens(self) -> int:
        return sum(len(one.ids) for one in self.cuts)

    def layer(self, number: int, neurons: Sequence[int] | None = None) -> list[Computed]:
        """The values of a layer's gated MLP for every sequence: all its neurons, or some, in that order."""
        chosen = slice(None) if neurons is None else list(neurons)
        return [
            Computed(one.document, one.part, one.ids, *(values[:, chosen].tolist() for values in computed))
            for one, computed in zip(self.cuts, self.values(number), strict=True)
        ]

    def values(self, number: int) -> list[Values]:
        """The same as tensors."""
        if not self._layers:
            self._run()
        return self._layers[number]

    def weights(self, layer: int) -> tuple[Tensor, Tensor]:
        """The rows of gate and in, neuron d_model, in float64."""
        mlp: Any = self._body.get_submodule(f"layers.{layer}.mlp")
        if hasattr(mlp, "gate_up_proj"):
            gate, in_ = mlp.gate_up_proj.weight.chunk(2)
        else:
            gate, in_ = mlp.gate_proj.weight, mlp.up_proj.weight
        return gate.detach().double(), in_.detach().double()

    def _run(self) -> None:
        chosen = self.settings.layers
        mlps = {
            int(name.split(".")[-2]): module
            for name, module in self._body.named_modules()
            if name.endswith(".mlp") and hasattr(module, "down_proj")
        }
        mlps = {layer: mlp for layer, mlp in mlps.items() if chosen is None or layer in chosen}
        self._layers = {layer: [] for layer in mlps}
        seen: dict[tuple[int, str], Tensor] = {}
        for layer, mlp in mlps.items():
            _listen(mlp, layer, seen)
        device = next(self._body.parameters()).device
        for one in self.cuts:
            with torch.no_grad():
                self._body(input_ids=torch.tensor([one.ids], device=device), use_cache=False)
            for layer in mlps:
                gate, in_, act, post = (
                    seen[layer, name].float().cpu().clone() for name in ("gate", "in", "act", "post")
                )
                self._layers[layer].append((gate, in_, act, post))


def cut(tokenizer: Any, texts: Sequence[str], settings: Settings) -> list[Cut]:
    """The sequences of a corpus, as the contract says."""
    front: list[int] = []
    if settings.bos != "never" and tokenizer.bos_token_id is not None:
        front = [tokenizer.bos_token_id]
    elif settings.bos == "always":
        front = [tokenizer.eos_token_id]
    cuts: list[Cut] = []
    for document, text in enumerate(texts):
        ids = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        part = 0
        while ids:
            room = settings.context - len(front)
            cuts.append(Cut(document, part, front + ids[:room]))
            ids = ids[room:] if settings.long == "split" else []
            part += 1
        if settings.tokens is not None and sum(len(one.ids) for one in cuts) >= settings.tokens:
            break
    return cuts


def token_bytes(tokenizer: Any, id_: int) -> bytes:
    """The bytes of a token of a byte-level tokenizer; a special token's are its name."""
    name = tokenizer.convert_ids_to_tokens(id_)
    if id_ in tokenizer.all_special_ids:
        return str(name).encode()
    characters: Callable[[], dict[int, str]] = bytes_to_unicode
    table = {character: byte for byte, character in characters().items()}
    return bytes(table[character] for character in name)


def _listen(mlp: nn.Module, layer: int, seen: dict[tuple[int, str], Tensor]) -> None:
    """Put what an MLP computes of a single sequence into `seen`."""

    def after(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            seen[layer, name] = output[0]

        return hook

    def fused(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
        seen[layer, "gate"], seen[layer, "in"] = output[0].chunk(2, dim=-1)

    def before_down(_module: nn.Module, inputs: tuple[Tensor]) -> None:
        seen[layer, "post"] = inputs[0][0]

    parts = dict(mlp.named_children())
    if "gate_up_proj" in parts:
        parts["gate_up_proj"].register_forward_hook(fused)
    else:
        parts["gate_proj"].register_forward_hook(after("gate"))
        parts["up_proj"].register_forward_hook(after("in"))
    parts["activation_fn" if "activation_fn" in parts else "act_fn"].register_forward_hook(after("act"))
    parts["down_proj"].register_forward_pre_hook(before_down)
