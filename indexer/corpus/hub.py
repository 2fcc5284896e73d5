"""The documents of a Hugging Face data set, streamed: nothing is downloaded ahead of need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import GluscopeError
from .columns import missing_column, text_of


@dataclass(frozen=True, slots=True)
class HubDataset:
    """A data set as `load_dataset` names it: an id or a local folder, a configuration, a split."""

    id: str
    config: str | None
    split: str

    @property
    def label(self) -> str:
        return f"data set {self.id!r}"

    def read(self, column: str) -> Iterator[tuple[str, str]]:
        """The (source, text) pairs, `ID:row` with rows counted from 1; GluscopeError if it can't be read."""
        rows = iter(self._open(column))
        number = 0
        while (row := self._next(rows)) is not None:
            number += 1
            place = f"{self.label}, row {number}"
            if column not in row:
                raise missing_column(column, list(row), place)
            yield f"{self.id}:{number}", text_of(row[column], column, place)

    def _open(self, column: str) -> Any:
        import datasets

        try:
            stream = datasets.load_dataset(self.id, name=self.config, split=self.split, streaming=True)
        except Exception as error:  # not found, no network, unknown split, a script: the library raises what it likes
            raise self._refused(error) from error
        columns = stream.column_names
        if columns is None:  # known only from the rows
            return stream
        if column not in columns:
            raise missing_column(column, columns, self.label)
        return stream.select_columns([column])

    def _next(self, rows: Iterator[dict[str, Any]]) -> dict[str, Any] | None:
        try:
            return next(rows, None)
        except Exception as error:
            raise self._refused(error) from error

    def _refused(self, error: Exception) -> GluscopeError:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return GluscopeError(
            f"{self.label} can't be read: {reason}",
            "check its id, --config and --split, and the network (HF_TOKEN for a gated one)",
        )
