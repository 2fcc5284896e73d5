"""The table of known forms of gated MLPs: the names of their linear maps."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True, slots=True)
class Layout:
    """The names of the children of a gated MLP that computes down(act_fn(gate(x)) * in(x)).

    Where gate and in are one child, one half of its output is gate and the other is in.
    """

    gate: str
    in_: str
    down: str
    gate_first: bool = True  # of the halves
    activation: str | None = None  # written into the code, for want of a child or attribute; a torch function

    @property
    def fused(self) -> bool:
        return self.gate == self.in_

    @property
    def names(self) -> frozenset[str]:
        return frozenset({self.gate, self.in_, self.down})

    @property
    def adapter(self) -> str:
        if not self.fused:
            return f"{self.gate}, {self.in_}"
        return f"{self.gate} (halves)" if self.gate_first else f"{self.gate} (halves, gate second)"

    def fits(self, module: nn.Module) -> bool:
        """Whether `module` has children of these names."""
        return all(has_child(module, name) for name in self.names)


def has_child(module: nn.Module, name: str) -> bool:
    """Whether `module` has a submodule of a dotted name."""
    found: object = module
    for part in name.split("."):
        found = found._modules.get(part) if isinstance(found, nn.Module) else None
    return isinstance(found, nn.Module)


LAYOUTS = (
    Layout("gate_proj", "up_proj", "down_proj"),  # Llama, Mistral, Qwen, Gemma, OLMo, Granite, Cohere ...
    Layout("gate_up_proj", "gate_up_proj", "down_proj"),  # Phi-3, GLM, GLM-4
    Layout("w1", "w3", "w2", activation="silu"),  # LFM2
    Layout("wi_0", "wi_1", "wo"),  # T5 v1.1, mT5, uMT5, LongT5
    Layout("Wi", "Wi", "Wo"),  # ModernBERT; its code calls the second half "gate" and activates the first
    Layout("input_linear", "input_linear", "output_linear"),  # GraniteMoeHybrid without experts
    Layout("proj_up_gate", "proj_up", "proj_down"),  # xLSTM
    Layout("proj_up_gate_z", "proj_up_gate_z", "proj_down"),  # xLSTM with fused weights
    Layout("w_in.w_0", "w_in.w_1", "w_out"),  # CPM-Ant
)

NAMED_LAYOUTS = {
    "MoshiGatingMLP": Layout("fc1", "fc1", "fc2"),
    "KyutaiSpeechToTextGatingMLP": Layout("fc1", "fc1", "fc2"),
    "MoonshineDecoderMLP": Layout("fc1", "fc1", "fc2", gate_first=False),
    "MoonshineStreamingDecoderMLP": Layout("fc1", "fc1", "fc2", gate_first=False),
}
"""Classes whose children have the names of an MLP without a gate."""

ACTIVATION_ATTRIBUTES = ("act_fn", "activation_fn", "activation", "act", "w_in.act")
"""The attributes in which a gated MLP keeps its activation function."""
