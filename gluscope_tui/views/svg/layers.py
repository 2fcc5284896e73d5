"""The table of layers as a picture: a line a site, shares as shades."""

from __future__ import annotations

from collections.abc import Sequence

from indexer.database.query.layers import LayerRow

from ...colour.depth import Depth
from ...colour.ramp import ramp
from ...text.cells import cell_len
from ...text.clean import clean
from ..layers import cells_of, headings, shade
from ..numbers import counted
from .canvas import CELL, LINE, SIZE, Canvas, ground, ink

_EDGE = 10.0
_GAP = 1.0  # cells


def picture(rows: Sequence[LayerRow], model: str, signs: str, warning: str = "") -> str:
    """The SVG of the table that `gluscope layers` prints. `warning`: what must be said of an unfinished index."""
    canvas = Canvas()
    heads = headings(rows)
    cells = [cells_of(row, len(heads)) for row in rows]
    widths = [
        max(cell_len(text) for text in (*heads[place], *(row[place].text for row in cells)))
        for place in range(len(heads))
    ]
    starts = [_EDGE + CELL * (sum(widths[:place]) + _GAP * place) for place in range(len(widths))]
    colours = ramp(Depth.TRUE, light=True)
    y = _EDGE + SIZE
    said = f"{clean(model)}, {signs} signs: % of tokens, neurons of each class"
    canvas.text(_EDGE, y, said, bold=True)
    if warning:
        y += LINE
        canvas.text(_EDGE, y, warning)
    for level in range(2):
        y += LINE
        for start, width, head in zip(starts, widths, heads, strict=True):
            canvas.text(start, y, f"{head[level]:>{width}}" if start > _EDGE else head[level], bold=True)
    for row in cells:
        y += LINE
        for start, width, cell in zip(starts, widths, row, strict=True):
            strength = 0 if cell.share is None else shade(cell.share, colours.steps)
            style = colours.style(1.0, strength)
            if strength:
                canvas.rect(start, y - SIZE, CELL * width, LINE, ground(style))
            canvas.text(start, y, f"{cell.text:>{width}}" if start > _EDGE else cell.text, ink(style))
    wide = max(starts[-1] + CELL * widths[-1], _EDGE + CELL * max(map(cell_len, (said, warning)))) + _EDGE
    return canvas.svg(wide, y + _EDGE, said, f"{counted(len(rows), 'site')}, a line each")
