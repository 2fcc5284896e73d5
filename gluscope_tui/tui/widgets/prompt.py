"""A prompt of one line at the foot: the typed text and its error."""

from __future__ import annotations

from dataclasses import replace

from ...colour.style import Style, StyledLine
from ...text.cells import cell_len, shorten
from ...text.clean import clean
from ..session.typing_line import Typing
from .lines import OneLine


class Prompt(OneLine[Typing]):
    """Label, text with its cursor, error."""

    def line(self, picture: Typing, width: int) -> StyledLine:
        palette = self.palette
        label = f" {picture.label}: "
        error = clean(picture.error, ascii_only=palette.ascii_only)
        room = max(4, width - len(label) - (min(len(error) + 2, width // 2) if error else 0))
        before = _end(clean(picture.text[: picture.at][-2 * width :], ascii_only=palette.ascii_only), room - 1)
        under = clean(picture.text[picture.at : picture.at + 1], ascii_only=palette.ascii_only) or " "
        after = clean(picture.text[picture.at + 1 :][: 2 * width], ascii_only=palette.ascii_only)
        cursor = replace(palette.text, reverse=True) if palette.text != Style() else Style(reverse=True)
        chosen = cursor if picture.selected else palette.text
        parts = [(label, palette.strong), (before, chosen), (under, cursor), (after, chosen)]
        used = sum(cell_len(text) for text, _ in parts)
        if picture.hint and not picture.text and not error:
            parts.append((" " + clean(picture.hint, ascii_only=palette.ascii_only), palette.faint))
        if picture.choices and not error:
            words = clean("  ".join(picture.choices), ascii_only=palette.ascii_only)
            parts.append(
                ("  " + shorten(words, max(8, width - used - 2), ascii_only=palette.ascii_only), palette.faint)
            )
        if error:
            parts.append(("  " + shorten(error, max(8, width - used - 2)), palette.warning))
        return tuple(parts)


def _end(text: str, width: int) -> str:
    """The longest end of a clean text that fits in `width` cells."""
    start = len(text)
    while start > 0 and cell_len(text[start - 1 :]) <= width:
        start -= 1
    return text[start:]
