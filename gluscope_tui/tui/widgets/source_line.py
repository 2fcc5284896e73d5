"""The two lines above an open context: which context it is, and the source of its text."""

from __future__ import annotations

from dataclasses import dataclass

from textual.strip import Strip

from indexer.database.records import Example
from indexer.quadrants import Quadrant

from ...text.cells import shorten
from ...views.numbers import counted, signed
from ...views.quadrant import in_words
from ...views.turns import tags
from ..drawing.painting import Part, fitted, strip
from .header import FULL_FROM
from .lines import Lines


@dataclass(frozen=True, slots=True)
class SourceOfContext:
    """An open context; `problem` says why only its window is shown."""

    neuron: str
    quadrant: Quadrant
    ranking: str
    example: Example
    total: int
    problem: str


class SourceLine(Lines[SourceOfContext]):
    """Neuron, quadrant, ranking and value; document, position, source, and which values are kept."""

    def draw(self, picture: SourceOfContext, width: int, height: int) -> list[Strip]:
        palette, example = self.palette, picture.example
        part = f" part {example.part}" if example.part else ""
        upper = [
            Part(picture.neuron, palette.strong),
            Part(f"{picture.quadrant.value} {in_words(picture.quadrant)}", palette.strong, 3),
            Part(f"context {example.rank + 1} of {picture.total} by {picture.ranking}", palette.text, 1),
            Part(signed(example.value), palette.strong, 2),
            *(Part(tag, palette.text, 3) for tag in tags(example)),
        ]
        before = counted(example.peak, "token") if width >= FULL_FROM else str(example.peak)
        kept = f"values kept: {before} before, {len(example.tokens) - example.peak - 1} after"
        name = example.source.replace("\\", "/").rpartition("/")[2]
        lower = [
            Part(f"document {example.document}{part}, position {example.position}", palette.text, 1),
            Part(shorten(name, max(12, width // 3), ascii_only=palette.ascii_only), palette.text, 2),
            Part(picture.problem or kept, palette.faint, 1 if picture.problem else 3),
            Part(f"{palette.glyphs.about} but for the peak", palette.faint, 4),
        ]
        rows = []
        for parts in (upper, lower):
            line = ((" ", palette.text), *fitted(parts, width - 1, "  ", palette.text))
            rows.append(strip(line, width, palette.text))
        return rows[:height]
