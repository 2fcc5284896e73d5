"""Runs an iterator in a thread, a bounded number of items ahead of its consumer."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
_PATIENCE = 2.0  # seconds that `close` waits for an item under way


class Ahead(Generic[T]):
    """The items of an iterator, in order, made by a thread that is at most `depth` items ahead.

    An error of the iterator is raised here, after the items before it. `close`, or dropping the last reference, stops
    the thread as soon as the item under way is made; the thread closes the iterator if that has a `close`.
    """

    def __init__(self, items: Iterator[T], depth: int) -> None:
        self._line: _Line[T] = _Line(depth)
        self._finalizer = weakref.finalize(self, self._line.stop)
        self._thread = threading.Thread(target=_fill, args=(items, self._line), daemon=True, name="gluscope-ahead")
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        return self._line.take()

    def close(self) -> None:
        """Stop the thread and wait a moment for it to end. Afterwards there are no more items."""
        self._finalizer()
        self._thread.join(_PATIENCE)


class _Line(Generic[T]):
    """Items between two threads; knows whether more will come and whether any are still wanted."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._stopped = False
        self._error: BaseException | None = None

    def put(self, item: T) -> bool:
        """Add an item when there is room; False if no further item is wanted."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or len(self._items) < self._depth)
            if not self._stopped:
                self._items.append(item)
                self._changed.notify_all()
            return not self._stopped

    def end(self, error: BaseException | None) -> None:
        with self._changed:
            self._ended = True
            self._error = error
            self._changed.notify_all()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._items.clear()
            self._changed.notify_all()

    def take(self) -> T:
        """The next item, once there is one; raises the error or StopIteration after the last."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._ended or self._stopped)
            if self._items:
                item = self._items.popleft()
                self._changed.notify_all()
                return item
            error, self._error = self._error, None
            if error is not None and not self._stopped:
                raise error
            raise StopIteration


def _fill(items: Iterator[T], line: _Line[T]) -> None:
    error: BaseException | None = None
    try:
        for item in items:
            if not line.put(item):
                break
        if (close := getattr(items, "close", None)) is not None:
            close()
    except BaseException as raised:  # carried to the consumer, which raises it
        error = raised
    line.end(error)
