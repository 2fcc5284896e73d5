"""The header: the index and the place in the current list; the neuron, its mark, and facts from its weights."""

from __future__ import annotations

from dataclasses import dataclass

from textual.strip import Strip

from ...colour.style import StyledLine
from ...text.cells import cell_len, shorten
from ...views.numbers import full_count, short_count
from ..drawing.painting import Part, fitted, strip
from ..drawing.palette import Palette
from .lines import Lines

FULL_FROM = 100
LEAST_WITH_MODEL = 72
LEAST_MODEL = 10
"""The fewest cells in which the model's name is shown."""


@dataclass(frozen=True, slots=True)
class Header:
    """The contents of the header."""

    file: str
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
    instead_of: str = ""  # the list's neuron, if the pinned one is shown in its place
    swap_key: str = "p"  # brings that neuron back
    note: str | None = None  # of the neuron's mark; None if it is not marked
    rw_class: str = ""  # "" if the index has no weights
    cosines: tuple[str, ...] = ()


def tokens_in(count: int, width: int) -> str:
    """A number of tokens: exact where the line is long."""
    return full_count(count) if width >= FULL_FROM else short_count(count)


def index_line(header: Header, width: int, palette: Palette) -> StyledLine:
    """The first line: index file, model, tokens, place in the current list, warnings."""
    where, _, what = header.place.partition(" ")
    parts = [
        Part(shorten(header.file, 30, ascii_only=palette.ascii_only), palette.strong),
        Part(f"{tokens_in(header.tokens, width)} tokens" if header.tokens else "", palette.text, 6),
        Part(where, palette.text, 1),
        Part(shorten(what, 40, ascii_only=palette.ascii_only), palette.text, 5, near=True),
        *(Part(warning, palette.warning, 2) for warning in header.warnings),
    ]
    kept_for_model = LEAST_MODEL + 2 if width >= LEAST_WITH_MODEL else 0
    file, *rest = fitted(parts, width - 1 - kept_for_model, "  ", palette.text)
    room = width - 3 - cell_len(file[0]) - sum(cell_len(text) for text, _ in rest)
    model = shorten(header.model, room, ascii_only=palette.ascii_only) if room >= LEAST_MODEL else ""
    return ((" ", palette.text), file, (f"  {model}" if model else "", palette.text), *rest)


def neuron_line(header: Header, width: int, palette: Palette) -> StyledLine:
    """The second line: address with the sign for stale contexts, mark and note, class, cosines; then the view."""
    room = max(12, width // 3)
    parts = [
        Part(header.address + _stale(header, palette), palette.strong),
        Part(_mark(header, room, palette), palette.strong, 1),
        Part(_pin(header), palette.title_focused if header.instead_of else palette.text, 2),
        Part(header.rw_class, palette.strong, 3),
        *(Part(cosine, palette.text, drop) for cosine, drop in zip(header.cosines, (8, 6, 7), strict=False)),
        *_looks(header, palette),
    ]
    return ((" ", palette.text), *fitted(parts, width - 1, "  ", palette.text))


def header_line(header: Header, width: int, palette: Palette) -> StyledLine:
    """Both lines in one: index, model, neuron, mark, signs, ranking, place in the list, tokens, warnings."""
    where, _, what = header.place.partition(" ")
    tokens = tokens_in(header.tokens, width) + (" tokens" if width >= FULL_FROM else "")
    file = shorten(header.file, 20, ascii_only=palette.ascii_only)
    parts = [
        Part(file, palette.text, 7),
        Part(header.address + _stale(header, palette), palette.strong),
        Part(_mark(header, 1 if width < FULL_FROM else 20, palette), palette.strong, 2),
        Part(_pin(header), palette.title_focused if header.instead_of else palette.text, 1),
        *_looks(header, palette),
        Part(where, palette.text, 2),
        Part(
            shorten(what, 40 if width >= FULL_FROM else 20, ascii_only=palette.ascii_only), palette.text, 8, near=True
        ),
        Part(tokens if header.tokens else "", palette.faint, 9),
        *(Part(warning, palette.warning, 6) for warning in header.warnings),
    ]
    room_for_model = LEAST_MODEL + 2 if width >= LEAST_WITH_MODEL else 0
    line = fitted(parts, width - 1 - room_for_model, "  ", palette.text)
    room = width - 3 - sum(cell_len(text) for text, _ in line)
    model = shorten(header.model, room, ascii_only=palette.ascii_only) if room >= LEAST_MODEL else ""
    first = line[:2] if line[0][0] == file else ()  # with the gap after it
    rest = line[len(first) :]
    return ((" ", palette.text), *first, (f"{model}  " if model else "", palette.text), *rest)


def _stale(header: Header, palette: Palette) -> str:
    return ("~" if palette.ascii_only else "…") if header.stale else " "


def _looks(header: Header, palette: Palette) -> tuple[Part, ...]:
    """Signs, ranking and colour: how the neuron is shown, not what it is."""
    flip = f" {palette.glyphs.flipped}" if header.flipped and header.signs == "aligned" else ""
    signs = header.signs + (flip if header.flipped is not None else " ?")
    by_colour = "" if header.colour == header.ranking else f"colour {header.colour}"
    ranked = Part(f"rank {header.ranking}", palette.text, 3)
    return Part(signs, palette.text, 5), ranked, Part(by_colour, palette.text, 4)


def _mark(header: Header, room: int, palette: Palette) -> str:
    """The star of a marked neuron, and its note in at most `room` cells."""
    if header.note is None:
        return ""
    note = shorten(header.note, room - 2, ascii_only=palette.ascii_only) if room > 4 else ""
    return f"{palette.glyphs.marked} {note}".rstrip()


def _pin(header: Header) -> str:
    """Which of the two compared neurons is shown, and the other one."""
    if header.instead_of:
        return f"pinned, {header.swap_key}: {header.instead_of}"
    return (
        f"pin {header.pinned}" if header.pinned and header.pinned != header.address else "pinned" * bool(header.pinned)
    )


class HeaderLine(Lines[Header]):
    """The header: two lines if there is room, otherwise as much of both as fits in one."""

    def draw(self, picture: Header, width: int, height: int) -> list[Strip]:
        lines = (header_line,) if height < 2 else (index_line, neuron_line)
        return [strip(line(picture, width, self.palette), width, self.palette.text) for line in lines]
