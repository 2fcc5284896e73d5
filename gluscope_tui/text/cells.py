"""Cleaned text fitted into a number of cells."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len, set_cell_size

from .clean import clean

__all__ = ["cell_len", "column", "fit", "flow", "shorten"]


def fit(text: str, width: int) -> str:
    """The text cut or padded with blanks to exactly `width` cells; it must be clean."""
    return set_cell_size(text, max(width, 0))


def column(text: str, width: int) -> str:
    """The text right-aligned in `width` cells, as numbers are; cut if it is longer."""
    room = width - cell_len(text)
    return " " * room + text if room > 0 else fit(text, width)


def flow(parts: Iterable[str], width: int) -> list[str]:
    """Parts joined by two blanks, in lines of at most `width` cells; longer parts break at blanks."""
    lines = [""]
    for part in parts:
        words = [part] if cell_len(part) <= width else part.split(" ")
        for place, word in enumerate(words):
            gap = "" if not lines[-1] else " " if place else "  "
            if cell_len(lines[-1] + gap + word) <= width:
                lines[-1] += gap + word
            else:
                lines += [""] if lines[-1] else []
                lines[-1] = shorten(word, width)
    return lines


def shorten(text: str, width: int, *, ascii_only: bool = False) -> str:
    """A name from outside, cleaned and cut to at most `width` cells, with an ellipsis if it was cut."""
    shown = clean(text, ascii_only=ascii_only)
    if cell_len(shown) <= width:
        return shown
    ellipsis = "..." if ascii_only else "…"
    if width <= cell_len(ellipsis):
        return ellipsis[: max(width, 0)]
    return fit(shown, width - cell_len(ellipsis)).rstrip(" ") + ellipsis
