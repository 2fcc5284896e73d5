"""The window of an example as plain text around its peak."""

from __future__ import annotations

from indexer.database.records import Example

from ..text.pieces import pieces


def around_peak(example: Example, *, ascii_only: bool = False) -> tuple[str, str, str]:
    """The cleaned texts before, at and after the peak; blanks are kept one by one.

    A peak that is a later part of a character gets the whole character.
    """
    parts = pieces(example.tokens, example.peak, collapse=False, ascii_only=ascii_only)
    own = [place for place, piece in enumerate(parts) if piece.belongs_to(example.peak)]
    start, end = (own[0], own[-1] + 1) if own else (len(parts), len(parts))
    before, peak, after = (
        "".join(piece.text for piece in some) for some in (parts[:start], parts[start:end], parts[end:])
    )
    return before, peak, after


def shown(text: str) -> str:
    """The text of a peak as it stands between its marks."""
    return "".join(piece.text for piece in pieces([text], 0, collapse=False))
