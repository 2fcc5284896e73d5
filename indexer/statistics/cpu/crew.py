"""The threads of the loops."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from functools import cached_property
from itertools import pairwise

import torch


class Crew:
    """As many threads as torch uses, including the calling one."""

    @cached_property
    def _others(self) -> Executor:
        return ThreadPoolExecutor(max(1, (os.cpu_count() or 2) - 1), thread_name_prefix="statistics")

    def spread(self, work: Callable[[int, int], None], strips: int) -> None:
        """Do the work, from one strip to another, on all threads at once."""
        threads = torch.get_num_threads()
        own, *parts = pairwise(strips * part // threads for part in range(threads + 1))
        others: list[Future[None]] = []
        try:
            others += [self._others.submit(work, *part) for part in parts]
            work(*own)
        finally:
            wait(others)  # an error is raised only when no thread is at work
        for other in others:
            other.result()
