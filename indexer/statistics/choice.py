"""Chooses, once for each device, the engine that merges the batches of its sites."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from ..settings import Settings
from .activations import Activations
from .batch import BatchView, view_batch
from .deferred import Steps
from .engine import Engine, Filled, Form
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
        self._cuda: Engine = OnCuda(self.tensors, notice) if compiles else self.tensors

    def on(self, device: torch.device) -> Engine:
        """The engine of a device."""
        return {"cpu": self._cpu, "cuda": self._cuda}.get(device.type, self.tensors)

    @property
    def name(self) -> str:
        """What has merged batches, as in `Engine.name`."""
        names = self._cpu.name, self._cuda.name
        return next((name for name in ("loops", "kernels") if name in names), self.tensors.name)


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


class OnCuda:
    """Triton's kernels if they work, else tensor operations.

    Kernels are tried when the first values of a kind arrive: what they make of small batches must be equal to the last
    bit to what tensor operations make of them.
    """

    def __init__(self, otherwise: Engine, notice: Callable[[str], None]) -> None:
        self._otherwise = otherwise
        self._notice = notice
        self._kernels: Engine | None = None
        self._tried: set[tuple[object, ...]] = set()
        self._lacking = False

    @property
    def name(self) -> str:
        return self._otherwise.name if self._kernels is None or self._lacking else self._kernels.name

    def steps(self, of: Filled, values: Activations, placement: Placement, batch: BatchView) -> Steps:
        """As `Engine` says."""
        return self._engine(of, values, routed=not placement.alike).steps(of, values, placement, batch)

    def _engine(self, of: Filled, values: Activations, *, routed: bool) -> Engine:
        width = 48 if of.form.width % 16 == 0 else 41  # kernels are compiled apart for the two
        shape, dtype, device = of.form._replace(width=width), values.gate.dtype, values.gate.device
        kind = (shape, of.settings, dtype, device, routed)
        if kind not in self._tried and not self._lacking:
            self._tried.add(kind)
            lacking = self._try(of, shape, dtype, device, routed=routed)
            if lacking is not None:
                self._lacking = True
                self._notice(f"Triton's kernels can't be used here, the statistics take longer: {lacking}")
        return self._otherwise if self._kernels is None or self._lacking else self._kernels

    def _try(self, of: Filled, shape: Form, dtype: torch.dtype, device: torch.device, *, routed: bool) -> str | None:
        """Compile the kernels for a kind of values. Returns None, or why they can't be used here."""
        try:
            from .gpu.kernels import Kernels, lacking
            from .gpu.trial import difference
        except (ImportError, OSError) as error:
            return reason(error)
        if (lack := lacking(of)) is not None:
            return lack
        self._kernels = self._kernels or Kernels()
        plain = Tensors(Fuser(False, self._notice))
        try:
            unlike = difference((plain, self._kernels), shape, of.settings, dtype, device, routed)
        except (torch.OutOfMemoryError, MemoryError):
            raise
        except Exception as error:  # errors of Triton and LLVM: the run goes on without kernels
            return reason(error)
        return None if unlike is None else f"they give another {unlike}"


def _feed(dtype: torch.dtype, engine: Engine) -> None:
    """Feed a small state with values of a dtype."""
    settings = Settings(top_k=1, sample=1)
    stack = Stack(form(16, sign_preserving=True, keep_act=False), settings, torch.device("cpu"), engine)
    one = np.zeros(1, dtype=np.int64)
    view = view_batch(np.zeros((1, 3), dtype=np.int64), one + 3, one, (one, one), settings, PositionSample(1))
    value = torch.ones((1, 3, 16), dtype=dtype)  # sequence position neuron
    stack.add(Activations(value, value, value, value), view)
