"""The file beside that of `gluscope effect --out` with the sums of rows that are not finished: `FILE.part`.

A row is finished when it is measured in all sequences, and rows that share runs of the model are finished together.
This file is written anew every few seconds, so that a kill loses no more than those, however long a row takes.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ...disk import create, refused, write_all
from ...errors import GluscopeError
from .kept_rows import compare_settings, part_path
from .measures import MEASURED, Tally

EVERY = 10.0
"""Seconds between two writes, unless a write takes long."""

_SHARE = 20
"""So many times as long as a write took, the next one waits."""

_KEY = "gluscope effect"
_COUNTS = ("sequences", "altered", "predicting", "following")


class KeptPart:
    """The unfinished rows' tallies on disk, by the names of their variants."""

    def __init__(self, out: Path, settings: Mapping[str, Any]) -> None:
        """`settings`: those that a continued run must share."""
        self.path = part_path(out)
        self._aside = self.path.with_name(f"{self.path.name}.new")
        self._settings = dict(settings)
        self._next = time.monotonic() + EVERY

    def read(self, tokens: int | None = None) -> dict[str, Tally]:
        """What the file has; nothing if there is none. `tokens`: those that the model's head knows, if that matters.

        GluscopeError if it holds something else, or sums of other settings.
        """
        if not self.path.exists():
            return {}
        try:
            with safe_open(self.path, "pt") as file:
                said = json.loads((file.metadata() or {})[_KEY])
                run, names = said["run"], said["names"]
                if not isinstance(run, dict) or not isinstance(names, list):
                    raise self._foreign()
                compare_settings(self.path, run, self._settings, self._settings)
                return _tallies(names, {name: file.get_tensor(name) for name in file.keys()}, tokens)  # noqa: SIM118
        except OSError as error:
            raise GluscopeError(f"{self.path} can't be read: {error.strerror}", "remove it to begin anew") from None
        except (SafetensorError, ValueError, KeyError, TypeError, RecursionError):
            raise self._foreign() from None

    def keep(self, tallies: Mapping[str, Tally], *, at_once: bool = False) -> None:
        """Write tallies if enough time has passed, or at once; without any, remove the file.

        They are on the disk when this returns. GluscopeError if the file can't be written.
        """
        now = time.monotonic()
        if now < self._next and not at_once:
            return
        try:
            if not (begun := {name: tally for name, tally in tallies.items() if tally.sequences}):
                self.path.unlink(missing_ok=True)
                self._aside.unlink(missing_ok=True)  # of a kill
            else:
                said = {"format": 1, "names": list(begun), "run": self._settings}
                self._write(save(_tensors(list(begun.values())), {_KEY: json.dumps(said)}))
        except OSError as error:
            raise refused(self.path, error, "name another file with --out") from error
        done = time.monotonic()
        self._next = done + max(EVERY, _SHARE * (done - now))

    def _write(self, data: bytes) -> None:
        try:
            with create(self._aside) as file:
                write_all(file, data)
                os.fsync(file.fileno())
            os.replace(self._aside, self.path)
        finally:
            self._aside.unlink(missing_ok=True)

    def _foreign(self) -> GluscopeError:
        return GluscopeError(
            f"{self.path} holds something other than sums of gluscope effect", "remove it to begin anew"
        )


def _tensors(tallies: list[Tally]) -> dict[str, Tensor]:
    """The tallies as tensors, those of one after those of the other."""
    counts = [torch.tensor([getattr(tally, name) for name in _COUNTS], dtype=torch.int64) for tally in tallies]
    sums = [torch.tensor([tally.sums[name] for name in MEASURED], dtype=torch.float64) for tally in tallies]
    tokens = [tally.tokens.float().cpu() for tally in tallies if tally.tokens is not None]
    return {
        "length": torch.tensor([len(tally.sequences) for tally in tallies]),  # tally
        "counts": torch.cat(counts, dim=1).contiguous(),  # count tally-and-sequence
        "sums": torch.cat(sums, dim=1).contiguous(),  # measure tally-and-sequence
        "shift": torch.tensor([tally.shift for tally in tallies], dtype=torch.float64),  # tally
        "altered": torch.tensor([tally.tokens is not None for tally in tallies]),  # tally
        "tokens": torch.stack(tokens) if tokens else torch.zeros(0, 0),  # altered-tally token
    }


def _tallies(names: list[Any], found: Mapping[str, Tensor], tokens: int | None) -> dict[str, Tally]:
    """The result of `_tensors` read back. ValueError or KeyError for what it can't have made."""
    number = len(names)
    length, counts, sums, shift = (found[name] for name in ("length", "counts", "sums", "shift"))
    has, changes = found["altered"], found["tokens"]
    _demand(all(isinstance(name, str) for name in names) and len(set(names)) == number)
    _demand(length.dtype == torch.int64 and length.shape == (number,) and bool((length > 0).all()))
    total = int(length.sum())
    _demand(counts.dtype == torch.int64 and counts.shape == (len(_COUNTS), total) and bool((counts >= 0).all()))
    _demand(sums.dtype == torch.float64 and sums.shape == (len(MEASURED), total))
    _demand(shift.dtype == torch.float64 and shift.shape == (number,))
    _demand(has.dtype == torch.bool and has.shape == (number,) and changes.dtype == torch.float32)
    _demand(not bool(has.any()) or (changes.ndim == 2 and tokens in (None, changes.shape[1])))
    _demand(len(changes) == int(has.sum()))
    rows = iter(changes)
    tallies = {}
    begin = 0
    for place, (name, size) in enumerate(zip(names, length.tolist(), strict=True)):
        own, measured = counts[:, begin : begin + size], sums[:, begin : begin + size]
        begin += size
        lists = dict(zip(_COUNTS, own.tolist(), strict=True))
        _demand(len(set(lists["sequences"])) == len(lists["sequences"]))
        _demand(bool(has[place]) == any(lists["altered"]))
        tallies[name] = Tally(
            **lists,
            sums=dict(zip(MEASURED, measured.tolist(), strict=True)),
            shift=float(shift[place]),
            tokens=next(rows).clone() if has[place] else None,
        )
    return tallies


def _demand(right: bool) -> None:
    if not right:
        raise ValueError("not what gluscope effect writes")
