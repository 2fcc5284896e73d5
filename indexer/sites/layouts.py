"""The table of known forms of gated MLPs, and that of the modules that look like one and are something else."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layout:
    """The names of the children of a gated MLP that computes down(act_fn(gate(x)) * in(x)).

    Where gate and in are one child, the first half of its output is gate and the second is in.
    """

    gate: str
    in_: str
    down: str

    @property
    def fused(self) -> bool:
        return self.gate == self.in_

    @property
    def names(self) -> frozenset[str]:
        return frozenset({self.gate, self.in_, self.down})

    @property
    def adapter(self) -> str:
        return f"{self.gate} (halves)" if self.fused else f"{self.gate}, {self.in_}"


LAYOUTS = (
    Layout("gate_proj", "up_proj", "down_proj"),  # Llama, Mistral, Qwen, Gemma, OLMo, Granite, Cohere ...
    Layout("gate_up_proj", "gate_up_proj", "down_proj"),  # Phi-3, GLM, GLM-4
)

ACTIVATION_ATTRIBUTES = ("act_fn", "activation_fn", "activation", "act")
"""Where a gated MLP keeps its activation function."""

ODD_MODULES = {
    "FalconH1MLP": "it multiplies the gate by a constant before the activation function",
    "Gemma3nTextMLP": "some of its layers sparsify the gate before the activation function",
    "BitNetMLP": "it has a norm between the product and the down projection",
    "BeamMLP": "it computes the product in another precision",
    "DeepseekV4MLP": "it clamps both factors",
    "Glm5NextTextMLP": "it clamps both factors",
    "Step3p7MLP": "it clamps both factors",
    "MiniMaxM3VLDenseMLP": "it clamps both factors and adds 1 to one of them",
    "Zamba2MLP": "several layers share its weights and add an adapter of their own",
    "ModernBertMLP": "gluscope doesn't know its form (Wi, Wo) yet",
    "Lfm2MLP": "gluscope doesn't know its form (w1, w3, w2) yet",
    "T5DenseGatedActDense": "gluscope doesn't know its form (wi_0, wi_1, wo) yet",
}
"""Gated MLPs that are not, or not only, down(act_fn(gate(x)) * in(x)) with known names: class -> why it is refused.

Each would be read wrongly, some only for weights other than the freshly initialised.
"""
