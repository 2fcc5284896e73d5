"""A data set in GLUScope's published form as an index that every reading command opens, without running a model.

1. The statistics are those of the data set: see `gluscope_data`.
2. The lists: each entry is a text and the value somewhere in it. A text is kept as one token, so it is the peak as a
   whole. The place of the value, the other quantities there, and the values of other tokens are not in the data set.
   The index says `imported`, and the reader gives null for them.
3. Samples, weights and the flips of alignment are not in the data set, nor in the index.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..beside import folder_beside
from ..database.bulk.arrays import ListArrays
from ..database.bulk.writer import IndexWriter
from ..errors import GluscopeError
from ..progress import Meter
from .gluscope_data import LISTS, Source, read_texts

LONGEST = 2**16 - 1
"""Bytes that are kept of a text."""

MISSING = (
    "positions, windows, the other values at a peak, samples, weights and the flips of alignment are not in GLUScope's "
    "data set; each text stands for the place in it that the value is from"
)


def import_gluscope(source: Source, db: Path, info: Mapping[str, Any], meter: Meter) -> None:
    """Write the index. GluscopeError if `db` exists, or if the files are not such a data set."""
    if os.path.lexists(db):
        raise GluscopeError(f"{db} is already there", "remove it or name another file with --db")
    source.check()
    layers = source.layers()
    with folder_beside(db, "name another file with --db") as aside:
        with IndexWriter(aside / db.name, info) as writer:
            writer.add_sample(0, np.empty(0, np.int64), np.empty(0, np.int64))
            used: set[int] = set()
            for done, layer in enumerate(layers):
                site = source.site(layer)
                site = replace(site, lists=tuple(map(_with_sequences, range(len(LISTS)), site.lists)))
                used |= {int(number) for one in site.lists for number in one.sequence.ravel() if number >= 0}
                writer.add_site(site)
                meter.update(done + 1, len(layers), "importing layers")
            _add_texts(writer, source, sorted(used))
            writer.finish(None)
        os.rename(aside / db.name, db)


def _with_sequences(number: int, ranked: ListArrays) -> ListArrays:
    """The list with a sequence of its own for each text: its number tells the list, too."""
    return replace(ranked, sequence=np.where(ranked.sequence < 0, -1, ranked.sequence * len(LISTS) + number))


def _add_texts(writer: IndexWriter, source: Source, used: Sequence[int]) -> None:
    """Each text as a document of its own, a token, and a sequence for each list that has it."""
    wanted = sorted({number // len(LISTS) for number in used})
    ids = {text: place for place, text in enumerate(wanted)}
    writer.add_documents((text, f"text {text}") for text in wanted)
    writer.add_sequences(
        (number, number // len(LISTS), number % len(LISTS), [ids[number // len(LISTS)]]) for number in used
    )
    writer.add_tokens((ids[one.row], _kept(one.text)) for one in read_texts(source, wanted))


def _kept(text: str) -> bytes:
    """The text's bytes, cut at a character if they are too many for a token."""
    data = text.encode("utf-8", errors="replace")
    return data if len(data) <= LONGEST else data[:LONGEST].decode("utf-8", errors="ignore").encode()
