"""A linear map as PEFT wraps it."""

from __future__ import annotations

from torch import Tensor, nn


class Adapted(nn.Module):
    """A linear map with an adapter, as PEFT wraps it."""

    def __init__(self, base_layer: nn.Linear) -> None:
        super().__init__()
        self.base_layer = base_layer
        self.in_features, self.out_features = base_layer.in_features, base_layer.out_features
        self.lora_A = nn.Linear(base_layer.in_features, 2, bias=False)
        self.lora_B = nn.Linear(2, base_layer.out_features, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.base_layer(x) + self.lora_B(self.lora_A(x))
        return output
