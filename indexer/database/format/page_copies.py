"""Copies of pages of the file itself, kept together: what a reader over a network needs at once. See docs/schema.md."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Mapping

from .btree import Pages

NEURONS = 192
"""Neurons whose pages are kept together. With fewer, every row repeats more; with more, a request takes longer."""
SCANNED = -1
"""The row of `neuron_pages` that holds what leads to all rows of the narrow tables."""
NARROW = ("neurons", "weights", "vocabulary_scores", "peak_entropy")
"""Tables with a few bytes a neuron: their rows are kept together, too."""
LONG = ("packed", "weight_lists", "wiring")
"""Tables with long values: only the pages that lead to a row are kept together."""
MOST = 2**22
"""Bytes of pages in a blob, unpacked."""

_COUNTER = 24  # where the header of a file counts its changes
_HEAD = 3 * 2**15  # bytes in which the first page of every table lies


def pack(pages: Mapping[int, bytes]) -> bytes:
    """The blob of some pages of equal size, by number."""
    numbers = sorted(pages)
    head = struct.pack(f"<I{len(numbers)}I", len(numbers), *numbers)
    return zlib.compress(head + b"".join(pages[number] for number in numbers), 9)


def unpack(data: bytes, size: int) -> dict[int, bytes]:
    """The pages, by number, of an inflated blob. ValueError if it is not one of pages of this size."""
    try:
        (count,) = struct.unpack_from("<I", data)
        numbers = struct.unpack_from(f"<{count}I", data, 4)
    except struct.error as error:
        raise ValueError("copies of pages are cut short") from error
    start = 4 + 4 * count
    if len(data) != start + count * size:
        raise ValueError("copies of pages have another length")
    return {number: data[start + place * size :][:size] for place, number in enumerate(numbers)}


def state(pages: Pages, header: bytes, own_root: int, *, commits: int = 0) -> str:
    """What a file must be like for the copies to be of it, after so many more changes: SQLite counts the changes.

    Its first pages say where every table begins. `own_root`: the page on which `shared_pages` itself begins.
    """
    counter = int.from_bytes(header[_COUNTER : _COUNTER + 4], "big")
    first = hashlib.blake2b(digest_size=12)
    for number in range(2, min(_HEAD // pages.size, pages.count) + 1):
        if number != own_root:
            first.update(pages.page(number))
    return f"{(counter + commits) % 2**32} {first.hexdigest()}"
