"""The order of the tests, and fixtures of those that run models."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are processors: tests of the explorer and of commands often wait."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files whose tests are slow, so that none of them is left to a single process at the end."""
    every: Counter[str] = Counter()
    slow: Counter[str] = Counter()
    for item in items:
        every[str(item.path)] += 1
        slow[str(item.path)] += any(item.get_closest_marker(name) for name in ("slow", "real"))
    items.sort(key=lambda item: -slow[str(item.path)] / every[str(item.path)])


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Torch computes in one thread: the products of a tiny model are too small to be worth sharing."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
