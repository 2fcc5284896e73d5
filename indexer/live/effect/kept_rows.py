"""The file of `gluscope effect --out`: a row a line, added as soon as it is measured; the same command continues it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from ...errors import GluscopeError
from ...sequences.sequences import CorpusHash, TokenSequence
from .result import Effect, from_json

_LONGEST = 2**24  # bytes of a row
_SHOWN = 60  # characters of a setting


def text_identity(sequences: Iterable[TokenSequence]) -> str:
    """The identity of a text, as the model reads it."""
    found = CorpusHash()
    for sequence in sequences:
        found.add(sequence)
    return found.hexdigest()


class KeptRows:
    """The rows that a file has, and those that are added. Use it in a `with`."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        """`settings`: what must be the same to continue, by the names of the options, as far as it is known.

        A line that a kill left unfinished is dropped. GluscopeError if the file holds rows of other settings or
        something else, or if another process writes it.
        """
        self.path = path
        self._settings = dict(settings)
        self._runs: list[dict[str, Any]] = []  # the settings of the rows
        self.rows: dict[tuple[str, str], Effect] = {}
        self._new = not path.exists()
        try:
            self._file: BinaryIO = open(path, "a+b")  # noqa: SIM115  # closed in __exit__
        except OSError as error:
            raise GluscopeError(f"{path} can't be written: {error.strerror}", "name another file with --out") from None
        try:
            self._lock()
            self._read()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> KeptRows:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._new and not self.rows:
            self.path.unlink(missing_ok=True)
        self._file.close()

    def demand(self, settings: Mapping[str, Any]) -> None:
        """All that must be the same is known. GluscopeError if the file holds rows of other settings."""
        self._settings = dict(settings)
        for run in self._runs:
            self._compare(run, {**settings, **run})

    def add(self, rows: Iterable[Effect]) -> None:
        """Add rows; they are on the disk when this returns."""
        made = list(rows)
        text = "".join(json.dumps({**row.as_json(), "run": self._settings}, allow_nan=False) + "\n" for row in made)
        try:
            self._file.write(text.encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise GluscopeError(f"{self.path} can't be written: {error.strerror}", "is its disk full?") from None
        self.rows |= {(row.neuron, row.quadrant): row for row in made}

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GluscopeError(f"another run writes {self.path}", "wait for it, or name another --out") from None
        except OSError:
            return  # a disk without locks

    def _read(self) -> None:
        self._file.seek(0)
        end = 0
        while line := self._file.readline(_LONGEST):
            if not line.endswith(b"\n"):
                if len(line) == _LONGEST or (end == 0 and not line.startswith(b'{"format"')):
                    raise self._foreign()
                self._file.truncate(end)
                break
            end += len(line)
            self._take(line)
        self._file.seek(0, os.SEEK_END)

    def _take(self, line: bytes) -> None:
        try:
            found = json.loads(line)
            run = found["run"]
            row = from_json(found)
        except (ValueError, KeyError, TypeError, RecursionError, GluscopeError):
            raise self._foreign() from None
        if not isinstance(run, dict):
            raise self._foreign()
        if run not in self._runs:
            self._compare(run, self._settings)
            self._runs.append(run)
        self.rows[row.neuron, row.quadrant] = row

    def _compare(self, run: Mapping[str, Any], names: Iterable[str]) -> None:
        for name in names:
            ours, theirs = self._settings.get(name), run.get(name)
            if ours != theirs:
                raise GluscopeError(
                    f"{self.path} has rows of other settings: {name} was {_short(theirs)}, and is {_short(ours)}",
                    "give the same options to continue it, or name another --out",
                )

    def _foreign(self) -> GluscopeError:
        return GluscopeError(f"{self.path} holds something other than rows of gluscope effect", "name another --out")


def _short(value: Any) -> str:
    """A setting as a message has it."""
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
