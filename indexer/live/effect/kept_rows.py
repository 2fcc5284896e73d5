"""The file of `gluscope effect --out`: a row a line, added as soon as it is finished; the same command continues it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from ...disk import refused, write_all
from ...errors import GluscopeError
from .result import Effect, from_json

_LONGEST = 2**24  # bytes of a row
_SHOWN = 60  # characters of a setting
_BEGINNING = b'{"format"'  # of a row


def part_path(out: Path) -> Path:
    """The file of the rows that are not finished."""
    return out.with_name(f"{out.name}.part")


def what_is_kept(out: Path | None) -> str:
    """A line that says what an interrupted run with this `--out` has kept."""
    if out is None:
        return "stopped; without --out nothing is kept"
    try:
        with open(out, "rb") as file:
            rows = sum(line.startswith(_BEGINNING) and line.endswith(b"\n") for line in file)
    except OSError:
        rows = 0
    part = part_path(out)
    begun = f"{part} has what is measured of unfinished rows" if part.exists() else ""
    finished = f"{out} has {rows:,} row{'s' if rows != 1 else ''}" if rows else ""
    kept = ", ".join(filter(None, (finished, begun)))
    return f"stopped; {kept}. Run the same command to continue" if kept else "stopped; nothing was kept"


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
            # Without a buffer: one would keep what a full disk didn't take, and fail again when it is closed.
            self._file: IO[bytes] = open(path, "a+b", buffering=0)  # noqa: SIM115  # closed in __exit__
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
        with nullcontext() if kind is None else suppress(OSError):  # the first error is the one to report
            self._file.close()

    @property
    def settings(self) -> Mapping[str, Any]:
        """What must be the same to continue."""
        return self._settings

    def demand(self, settings: Mapping[str, Any]) -> None:
        """All that must be the same is known. GluscopeError if the file holds rows of other settings."""
        self._settings = dict(settings)
        for run in self._runs:
            compare_settings(self.path, run, self._settings, {**settings, **run})

    def add(self, rows: Iterable[Effect]) -> None:
        """Add rows; they are on the disk when this returns."""
        made = list(rows)
        text = "".join(json.dumps({**row.as_json(), "run": self._settings}, allow_nan=False) + "\n" for row in made)
        try:
            write_all(self._file, text.encode())
            os.fsync(self._file.fileno())
        except OSError as error:
            raise refused(self.path, error, "name another file with --out") from None
        self.rows |= {(row.neuron, row.quadrant): row for row in made}

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GluscopeError(f"another run writes {self.path}", "wait for it, or name another --out") from None
        except OSError:
            return  # a disk without locks

    def _read(self) -> None:
        end = 0
        for line in self._lines():
            if not line.endswith(b"\n"):
                if len(line) == _LONGEST or (end == 0 and not line.startswith(_BEGINNING)):
                    raise self._foreign()
                self._file.truncate(end)
                break
            end += len(line)
            self._take(line)

    def _lines(self) -> Iterator[bytes]:
        with open(os.dup(self._file.fileno()), "rb") as file:
            file.seek(0)
            while line := file.readline(_LONGEST):
                yield line

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
            compare_settings(self.path, run, self._settings, self._settings)
            self._runs.append(run)
        self.rows[row.neuron, row.quadrant] = row

    def _foreign(self) -> GluscopeError:
        return GluscopeError(f"{self.path} holds something other than rows of gluscope effect", "name another --out")


def compare_settings(path: Path, theirs: Mapping[str, Any], ours: Mapping[str, Any], names: Iterable[str]) -> None:
    """GluscopeError if one of the named settings of a file's rows is another one now."""
    for name in names:
        now, then = ours.get(name), theirs.get(name)
        if now != then:
            raise GluscopeError(
                f"{path} has rows of other settings: {name} was {_short(then)}, and is {_short(now)}",
                "give the same options to continue it, or name another --out",
            )


def _short(value: Any) -> str:
    """A setting as a message has it."""
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
