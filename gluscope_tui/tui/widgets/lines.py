"""The base of all parts of a screen: rows drawn from a frozen picture; only changed rows are repainted."""

from __future__ import annotations

from typing import Generic, TypeVar

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from ...colour.style import StyledLine
from ..drawing.painting import blank, strip
from ..drawing.palette import Palette
from ..terminal.opaque import forget_painted

Picture = TypeVar("Picture")


class Lines(Widget, Generic[Picture]):
    """A widget of Textual's Line API. `show` takes the picture to draw; the subclass draws its rows."""

    DEFAULT_CSS = "Lines { background: ansi_default; }"
    can_focus = False

    def __init__(self, palette: Palette, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.palette = palette
        self.picture: Picture | None = None
        self._rows: list[Strip] = []
        self._drawn_for: tuple[int, int] | None = None

    def draw(self, picture: Picture, width: int, height: int) -> list[Strip]:
        """The rows of a picture: at most `height`, each of `width` cells."""
        raise NotImplementedError

    def show(self, picture: Picture, palette: Palette) -> None:
        """Draw this picture from now on; unchanged rows are not repainted."""
        if picture == self.picture and palette == self.palette:
            return
        self.picture, self.palette = picture, palette
        if self._drawn_for != (self.size.width, self.size.height):  # hidden at present, or resized
            self._drawn_for = None
            self.refresh()
            return
        before = self._rows
        self._draw()
        changed = [y for y, (old, new) in enumerate(zip(before, self._rows, strict=True)) if old != new]
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def on_unmount(self) -> None:
        """Free the painted rows."""
        forget_painted(self)

    def render_line(self, y: int) -> Strip:
        if self._drawn_for != (self.size.width, self.size.height):
            self._draw()
        return self._rows[y] if y < len(self._rows) else blank(self.size.width, self.palette.text)

    def _draw(self) -> None:
        width, height = self.size.width, self.size.height
        rows = self.draw(self.picture, width, height)[:height] if self.picture is not None else []
        self._rows = rows + [blank(width, self.palette.text)] * (height - len(rows))
        self._drawn_for = (width, height)


class OneLine(Lines[Picture]):
    """A widget of a single row."""

    def line(self, picture: Picture, width: int) -> StyledLine:
        """The row's text; it is cut or padded to the width afterwards."""
        raise NotImplementedError

    def draw(self, picture: Picture, width: int, height: int) -> list[Strip]:
        return [strip(self.line(picture, width), width, self.palette.text)][:height]
