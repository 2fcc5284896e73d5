"""What is kept of indexes on servers, for people and for scripts."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from indexer.database.remote.kept_blocks import KeptFile

from ..colour.depth import Depth
from ..colour.style import PLAIN, Style, StyledLine
from ..text.cells import cell_len, fit, shorten
from ..text.clean import clean
from .columns import Columns
from .info import size

__all__ = ["COLUMNS", "FIELDS", "lines", "size"]

FIELDS = ("index", "kept", "size", "used")
"""Its name; bytes kept and of the whole file; when something of it was last fetched."""
_LEAST = 12  # cells


def as_object(file: KeptFile) -> dict[str, Any]:
    """The JSON of a file."""
    return dict(zip(FIELDS, (file.name, file.kept, file.size, _date(file.used)), strict=True))


def fields(file: KeptFile) -> tuple[str, ...]:
    """The values of FIELDS, cleaned."""
    return tuple(clean(str(value)) for value in as_object(file).values())


COLUMNS = Columns(FIELDS, fields, as_object)


def lines(files: Iterable[KeptFile], width: int, depth: Depth) -> list[StyledLine]:
    """A line a file under bold headings; a name that doesn't fit is cut."""
    rows = [("kept", "of", "used", "index")]
    rows += [(size(file.kept), size(file.size), _date(file.used), clean(file.name)) for file in files]
    widths = [max(map(cell_len, cells)) for cells in zip(*rows, strict=True)]
    widths[-1] = max(_LEAST, width - sum(widths[:-1]) - 2 * (len(widths) - 1))
    bold = PLAIN if depth is Depth.PLAIN else Style(bold=True)
    found: list[StyledLine] = []
    for place, row in enumerate(rows):
        cells = [fit(shorten(text, room), room) for text, room in zip(row, widths, strict=True)]
        found.append((("  ".join(cells).rstrip(" "), PLAIN if place else bold),))
    return found


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
