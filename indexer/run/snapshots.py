"""When to write an index of a run that is under way: always if asked to, else where it costs next to nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

from .loop import Loop

COST = 30.0
"""Unless asked for, a snapshot is written this many times its own cost after the last one, or later."""

_NEURON = 1e-3  # seconds to write one, until it is measured


class Snapshots:
    """Called after each checkpoint, writes a snapshot where it is due."""

    def __init__(self, write: Callable[[Loop], None], neurons: int, *, always: bool) -> None:
        self._write = write
        self._always = always
        self._cost = neurons * _NEURON
        self._written_at = time.monotonic()

    def __call__(self, loop: Loop) -> None:
        begun = time.monotonic()
        if self._always or begun - self._written_at >= COST * self._cost:
            self._write(loop)
            self._written_at = time.monotonic()
            self._cost = self._written_at - begun
