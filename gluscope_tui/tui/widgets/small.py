"""The notice on a terminal that is too small for anything else."""

from __future__ import annotations

from textual.strip import Strip

from ..drawing.layout import LEAST_HEIGHT, LEAST_WIDTH
from ..drawing.painting import strip
from .lines import Lines

NEEDED = f"gluscope needs {LEAST_WIDTH}x{LEAST_HEIGHT} cells"


class Small(Lines[str]):
    """A sentence that says what size is needed, broken wherever it must be."""

    def draw(self, picture: str, width: int, height: int) -> list[Strip]:
        rows = [picture[start : start + width] for start in range(0, len(picture), max(1, width))]
        return [strip([(row, self.palette.text)], width, self.palette.text) for row in rows][:height]
