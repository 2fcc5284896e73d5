"""The state the explorer keeps between starts: the position in an index and how it was shown."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from indexer.ranking import RANKINGS

from ..colour.themes import THEMES
from .files import set_aside, write_whole


@dataclass(frozen=True, slots=True)
class Remembered:
    """Position and view; the defaults are those of a first start."""

    neuron: str = ""
    quadrant: str = ""
    ranking: str = "post"
    signs: str = "aligned"
    theme: str = ""  # its name; "" if not chosen yet
    scale: str = "neuron"
    wrap: bool = False


class StateFile:
    """The state of one index as JSON. An unreadable file is renamed out of the way, never fatal."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[Remembered, str]:
        """The saved state and a notice ("" if all is well)."""
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8-sig"))
            return _checked(kept), ""
        except FileNotFoundError:
            return Remembered(), ""
        except OSError as error:
            return Remembered(), f"the last position can't be read: {error.strerror}"
        except (ValueError, RecursionError):
            return Remembered(), self._aside()

    @staticmethod
    def is_sound(text: str) -> bool:
        """Whether a state file with this content can be read."""
        try:
            _checked(json.loads(text))
        except (ValueError, RecursionError):
            return False
        return True

    def _aside(self) -> str:
        try:
            return f"the state file was broken; it is now {set_aside(self.path).name}"
        except OSError as error:
            return f"the state file is broken and can't be renamed: {error.strerror}"

    def write(self, remembered: Remembered) -> str:
        """Save the state. Returns a notice if that failed ("" if all is well): a full disk must not end a session."""
        try:
            write_whole(self.path, json.dumps(asdict(remembered), indent=1) + "\n")
        except OSError as error:
            return f"the position can't be kept: {error.strerror}"
        return ""


_CHOICES = {
    "quadrant": ("", "++", "+-", "-+", "--"),
    "ranking": tuple(RANKINGS),
    "signs": ("aligned", "raw"),
    "theme": ("", *THEMES),
    "scale": ("neuron", "pane"),
}


def _checked(kept: Any) -> Remembered:
    """The known keys. Raises ValueError for a value that this program never writes."""
    if not isinstance(kept, dict):
        raise ValueError("no object")
    known = {field.name: kept[field.name] for field in fields(Remembered) if field.name in kept}
    for name, value in known.items():
        if type(value) is not type(getattr(Remembered(), name)) or value not in _CHOICES.get(name, (value,)):
            raise ValueError(f"{name} can't be {value!r}")
    return Remembered(**known)
