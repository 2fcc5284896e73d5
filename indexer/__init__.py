"""Gated neurons of language models, indexed by the signs of gate and in: `indexer.open` reads an index."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .database.reader import Index
    from .progress import Report

__version__ = "0.1.0"

__all__ = ["__version__", "open"]


def open(path: str | os.PathLike[str], report: Report | None = None) -> Index:
    """Open a finished index for reading: `indexer.open("gluscope.db").neuron("L12N345")`.

    `path`: a file, or the address of one: https://HOST/FILE.db or hf://datasets/OWNER/REPO/FILE.db[@REVISION], which is
    read as far as it is needed; `report` is told while much of it is fetched. Needs neither torch nor numpy.
    GluscopeError if the file is missing, foreign, damaged or too new.
    """
    from .database.reader import Index

    return Index(path) if report is None else Index(path, report)
