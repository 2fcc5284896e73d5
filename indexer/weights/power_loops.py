"""Sums of powers of differences in one pass over bfloat16 numbers, as numba's loops for the CPU."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from ..statistics.cpu.compiling import alone, compiled, forget
from ..statistics.cpu.crew import Crew

_TOGETHER = 4096  # summed in float32


class PowerLoops:
    """The loops, compiled. Made once; raises whatever numba raises where it can't be used."""

    def __init__(self) -> None:
        if vars(numba.config)["DISABLE_JIT"]:
            raise RuntimeError("NUMBA_DISABLE_JIT is set")
        self._crew = Crew()
        one = torch.ones(1, 1)
        with alone():
            try:
                self.sums(one.bfloat16(), one[0])
            except Exception:  # a truncated cache file can raise anything
                forget()
                self.sums(one.bfloat16(), one[0])

    def sums(self, scores: Tensor, centre: Tensor) -> Tensor:
        """The sums of the second, third and fourth powers of scores (# query row, bfloat16) less a centre (# query,
        float32): power query, float64."""
        found = np.empty((3, len(scores)))
        bits, centres = scores.contiguous().view(torch.int16).numpy().view(np.uint16), centre.numpy()
        self._crew.spread(lambda first, last: _loops()(bits, centres, first, last, found), len(scores))
        return torch.from_numpy(found)


@cache
def _loops() -> Callable[..., Any]:
    return compiled(_sums, any_order=True)


def _sums(bits: Any, centres: Any, first: int, last: int, found: Any) -> None:
    """Rows from `first` to before `last`. A bfloat16 is the upper half of a float32."""
    columns = bits.shape[1]
    for row in range(first, last):
        centre = centres[row]
        second, third, fourth = 0.0, 0.0, 0.0
        for start in range(0, columns, _TOGETHER):
            part = bits[row, start : start + _TOGETHER]
            two, three, four = np.float32(0), np.float32(0), np.float32(0)
            for column in range(len(part)):  # all in 32 bits: wider numbers would take five times as long
                off = np.uint32(np.uint32(part[column]) << np.uint32(16)).view(np.float32) - centre
                square = off * off
                two += square
                three += square * off
                four += square * square
            second += two
            third += three
            fourth += four
        found[0, row] = second
        found[1, row] = third
        found[2, row] = fourth
