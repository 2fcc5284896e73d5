"""A file on a web server, read at any place: from memory, from the cache folder, or in ranges from the server."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from .kept_blocks import BLOCK, KeptBlocks, is_kept
from .place import Place
from .requests import Requests

HEAD = 2**17
"""Bytes fetched first: an index has its schema and the first page of every table there."""
_HEADER = 100  # bytes that tell whether kept blocks are of this version
_BEFORE, _AFTER = 2, 3
"""Blocks fetched around a place: SQLite writes the rest of a long value before or after the page that it begins in."""
_FURTHER = 2  # blocks fetched next, if reading goes on after those; then twice as many, and so on
_MOST_AHEAD = 2**20 // BLOCK  # blocks in one request while a table is read from one end to the other
_GAP = 4  # blocks of no use that are fetched rather than another request sent
_IN_MEMORY = 2**26 // BLOCK  # blocks
_AT_ONCE = 4  # requests
_MOST_PAGES = 2**15


class RemoteFile:
    """A file that doesn't change while it is read. One thread reads at a time; others may call `stop`."""

    def __init__(self, place: Place, limit: int) -> None:
        """Ask for the file. `limit`: bytes to keep in the cache folder, of all files. GluscopeError if that fails."""
        self.place = place
        self.requests = Requests(place)
        self._memory: OrderedDict[int, bytes] = OrderedDict()
        self._pages: dict[int, bytes] = {}
        self._lock = threading.Lock()
        self._room = _IN_MEMORY
        self._next = -1  # the block after those fetched last
        self._ahead = _FURTHER
        head = self.requests.read(0, _HEADER if limit and is_kept(place) else HEAD)
        self.header = head[:_HEADER]
        self.size = self.requests.version.size
        self._kept = KeptBlocks(place, self.requests.version, limit)
        self._last = (self.size - 1) // BLOCK
        if len(head) > _HEADER:
            self._take(range(-(-len(head) // BLOCK)), head)

    def close(self) -> None:
        self.requests.close()
        self._kept.close()

    def distrust(self) -> None:
        """Have the next process fetch all anew: the server may have given wrong bytes, and gives right ones later."""
        with self._lock:
            self._kept.drop()

    def read(self, start: int, length: int) -> bytes:
        """So many bytes from `start`; fewer at the end of the file."""
        if (page := self._pages.get(start)) is not None and len(page) == length:
            return page
        stop = min(start + length, self.size)
        if start >= stop:
            return b""
        first, last = start // BLOCK, (stop - 1) // BLOCK
        data = b"".join(map(self._block, range(first, last + 1)))
        return data[start - first * BLOCK : stop - first * BLOCK]

    def install(self, pages: Mapping[int, bytes]) -> None:
        """Take copies of parts of the file, by where each begins; from now on they are read instead."""
        if len(self._pages) + len(pages) > _MOST_PAGES:
            self._pages.clear()
        self._pages.update(pages)

    def is_installed(self, start: int) -> bool:
        """Whether a copy of the part that begins there was taken."""
        return start in self._pages

    def fetch(self, spans: Iterable[range], done: Callable[[int, int], None] = lambda _, __: None) -> None:
        """Fetch blocks that will be needed, several spans at once. `done` is called with bytes so far and in all."""
        wanted = [block for span in spans for block in span if block <= self._last and not self._has(block)]
        runs = _runs(sorted(set(wanted)))
        total = sum(map(len, runs))
        if len(runs) == 1:
            self._fetch(runs[0])
        elif runs:
            fetched = 0
            self._room = max(self._room, total + 64)  # what is fetched now must stay until it is read
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                try:
                    for run, _ in zip(runs, pool.map(self._fetch, runs), strict=True):
                        fetched += len(run)
                        done(fetched * BLOCK, total * BLOCK)
                except BaseException:
                    self.requests.stop()
                    pool.shutdown(cancel_futures=True)
                    raise

    def _has(self, block: int) -> bool:
        with self._lock:
            return block in self._memory or self._from_disk(block) is not None

    def _block(self, block: int) -> bytes:
        with self._lock:
            found = self._memory.get(block)
            if found is None:
                found = self._from_disk(block)
            else:
                self._memory.move_to_end(block)
        if found is not None:
            return found
        if block == self._next:
            self._ahead = min(2 * self._ahead, _MOST_AHEAD)
            run = range(block, block + self._ahead)
        else:
            self._ahead = _FURTHER
            run = range(block - _BEFORE, block + _AFTER)
        return self._fetch(self._missing_around(block, run))[block]

    def _missing_around(self, block: int, run: range) -> range:
        """The part of a run around a block of which nothing is here yet."""
        first, stop = block, block + 1
        while first > max(0, run.start) and not self._has(first - 1):
            first -= 1
        while stop < run.stop and stop <= self._last and not self._has(stop):
            stop += 1
        return range(first, stop)

    def _from_disk(self, block: int) -> bytes | None:
        found = self._kept.get(block)
        if found is not None:
            self._remember(block, found)
        return found

    def _fetch(self, run: range) -> dict[int, bytes]:
        """Fetch blocks that follow one another."""
        return self._take(run, self.requests.read(run.start * BLOCK, min(run.stop * BLOCK, self.size)))

    def _take(self, run: range, data: bytes) -> dict[int, bytes]:
        """Keep the blocks that were fetched."""
        starts = range(0, len(data), BLOCK)
        found = {block: data[start : start + BLOCK] for block, start in zip(run, starts, strict=True)}
        with self._lock:
            self._next = run.stop
            for block, content in found.items():
                self._kept.put(block, content)
                self._remember(block, content)
        return found

    def _remember(self, block: int, content: bytes) -> None:
        self._memory[block] = content
        while len(self._memory) > self._room:
            self._memory.popitem(last=False)


def blocks_of(start: int, stop: int) -> range:
    """The blocks that hold the bytes from `start` to before `stop`."""
    return range(start // BLOCK, (stop - 1) // BLOCK + 1)


def _runs(blocks: list[int]) -> list[range]:
    """Blocks, ascending, as runs to be fetched with one request each."""
    runs: list[range] = []
    for block in blocks:
        if runs and block - runs[-1].stop <= _GAP and block + 1 - runs[-1].start <= _MOST_AHEAD:
            runs[-1] = range(runs[-1].start, block + 1)
        else:
            runs.append(range(block, block + 1))
    return runs
