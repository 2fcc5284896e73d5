"""Recognises a model's activation function in the closed list, by its values and not by its class."""

from __future__ import annotations

import re
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..database.format.activations import ACTIVATIONS, twin

Activation = Callable[[Tensor], Tensor]

_GRID = [step / 16 for step in range(-320, 321)]  # -20 to 20: past every bend and clip in the list
_TOLERANCE = 1e-5  # float32 rounding; the two GELUs, the closest pair of the list, are 4.7e-4 apart


def identify(act_fn: Activation) -> str:
    """The name of `act_fn`: of the listed function with the same values, or else its own (which has no twin)."""
    values = _values(act_fn)
    if values is not None:
        for name in ACTIVATIONS:
            function = twin(name)
            if function is not None and _agree(values, [function(x) for x in _GRID]):
                return name
    own = getattr(act_fn, "__name__", None) or type(act_fn).__name__
    return re.sub(r"\W+", "_", own).lower()


def _values(act_fn: Activation) -> list[float] | None:
    """`act_fn` on the grid, or None if it can't be computed because its parameters are not loaded."""
    parameters = [*act_fn.parameters(), *act_fn.buffers()] if isinstance(act_fn, nn.Module) else []
    device = parameters[0].device if parameters else torch.device("cpu")
    if device.type == "meta":
        return None
    with torch.inference_mode():
        grid = torch.tensor(_GRID, dtype=torch.float32, device=device)
        return [float(value) for value in act_fn(grid).float().cpu()]


def _agree(values: list[float], expected: list[float]) -> bool:
    return all(abs(a - b) <= _TOLERANCE * max(1.0, abs(b)) for a, b in zip(values, expected, strict=True))
