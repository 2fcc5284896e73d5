"""A trial of the loops, so that a run begins with loops that are compiled, or without them."""

from __future__ import annotations

import numpy as np
import torch

from ...settings import Settings
from ..reduction import Activations, Fuser
from ..sample import PositionSample
from ..site_state import SiteState, view_batch
from . import compiling


def trial(dtype: torch.dtype, fuse: Fuser) -> str | None:
    """Feed a small state with loops for values of a type: None, or why that can't be done here."""
    try:
        with compiling.alone():
            try:
                _feed(dtype, fuse)
            except Exception:  # half a file that was kept can raise anything
                compiling.forget()
                _feed(dtype, fuse)
    except Exception as error:  # LLVM's, of files, of memory: a run goes on without loops in any case
        return " ".join(str(error).split()[:40]) or type(error).__name__
    return None


def _feed(dtype: torch.dtype, fuse: Fuser) -> None:
    settings, cpu = Settings(top_k=1, sample=1), torch.device("cpu")
    state = SiteState(16, settings, sign_preserving=True, keep_act=False, device=cpu)
    one = np.zeros(1, dtype=np.int64)
    view = view_batch(np.zeros((1, 3), dtype=np.int64), one + 3, one, one, one, settings, PositionSample(1))
    value = torch.ones((1, 3, 16), dtype=dtype)  # sequence position neuron
    state.walk(Activations(value, value, value, value), view, fuse)
