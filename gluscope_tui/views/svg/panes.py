"""The four panes of a neuron as a picture: where the explorer has them, each context with its peak in one column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from indexer.database.records import Example, NeuronRecord, QuadrantRecord
from indexer.quadrants import QUADRANTS, Quadrant

from ...colour.depth import Depth
from ...colour.ramp import ramp
from ...text.cells import cell_len, column, shorten
from ...text.clean import clean
from ..contexts import Look, colour_of, context_line, neuron_scale, split_width
from ..neuron import header
from ..numbers import counted, frequency, signed
from ..quadrant import empty, in_words
from ..writes import in_a_row, label, output_sign, promoted
from .canvas import CELL, FAINT, LINE, SIZE, Canvas, ground, ink

LEAST_WIDTH, WIDTH = 60, 140
"""Cells of the whole picture: the fewest, and the default."""
_VALUE = 9  # cells
_GAP = 3
_EDGE = 10.0


@dataclass(frozen=True, slots=True)
class Picture:
    """The quadrants shown, the ranking of their contexts, the width in cells, and what must be said first."""

    ranking: str
    quadrants: Sequence[Quadrant] = QUADRANTS
    width: int = WIDTH
    warning: str = ""  # how much of the corpus an unfinished index has seen


def picture(record: NeuronRecord, wanted: Picture) -> str:
    """The SVG of a neuron: all examples of the record in these quadrants, two panes beside each other."""
    colours = ramp(Depth.TRUE, light=True)
    quantity = colour_of(wanted.ranking)
    look = Look(quantity, neuron_scale(record, quantity), colours)
    canvas = Canvas()
    width = max(wanted.width, LEAST_WIDTH)
    y = _EDGE + SIZE
    for place, line in enumerate((*header(record, width), wanted.warning)):
        canvas.text(_EDGE, y, shorten(line, width), bold=not place)
        y += LINE if line else 0.0
    _legend(canvas, y, look)
    y += 1.6 * LINE
    panes = [one for name, one in record.quadrants.items() if name in wanted.quadrants]
    beside = min(2, len(panes)) or 1
    cells = (width - _GAP * (beside - 1)) // beside
    for start in range(0, len(panes), beside):
        heights = [
            _pane(canvas, (_EDGE + place * (cells + _GAP) * CELL, y), cells, (record, pane, wanted.ranking), look)
            for place, pane in enumerate(panes[start : start + beside])
        ]
        y += max(heights) + 0.8 * LINE
    told = "; ".join(f"{pane.quadrant} {frequency(pane.count, record.tokens_counted)}" for pane in panes)
    return canvas.svg(
        2 * _EDGE + width * CELL,
        y,
        f"{record.neuron.name} of {clean(record.model)}",
        f"{told}; contexts by {wanted.ranking}, coloured by {quantity} from {signed(-look.maximum)} to "
        f"{signed(look.maximum)}",
    )


def _legend(canvas: Canvas, y: float, look: Look) -> None:
    """The scale: blue for negative values, orange for positive ones."""
    low, high = f"{look.quantity} {signed(-look.maximum)} ", f" {signed(look.maximum)}"
    canvas.text(_EDGE, y, low, FAINT)
    x = _EDGE + CELL * cell_len(low)
    for style in (*reversed(look.ramp.negative), None, *look.ramp.positive):
        if style is None:
            canvas.text(x, y, " 0 ", FAINT)
            x += 3 * CELL
            continue
        canvas.rect(x, y - SIZE + 1, CELL, SIZE + 1, ground(style))
        x += CELL
    canvas.text(x, y, high, FAINT)


def _pane(
    canvas: Canvas,
    corner: tuple[float, float],
    cells: int,
    shown: tuple[NeuronRecord, QuadrantRecord, str],
    look: Look,
) -> float:
    """Draw a pane of so many cells; returns its height."""
    (x, y), (record, quadrant, ranking) = corner, shown
    top = y
    canvas.path(f"M{x:.1f} {y:.1f}h{CELL * cells:.1f}", FAINT, 0.5)
    y += LINE
    name = quadrant.quadrant.value
    canvas.text(x, y, name, bold=True)
    told = f"{in_words(quadrant.quadrant)}  {frequency(quadrant.count, record.tokens_counted)}"
    if quadrant.count:
        told += f"  {counted(quadrant.count, 'token')}  {look.quantity} max {signed(quadrant.extreme[look.quantity])}"
    canvas.text(x + 3 * CELL, y, shorten(told, cells - 3))
    y += LINE
    sign, words = output_sign(quadrant), promoted(quadrant, record.weights)
    if words:
        head = f"{label(sign)} "
        canvas.text(x, y, head + in_a_row(words, cells - cell_len(head)), FAINT)
    y += LINE
    examples = quadrant.examples.get(ranking, ())
    for example in examples:
        _context(canvas, (x, y), cells, example, quadrant.quadrant, look)
        y += LINE
    if not examples:
        canvas.text(x, y, shorten(empty(quadrant, ranking), cells), FAINT)
        y += LINE
    return y - top


def _context(
    canvas: Canvas, corner: tuple[float, float], cells: int, example: Example, quadrant: Quadrant, look: Look
) -> None:
    x, y = corner
    canvas.text(x, y, column(signed(example.value), _VALUE - 1), FAINT)
    x += _VALUE * CELL
    for fragment in context_line(example, quadrant, *split_width(cells - _VALUE), look):
        style, wide = fragment.style, fragment.width * CELL
        if style.bg is not None:
            canvas.rect(x, y - SIZE + 0.5, wide, LINE - 1, ground(style))
        canvas.text(x, y, fragment.text, ink(style), marked=style.underline)
        x += wide
