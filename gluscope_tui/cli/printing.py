"""The one printer: chooses format, colours and width, and writes what a command found to stdout.

To add a format of rows:
1. write a function in `views/columns.py` that turns rows and their columns into text;
2. add it to `WRITERS` here, and its name to `RowFormat` in `options.py`;
3. name it in docs/commands.md where `--format` is described;
4. say in tests/cli/test_formats.py how a script reads it.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from ..views import columns as forms
from ..views.columns import Columns
from ..views.json_text import dumps, listed
from .output import emit, emit_lines

if TYPE_CHECKING:
    from ..colour.depth import Depth
    from ..colour.style import StyledLine

Row = TypeVar("Row")

WRITERS: dict[str, Callable[[Iterable[Row], Columns[Row]], Iterable[str]]] = {
    "plain": forms.plain,
    "tsv": forms.plain,
    "csv": forms.csv,
    "json": forms.json,
    "jsonl": forms.jsonl,
    "md": forms.md,
}
"""The formats of rows that scripts read; each gives the pieces of text to write, one after the other."""

WIDEST = 10_000  # cells: wider than any terminal, and quick to lay out


class Printer:
    """Where a command writes its data.

    `format`: the one asked for; by default `people`, the format for people, on a terminal, and `scripts` elsewhere.
    `width`: cells a line, by default the terminal's.
    """

    def __init__(
        self,
        format: str | None,
        color: str = "auto",
        *,
        people: str = "table",
        scripts: str = "plain",
        width: int | None = None,
    ) -> None:
        self._on_terminal = sys.stdout.isatty()
        self._color = color
        self.format = format or (people if self._on_terminal else scripts)
        self.width = terminal_width() if width is None else width

    @cached_property
    def depth(self) -> Depth:
        """How many colours may be written; GluscopeError for a choice of colour that does not exist."""
        from ..colour.depth import detect

        return detect(self._color, environment=os.environ, terminal=self._on_terminal).depth

    @property
    def light(self) -> bool:
        """Whether the terminal says that its background is light."""
        from ..colour.depth import light_background

        return light_background(os.environ)

    def write(
        self,
        rows: Iterable[Row],
        columns: Columns[Row],
        table: Callable[[Iterable[Row]], Iterable[StyledLine]] | None = None,
    ) -> None:
        """Write rows in the format: as `columns` says for scripts, as the lines of `table` for people."""
        if writer := WRITERS.get(self.format):
            emit(writer(rows, columns))
        elif table is not None:
            self.paint(table(rows))

    def paint(self, lines: Iterable[StyledLine]) -> None:
        """Write styled lines."""
        from ..views.page import painted

        emit_lines(map(painted, lines))


def emit_object(value: object) -> None:
    """Write one JSON value on a line of its own."""
    emit((f"{dumps(value)}\n",))


def emit_objects(values: Iterable[object], *, as_list: bool) -> None:
    """Write JSON values, as one list or each on a line of its own."""
    emit(listed(values) if as_list else (f"{dumps(value)}\n" for value in values))


def terminal_width() -> int:
    """The terminal's cells a line, or $COLUMNS."""
    return min(shutil.get_terminal_size().columns, WIDEST)
