"""The first line: model, address, signs, ranking, place in the current list, warnings."""

from __future__ import annotations

from dataclasses import dataclass

from ...colour.style import StyledLine
from ...text.cells import cell_len, shorten
from ...views.numbers import short_count
from ..drawing.painting import Part, fitted
from ..drawing.palette import Palette
from .lines import OneLine

FULL_FROM = 100
LEAST_WITH_MODEL = 72
LEAST_MODEL = 10
"""Cells that the model's name has at least, where it is shown."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the first line tells."""

    model: str
    address: str
    stale: bool
    signs: str
    flipped: bool | None
    ranking: str
    colour: str
    place: str  # "346/1536 in layer, by index"
    tokens: int
    warnings: tuple[str, ...] = ()
    pinned: str = ""  # the pinned neuron's address
    instead_of: str = ""  # the list's neuron, where the pinned one is shown in its place


def header_line(header: Header, width: int, palette: Palette) -> StyledLine:
    """Model, address with the mark of stale contexts, signs, ranking, place in the list, tokens, warnings."""
    stale = ("~" if palette.ascii_only else "…") if header.stale else " "
    flip = f" {palette.glyphs.flipped}" if header.flipped and header.signs == "aligned" else ""
    signs = header.signs + (flip if header.flipped is not None else " ?")
    by_colour = "" if header.colour == header.ranking else f"colour {header.colour}"
    where, _, what = header.place.partition(" ")
    tokens = short_count(header.tokens) + (" tokens" if width >= FULL_FROM else "")
    parts = [
        Part(header.address + stale, palette.strong),
        Part(_pin(header), palette.title_focused if header.instead_of else palette.text, 1),
        Part(signs, palette.text, 5),
        Part(f"rank {header.ranking}", palette.text, 3),
        Part(by_colour, palette.text, 4),
        Part(where, palette.text, 2),
        Part(
            shorten(what, 40 if width >= FULL_FROM else 20, ascii_only=palette.ascii_only), palette.text, 7, near=True
        ),
        Part(tokens if header.tokens else "", palette.faint, 9),
        *(Part(warning, palette.warning, 6) for warning in header.warnings),
    ]
    room_for_model = LEAST_MODEL + 2 if width >= LEAST_WITH_MODEL else 0
    line = fitted(parts, width - 1 - room_for_model, "  ", palette.text)
    room = width - 3 - sum(cell_len(text) for text, _ in line)
    model = shorten(header.model, room, ascii_only=palette.ascii_only) if room >= LEAST_MODEL else ""
    return ((" ", palette.text), (f"{model}  " if model else "", palette.text), *line)


def _pin(header: Header) -> str:
    """Which of the two neurons that are compared is shown, and the other one."""
    if header.instead_of:
        return f"pinned, p: {header.instead_of}"
    return (
        f"pin {header.pinned}" if header.pinned and header.pinned != header.address else "pinned" * bool(header.pinned)
    )


class HeaderLine(OneLine[Header]):
    """The header of the home screen."""

    def line(self, picture: Header, width: int) -> StyledLine:
        return header_line(picture, width, self.palette)
