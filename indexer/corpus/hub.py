"""The documents of a Hugging Face data set: streamed from the hub, or read from a folder that `datasets` saved."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import GluscopeError
from .columns import Cell, Column, missing_column

_SAVED = ("dataset_dict.json", "state.json")
"""Files that `save_to_disk` writes: of a data set with splits, and of one split."""


@dataclass(frozen=True, slots=True)
class HubDataset:
    """A data set as `load_dataset` or `load_from_disk` names it: an id or a folder, a configuration, splits."""

    id: str
    config: str | None
    split: str  # one, or several with commas between them

    @property
    def label(self) -> str:
        return f"data set {self.id!r}"

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits, in the order in which they are read. GluscopeError if none or one twice is named."""
        names = tuple(name.strip() for name in self.split.split(","))
        if not all(names) or len(set(names)) < len(names):
            raise GluscopeError(
                f"--split {self.split!r} doesn't name each split once", "write --split train,validation"
            )
        return names

    def read(self, column: Column) -> Iterator[tuple[str, Cell]]:
        """The (source, text) pairs, `ID:row` with rows counted from 1, and `ID:split:row` for several splits.

        GluscopeError if it can't be read.
        """
        splits = self.splits
        for split in splits:
            front = self.id if len(splits) == 1 else f"{self.id}:{split}"
            where = self.label if len(splits) == 1 else f"{self.label}, {split}"
            rows = iter(self._open(split, column))
            number = 0
            while (row := self._next(rows)) is not None:
                number += 1
                yield f"{front}:{number}", column.of_row(row, f"{where}, row {number}")

    @property
    def _saved(self) -> bool:
        """Whether it is a folder that `datasets` saved with `save_to_disk`."""
        return any(os.path.isfile(os.path.join(self.id, name)) for name in _SAVED)

    def _open(self, split: str, column: Column) -> Any:
        rows = self._from_disk(split) if self._saved else self._streamed(split)
        columns = rows.column_names
        if columns is None:  # known only from the rows
            return rows
        wanted = column.name if column.name in columns else column.first
        if wanted not in columns:
            raise missing_column(column.name, columns, self.label)
        return rows.select_columns([wanted])

    def _streamed(self, split: str) -> Any:
        import datasets

        try:
            return datasets.load_dataset(self.id, name=self.config, split=split, streaming=True)
        except Exception as error:  # not found, no network, unknown split, a script: the library raises what it likes
            raise self._refused(error) from error

    def _from_disk(self, split: str) -> Any:
        import datasets

        if self.config is not None:
            raise GluscopeError(f"{self.label} was saved without configurations", "leave --config out")
        try:
            found = datasets.load_from_disk(self.id)
        except Exception as error:  # of a damaged folder
            raise self._refused(error) from error
        if isinstance(found, datasets.DatasetDict):
            if split not in found:
                raise GluscopeError(
                    f"{self.label} has no split {split!r}; it has: {', '.join(map(str, found))}", "name it with --split"
                )
            return found[split]
        own = None if found.split is None else str(found.split)
        if split not in (own, "train"):  # `train` is what is read if no split is named
            named = f"holds the split {own!r}" if own else "was saved without splits"
            raise GluscopeError(f"{self.label} {named}, not {split!r}", "leave --split out")
        return found

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
