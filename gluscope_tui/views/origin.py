"""Which model and which index the rows of a command come from, in every format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ..colour.depth import Depth
from ..colour.style import PLAIN, Style, StyledLine
from ..text.clean import clean
from .columns import Columns

Row = TypeVar("Row")

NAMES = ("model", "index")
"""Of the columns that `Origin.beside` adds."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The name of a model, and the path or address of the index whose contexts or percentiles it is asked with."""

    model: str
    index: str | None  # None: there is none

    def line(self, depth: Depth) -> StyledLine:
        """The heading of a table for people."""
        index = "no index" if self.index is None else f"index {clean(self.index)}"
        return ((f"{clean(self.model)}, {index}", PLAIN if depth is Depth.PLAIN else Style(bold=True)),)

    def as_object(self) -> dict[str, Any]:
        """As JSON has it, by NAMES."""
        return {"model": self.model, "index": self.index}

    def beside(self, columns: Columns[Row]) -> Columns[Row]:
        """Columns with those of the origin as the last."""

        def as_object(row: Row) -> Mapping[str, Any]:
            return {**columns.as_object(row), **self.as_object()}

        own = clean(self.model), clean(self.index or "")
        return Columns(
            (*columns.names, *NAMES), lambda row: (*columns.fields(row), *own), as_object, columns.last_in_plain
        )
