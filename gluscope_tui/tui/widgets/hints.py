"""The foot: the most used keys, or for a while a notice, which may take several lines."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from textual.strip import Strip

from ...text.cells import cell_len, shorten
from ..drawing.painting import strip
from .lines import Lines

MOST_LINES = 3
_PLAIN = {"↑↓": "up/down", "⏎": "Enter", "↑": "up", "↓": "down", "←": "left", "→": "right"}


@dataclass(frozen=True, slots=True)
class Foot:
    """The hints of a screen, and a notice shown in their place."""

    hints: tuple[str, ...]
    notice: str = ""
    bad: bool = False


class Hints(Lines[Foot]):
    """The foot; hints that don't fit are dropped from the end, except the last (help)."""

    def draw(self, picture: Foot, width: int, height: int) -> list[Strip]:
        palette = self.palette
        if picture.notice:
            style = palette.warning if picture.bad else palette.strong
            words = [picture.notice] if height == 1 else notice_lines(picture.notice, width)
            shown = [f" {shorten(line, width - 1, ascii_only=palette.ascii_only)}" for line in words]
            return [strip([(line, style)], width, palette.text) for line in shown[:height]]
        hints = [_plain(hint) if palette.ascii_only else hint for hint in picture.hints]
        while len(hints) > 1 and sum(cell_len(hint) + 2 for hint in hints) > width:
            del hints[-2]
        return [strip([(" " + "  ".join(hints), palette.faint)], width, palette.text)]


def notice_lines(notice: str, width: int) -> list[str]:
    """A notice as lines for `width` cells, at most MOST_LINES."""
    lines = textwrap.wrap(notice, max(8, width - 1)) or [""]
    return [*lines[: MOST_LINES - 1], " ".join(lines[MOST_LINES - 1 :])] if len(lines) > MOST_LINES else lines


def _plain(hint: str) -> str:
    for drawn, name in _PLAIN.items():
        hint = hint.replace(drawn, name)
    return hint
