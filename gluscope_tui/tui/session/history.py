"""The jumps of a session: back and forward through earlier lists and places."""

from __future__ import annotations

from typing import Generic, TypeVar

Place = TypeVar("Place")


class History(Generic[Place]):
    """Places that were left by a jump. Steps through a list are not jumps and are not recorded."""

    def __init__(self, limit: int = 200) -> None:
        self._limit = limit
        self._back: list[Place] = []
        self._forward: list[Place] = []

    def jump(self, left: Place) -> None:
        """Record the place that a jump left; the way forward is forgotten."""
        self._back = [*self._back, left][-self._limit :]
        self._forward.clear()

    def back(self, here: Place) -> Place | None:
        """The place before the last jump, or None; `here` is kept for the way forward."""
        return self._move(self._back, self._forward, here)

    def forward(self, here: Place) -> Place | None:
        return self._move(self._forward, self._back, here)

    @staticmethod
    def _move(source: list[Place], target: list[Place], here: Place) -> Place | None:
        if not source:
            return None
        target.append(here)
        return source.pop()
