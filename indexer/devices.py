"""Tensors on their way to the device of a model, and where the statistics of a model on it are kept."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


def upload(data: Tensor | npt.NDArray[np.generic], device: torch.device) -> Tensor:
    """A CPU tensor moved to a device; the host doesn't wait for the copy to a GPU."""
    tensor = data if isinstance(data, Tensor) else torch.from_numpy(data)
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def home(device: torch.device) -> torch.device:
    """The device that keeps the statistics of a device's values: the CPU for Apple's GPUs, which have no float64."""
    return torch.device("cpu") if device.type == "mps" else device


def follows(device: torch.device) -> bool:
    """Whether a device works asynchronously, so that the host should not wait for it."""
    return device.type == "cuda"
