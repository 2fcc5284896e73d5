"""Merging that lags the model, so that no device ever waits for the host to learn what was found.

How a site merges a batch depends on numbers that its device has yet to compute, such as how many examples enter.
Merging is therefore written as steps: each step yields such numbers as tensors, and the next one receives them on the
host. On the CPU that happens at once. On a GPU the numbers are copied while the model goes on; the next step is taken
once they have arrived and another site is observed.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias

import torch
from torch import Tensor

from .sample import Ints

_HELD = 2**31
"""Bytes that all steps together may hold; beyond that, the next step waits for the one before."""

Steps: TypeAlias = Generator[Tensor, Ints, None]
"""Yields int64 tensors and is sent their numbers. The tensors that it reads must not change until it ends."""


def at_once(steps: Steps) -> None:
    """Take all steps, waiting for each number."""
    try:
        found = next(steps)
        while True:
            found = steps.send(found.cpu().numpy())
    except StopIteration:
        return


class DeferredSteps:
    """The steps under way; the steps of one owner are taken in order.

    Steps that raised an error raise it again when continued; `drop` says whether they can be started again.
    """

    def __init__(self) -> None:
        self._under_way: list[_UnderWay] = []

    def take(self, owner: object, words: str, steps: Steps, held: int) -> None:
        """Begin some steps, and go on with those that are under way and have their numbers, oldest first.

        `words` describe them in an error. `held`: bytes that they keep occupied; if all together hold too much, steps
        under way go on without their numbers having arrived, and wait for them.
        """
        for earlier in self._under_way:
            if earlier.owner is owner:
                self._finish(earlier)
        before = list(self._under_way)
        self._under_way.append(_UnderWay(owner, words, steps, held))
        self._step(self._under_way[-1])
        for each in before:
            if sum(other.held for other in self._under_way) > _HELD:
                self._finish(each)  # all of it: waiting for a step of each would wait for the last one launched
            elif each in self._under_way and each.arrived():
                self._step(each)

    def finish(self) -> None:
        """Take all steps that are left."""
        for each in list(self._under_way):
            self._finish(each)

    def mark(self) -> Mark:
        """A mark of the steps under way now, for `drop`."""
        return frozenset(self._under_way)

    def drop(self, mark: Mark) -> str | None:
        """After an error, give up the steps begun since a mark. Returns the words of a lost one begun before it."""
        lost = [each.words for each in self._under_way if each in mark and each.error is not None]
        self._under_way = [each for each in self._under_way if each in mark]
        return lost[0] if lost else None

    def _finish(self, each: _UnderWay) -> None:
        while each in self._under_way:
            self._step(each)

    def _step(self, each: _UnderWay) -> None:
        if each.step():
            self._under_way = [other for other in self._under_way if other is not each]


class _UnderWay:
    def __init__(self, owner: object, words: str, steps: Steps, held: int) -> None:
        self.owner = owner
        self.words = words
        self.held = held
        self.error: BaseException | None = None
        self._steps = steps
        self._reply: _Arriving | None = None

    def arrived(self) -> bool:
        """Whether the numbers that the next step needs have arrived."""
        return self._reply is None or self._reply.arrived()

    def step(self) -> bool:
        """Take a step; returns whether it was the last."""
        if self.error is not None:
            raise self.error
        try:
            given = next(self._steps) if self._reply is None else self._steps.send(self._reply.numbers())
            self._reply = _Arriving(given)
        except StopIteration:
            return True
        except BaseException as error:
            self.error = error
            raise
        return False


Mark: TypeAlias = frozenset[_UnderWay]


class _Arriving:
    """Numbers on their way from a device."""

    def __init__(self, tensor: Tensor) -> None:
        self._event = None
        if tensor.device.type != "cuda":
            self._host = tensor.cpu()
            return
        self._host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        self._host.copy_(tensor, non_blocking=True)
        self._event = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]  # of the library
        self._event.record(torch.cuda.current_stream(tensor.device))

    def arrived(self) -> bool:
        return self._event is None or bool(self._event.query())  # type: ignore[no-untyped-call]  # of the library

    def numbers(self) -> Ints:
        """Wait for the numbers to arrive."""
        if self._event is not None:
            self._event.synchronize()
        found: Ints = self._host.numpy()
        return found
