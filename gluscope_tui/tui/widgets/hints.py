"""The last line: the most used keys, or a notice for a while."""

from __future__ import annotations

from dataclasses import dataclass

from ...colour.style import StyledLine
from ...text.cells import cell_len, shorten
from .lines import OneLine


@dataclass(frozen=True, slots=True)
class Foot:
    """The hints of a screen, and a notice that stands in their place."""

    hints: tuple[str, ...]
    notice: str = ""
    bad: bool = False


class Hints(OneLine[Foot]):
    """The foot; hints that don't fit are left out from the end, but the last (help) stays."""

    def line(self, picture: Foot, width: int) -> StyledLine:
        palette = self.palette
        if picture.notice:
            words = shorten(picture.notice, width - 1, ascii_only=palette.ascii_only)
            return ((f" {words}", palette.warning if picture.bad else palette.strong),)
        hints = [_plain(hint) if palette.ascii_only else hint for hint in picture.hints]
        while len(hints) > 1 and sum(cell_len(hint) + 2 for hint in hints) > width:
            del hints[-2]
        return ((" " + "  ".join(hints), palette.faint),)


def _plain(hint: str) -> str:
    return hint.replace("↑↓", "up/down").replace("⏎", "Enter")
