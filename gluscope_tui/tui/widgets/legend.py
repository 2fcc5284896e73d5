"""The line that explains the colours: the scale's ends, its scope, and which tokens are coloured."""

from __future__ import annotations

from dataclasses import dataclass

from indexer.quadrants import Quadrant

from ...colour.legend import legend
from ...colour.style import StyledLine
from ...text.cells import cell_len
from ...views.contexts import Look
from ...views.numbers import signed
from ..drawing.painting import Part, fitted
from ..drawing.palette import Palette
from .lines import OneLine


@dataclass(frozen=True, slots=True)
class Scale:
    """The colour scale of the focused pane."""

    look: Look
    scale: str  # "neuron" or "pane"
    quadrant: Quadrant
    keys: tuple[str, str] = ("V", "a")  # that change the scale, and which tokens are coloured


def legend_line(picture: Scale, width: int, palette: Palette) -> StyledLine:
    """The ends of the colour scale, its scope, and which tokens are coloured."""
    look = picture.look
    if not look.maximum > 0:
        return ((f" {look.quantity} is 0 in every context: nothing to colour", palette.faint),)
    low, high = signed(-look.maximum), signed(look.maximum)
    bars = legend(f" {look.quantity} {low}", high, look.ramp, ascii_only=palette.ascii_only)
    ramp = tuple((text, palette.on_ground(style, palette.text)) for text, style in bars)
    used = sum(cell_len(text) for text, _ in ramp)
    if used + 4 >= width:
        return ramp
    whose = "neuron" if picture.scale == "neuron" else f"pane {picture.quadrant.value}"
    words = [
        Part(f"scale: {whose} ({picture.keys[0]})", palette.text, 1),
        Part(f"{'own quadrant only' if look.own_only else 'all tokens'} ({picture.keys[1]})", palette.text, 2),
    ]
    return (*ramp, ("  ", palette.text), *fitted(words, width - used - 2, "  ", palette.text))


class Legend(OneLine[Scale]):
    """The legend line."""

    def line(self, picture: Scale, width: int) -> StyledLine:
        return legend_line(picture, width, self.palette)
