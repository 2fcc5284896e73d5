"""Chooses, once for each device, the engine that merges the batches of its sites."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from ..settings import Settings
from .activations import Activations
from .batch import BatchView, view_batch
from .deferred import Steps
from .engine import Engine, Filled
from .fuser import Fuser, reason
from .placement import Placement
from .sample import PositionSample
from .stack import Stack, form
from .tensors import Tensors


class Engines:
    """The engines of a run."""

    def __init__(self, compiles: bool, notice: Callable[[str], None], *, loops: bool = True) -> None:
        """With `loops` False the CPU uses tensor operations too."""
        self.tensors = Tensors(Fuser(compiles, notice))
        self._cpu: Engine = OnCpu(self.tensors, notice) if compiles and loops else self.tensors

    def on(self, device: torch.device) -> Engine:
        """The engine of a device."""
        return self._cpu if device.type == "cpu" else self.tensors

    @property
    def name(self) -> str:
        """What has merged batches, as in `Engine.name`."""
        return self._cpu.name if self._cpu.name == "loops" else self.tensors.name


class OnCpu:
    """numba's loops if they work, else tensor operations. Loops are tried when the first values of a dtype arrive."""

    def __init__(self, otherwise: Engine, notice: Callable[[str], None]) -> None:
        self._otherwise = otherwise
        self._notice = notice
        self._loops: Engine | None = None
        self._tried: set[torch.dtype] = set()
        self._lacking = False

    @property
    def name(self) -> str:
        return self._otherwise.name if self._loops is None or self._lacking else self._loops.name

    def steps(self, of: Filled, values: Activations, placement: Placement, batch: BatchView) -> Steps:
        """As `Engine` says."""
        return self._engine(values.gate.dtype).steps(of, values, placement, batch)

    def _engine(self, dtype: torch.dtype) -> Engine:
        if dtype not in self._tried and not self._lacking:
            self._tried.add(dtype)
            lacking = self._try(dtype)
            if lacking is not None:
                self._lacking = True
                self._notice(f"numba can't be used here, the statistics take longer: {lacking}")
        return self._otherwise if self._loops is None or self._lacking else self._loops

    def _try(self, dtype: torch.dtype) -> str | None:
        """Compile the loops for a dtype, unless they are cached. Returns None, or why they can't be used here."""
        try:
            import numba
        except (ImportError, OSError) as error:
            return reason(error)
        if vars(numba.config)["DISABLE_JIT"]:
            return "NUMBA_DISABLE_JIT is set"
        try:
            from .cpu import compiling
            from .cpu.loops import Loops

            self._loops = self._loops or Loops()
            with compiling.alone():
                try:
                    _feed(dtype, self._loops)
                except Exception:  # a truncated cache file can raise anything
                    compiling.forget()
                    _feed(dtype, self._loops)
        except Exception as error:  # errors of LLVM, files or memory: the run goes on without loops
            return reason(error)
        return None


def _feed(dtype: torch.dtype, engine: Engine) -> None:
    """Feed a small state with values of a dtype."""
    settings = Settings(top_k=1, sample=1)
    stack = Stack(form(16, sign_preserving=True, keep_act=False), settings, torch.device("cpu"), engine)
    one = np.zeros(1, dtype=np.int64)
    view = view_batch(np.zeros((1, 3), dtype=np.int64), one + 3, one, (one, one), settings, PositionSample(1))
    value = torch.ones((1, 3, 16), dtype=dtype)  # sequence position neuron
    stack.add(Activations(value, value, value, value), view)
