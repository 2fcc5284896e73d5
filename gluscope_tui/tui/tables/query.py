"""The query of the table of neurons: a condition, an order, the signs. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Query:
    """A condition ("" for all neurons), a column to sort by ("" for the order of the index), aligned or raw signs.

    `magnitude`: sorted without the signs of the values.
    """

    where: str = ""
    sort: str = ""
    descending: bool = True
    signs: str = "aligned"
    magnitude: bool = False

    @property
    def order(self) -> str:
        """The order of the rows, in words."""
        sort = f"|{self.sort}|" if self.magnitude else self.sort
        return in_order(sort, self.descending) if self.sort else "layer and index"

    @property
    def key(self) -> str:
        """What the index sorts by: the column, or its magnitude."""
        return f"abs({self.sort})" if self.magnitude and self.sort else self.sort

    def needs_reading(self) -> bool:
        """Whether the query has a condition or an order, so that the index must be read."""
        return bool(self.where or self.sort)

    def command(self, columns: Sequence[str], path: str) -> str:
        """The shell command that prints just these rows."""
        words = ["gluscope", "neurons", "--columns", ",".join(columns), "--limit", "0"]
        words += ["--where", self.where] if self.where else []
        words += ["--sort", self.key] if self.sort else []
        words += ["--ascending"] if self.sort and not self.descending else []
        words += ["--signs", self.signs] if self.signs != "aligned" else []
        return shlex.join([*words, "--db", path])


def in_order(sort: str, descending: bool) -> str:
    """A column and its direction, as shown in a list's title."""
    return f"{sort} {'down' if descending else 'up'}"
