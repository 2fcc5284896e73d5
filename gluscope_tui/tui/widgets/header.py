"""The first line: model, address, signs, ranking, place in the current list, warnings."""

from __future__ import annotations

from dataclasses import dataclass

from ...colour.style import StyledLine
from ...text.cells import shorten
from ...views.numbers import short_count
from ..painting import Part, fitted
from ..palette import Palette
from .lines import OneLine


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


def header_line(header: Header, width: int, palette: Palette) -> StyledLine:
    """Model, address with the mark of stale contexts, signs, ranking, place in the list, tokens, warnings."""
    stale = ("~" if palette.ascii_only else "…") if header.stale else " "
    flip = f" {palette.glyphs.flipped}" if header.flipped and header.signs == "aligned" else ""
    signs = header.signs + (flip if header.flipped is not None else " ?")
    by_colour = "" if header.colour == header.ranking else f"colour {header.colour}"
    where, _, what = header.place.partition(" ")
    parts = [
        Part(shorten(header.model, 28, ascii_only=palette.ascii_only), palette.text, 8),
        Part(header.address + stale, palette.strong),
        Part(signs, palette.text, 5),
        Part(f"rank {header.ranking}", palette.text, 3),
        Part(by_colour, palette.text, 4),
        Part(where, palette.text, 2),
        Part(shorten(what, 32, ascii_only=palette.ascii_only), palette.text, 7, near=True),
        Part(f"{short_count(header.tokens)} tokens" if header.tokens else "", palette.faint, 9),
        *(Part(warning, palette.warning, 6) for warning in header.warnings),
    ]
    return ((" ", palette.text), *fitted(parts, width - 1, "  ", palette.text))


class HeaderLine(OneLine[Header]):
    """The header of the home screen."""

    def line(self, picture: Header, width: int) -> StyledLine:
        return header_line(picture, width, self.palette)
