"""The theme that the user chose last, for every index: a file with its name."""

from __future__ import annotations

from ..colour.themes import THEMES
from .files import state_folder, write_whole


class ThemeFile:
    """The file `theme` beside the folders of the indexes."""

    def __init__(self) -> None:
        self.path = state_folder() / "theme"

    def read(self) -> str:
        """The name of a theme; "" if none is kept, or if the file can't be read or names no theme."""
        try:
            name = self.path.read_text(encoding="utf-8-sig").strip()
        except (OSError, ValueError):
            return ""
        return name if name in THEMES else ""

    def write(self, name: str) -> str:
        """Keep a theme. Returns a notice if that fails, or ""."""
        try:
            write_whole(self.path, f"{name}\n")
        except OSError as error:
            return f"the theme can't be kept: {error.strerror}"
        return ""
