"""Compiling pure tensor functions, with a way out where that fails."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import torch

Result = TypeVar("Result")

_ONE_KERNEL = {"max_fusion_size": 256, "cpp.max_horizontal_fusion_size": 256}
"""With so many results, inductor by default makes several loops; each reads the values and computes the masks."""


class Fuser:
    """Compiles pure tensor functions; if that fails, runs them uncompiled."""

    def __init__(self, enabled: bool, notice: Callable[[str], None]) -> None:
        self.enabled = enabled
        self._notice = notice
        self._compiled: dict[Callable[..., Any], Callable[..., Any]] = {}

    @property
    def compiled(self) -> bool:
        """Whether anything was compiled, and works."""
        return self.enabled and bool(self._compiled)

    def __call__(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """The function's result on the arguments, fused if that works here."""
        if not self.enabled:
            return function(*arguments)
        if function not in self._compiled:
            # On a GPU the first shape as it is, then what has changed left open: a site's width never changes, and
            # kernels for a known one read several values at once. Elsewhere compiling once is enough.
            dynamic = None if torch.cuda.is_available() else True
            self._compiled[function] = torch.compile(function, dynamic=dynamic, options=dict(_ONE_KERNEL))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result: Result = self._compiled[function](*arguments)
                return result
        except (torch.OutOfMemoryError, MemoryError):
            raise
        except Exception as error:
            # A missing compiler, missing headers and limits of torch and Triton raise many kinds of errors. An error in
            # the arguments is raised again by the function itself.
            self.enabled = False
            self._notice(f"the statistics run uncompiled, slower: {reason(error)}")
            return function(*arguments)


def reason(error: Exception) -> str:
    """A short text for an error."""
    return " ".join(str(error).split()[:40]) or type(error).__name__
