"""The values around a peak, as they are kept: one signed byte for each token and quantity, with exact signs."""

from __future__ import annotations

import torch
from torch import Tensor

from ..database.format.prediction import LEVELS, NOT_COUNTED


def gather_windows(lanes: tuple[Tensor, ...], row: Tensor, neuron: Tensor) -> tuple[Tensor, Tensor]:
    """The windows of some peaks: codes `# peak lane offset` int8, and scales `# peak lane` float32.

    `lanes`: the quantities kept, each `# row neuron`. `row`: peak offset, the places of a window among the rows, -1 for
    positions that have no value. `neuron`: of each peak.
    """
    place = row.clamp(min=0), neuron[:, None]
    values = [lane[place].to(torch.float32) for lane in lanes]  # each peak offset
    return encode_lanes(torch.stack(values, 1), (row >= 0)[:, None, :])


def encode_lanes(values: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Codes and scales of windows. `values` (float32) and `valid` are peak lane offset; `valid` broadcasts.

    The scale is the largest valid magnitude. A code c > 0 stands for (c - 0.5) / 127 of it, -c for the negative, 0 for
    exactly 0 and -128 for no value. No value is off by more than 0.394 % of the scale, and no sign is lost.
    """
    magnitude = torch.where(valid, values.abs(), 0.0)
    scale = magnitude.amax(2)  # peak lane
    step = torch.where(scale > 0, scale, 1.0)[:, :, None]
    code = (magnitude / step * LEVELS).ceil().clamp(1, LEVELS)
    code = torch.where(values > 0, code, torch.where(values < 0, -code, 0.0))
    return torch.where(valid, code, float(NOT_COUNTED)).to(torch.int8), scale
