"""The document: the unit that a corpus is made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """One text of the corpus."""

    number: int  # 0-based, in the order of the input; empty documents have one too
    source: str  # the path, path:line or path:row it came from (lines and rows count from 1)
    text: str
