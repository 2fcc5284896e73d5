"""When to write a snapshot of a run under way: always if asked to, else when it costs next to nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

from .loop import Loop

COST = 30.0
"""Unless asked for, the time between two snapshots is at least this many times the time that writing one takes."""

_NEURON = 1e-3  # seconds to write one, until it is measured


class Snapshots:
    """Called after each checkpoint; writes a snapshot if one is due."""

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
