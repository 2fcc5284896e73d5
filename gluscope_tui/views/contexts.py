"""Contexts as lines of coloured fragments."""

from __future__ import annotations

from dataclasses import dataclass

from indexer.database.records import Example, NeuronRecord, QuadrantRecord
from indexer.quadrants import Quadrant
from indexer.ranking import RANKINGS

from ..colour.ramp import Ramp
from ..colour.scale import level
from ..colour.style import PLAIN, Style
from ..text.spans import Line, concordance, wrap

PEAK_AT = 0.62
"""The share of a line's cells before the column in which every peak starts."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """Neighbouring cells of one style. `token` to `last` are the tokens that share them; -1 for padding."""

    text: str
    style: Style
    token: int
    last: int
    width: int  # cells


@dataclass(frozen=True, slots=True)
class Look:
    """How contexts are shown: the quantity that gives the colour, its scale and ramp."""

    quantity: str
    maximum: float  # the magnitude at the scale's ends
    ramp: Ramp
    own_only: bool = True  # colour only tokens that lie in the quadrant shown
    ascii_only: bool = False
    marks: tuple[str, str] | None = None  # around the peak, where bold and underline can't be seen


def colour_of(ranking: str) -> str:
    """The quantity that colours the contexts of a ranking: its own; post for `random`."""
    return RANKINGS[ranking].shade.value


def neuron_scale(record: NeuronRecord, quantity: str) -> float:
    """The largest magnitude of a quantity in any quadrant of the neuron; 0.0 without tokens."""
    return max((pane_scale(quadrant, quantity) for quadrant in record.quadrants.values()), default=0.0)


def pane_scale(quadrant: QuadrantRecord, quantity: str) -> float:
    """The largest magnitude of a quantity in the quadrant; 0.0 without tokens."""
    return abs(quadrant.extreme[quantity] or 0.0)


def lies_in(example: Example, token: int, quadrant: Quadrant) -> bool:
    """Whether a token of the window was counted and has the quadrant's signs of gate and in."""
    gate, in_ = example.gate[token], example.in_[token]
    return gate is not None and in_ is not None and gate * quadrant.gate_sign > 0 and in_ * quadrant.in_sign > 0


def levels(example: Example, quadrant: Quadrant, look: Look) -> tuple[int, ...]:
    """Each token's level on the scale with the value's sign; 0 for tokens without colour."""
    own, maximum, steps = look.own_only, look.maximum, look.ramp.steps
    gate_sign, in_sign = quadrant.gate_sign, quadrant.in_sign
    out = []
    for value, gate, in_ in zip(example.values(look.quantity), example.gate, example.in_, strict=True):
        inside = not own or (gate is not None and in_ is not None and gate * gate_sign > 0 and in_ * in_sign > 0)
        if value is None or not inside:
            out.append(0)
        else:
            strength = level(value, maximum, steps)
            out.append(strength if value > 0 else -strength)
    return tuple(out)


def context_line(example: Example, quadrant: Quadrant, before: int, after: int, look: Look) -> tuple[Fragment, ...]:
    """One line of exactly `before + after` cells with the peak's first cell in column `before`."""
    line = concordance(example.tokens, example.peak, before, after, marks=look.marks, ascii_only=look.ascii_only)
    return _painted(line, example, levels(example, quadrant, look), look)


def context_lines(
    example: Example, quadrant: Quadrant, width: int, look: Look, *, as_written: bool = False
) -> list[tuple[Fragment, ...]]:
    """The whole window, wrapped to lines of exactly `width` cells; `as_written`: with its own breaks and blanks."""
    lines = wrap(
        example.tokens,
        width,
        peak=example.peak,
        marks=look.marks,
        ascii_only=look.ascii_only,
        as_written=as_written,
    )
    strengths = levels(example, quadrant, look)
    return [_painted(line, example, strengths, look) for line in lines]


def split_width(width: int) -> tuple[int, int]:
    """The cells before the peak's column and from it on, for lines of `width` cells."""
    before = int(width * PEAK_AT)
    return before, width - before


def _painted(line: Line, example: Example, strengths: tuple[int, ...], look: Look) -> tuple[Fragment, ...]:
    out = []
    for span in line:
        strength = max((strengths[token] for token in span.tokens), key=abs, default=0)
        style = look.ramp.style(strength, abs(strength)) if strength else PLAIN
        if span.belongs_to(example.peak) and look.marks is None:
            style = style.marked()
        out.append(Fragment(span.text, style, span.token, span.last, span.width))
    return tuple(out)
