"""The notebook of an index: its marks in a plain file, which a person and several processes may change at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from indexer.disk import is_full
from indexer.errors import GluscopeError

from .files import locked, write_whole
from .marks import HEADING, Key, Mark, parse_line


@dataclass(frozen=True, slots=True)
class Notebook:
    """What a file says: its marks, and the lines (number from 1, text) that are meant to be marks but are not."""

    marks: tuple[Mark, ...]
    mistakes: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a mark: None is no mark."""

    before: Mark | None
    after: Mark | None


class MarksFile:
    """The marks of one index. The file is read again for every use, so that the user may edit it meanwhile.

    A change takes place between reading and writing under a lock: explorers that run at once lose nothing. Lines that
    are not marks (comments, blank lines, mistakes) stay where they are. Every method raises GluscopeError if the file
    can't be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[Mark, ...]:
        """The marks in the order of the file. Of several with one key the last counts."""
        return self.notebook().marks

    def notebook(self) -> Notebook:
        """The marks, and the mistakes in the file."""
        lines = self._lines()
        marks = [parse_line(line) for line in lines]
        mistakes = (
            (number, line.strip())
            for number, (line, mark) in enumerate(zip(lines, marks, strict=True), 1)
            if mark is None and line.strip() and not line.lstrip().startswith(("#", "neuron\t"))
        )
        return Notebook(tuple({mark.key: mark for mark in marks if mark is not None}.values()), tuple(mistakes))

    def stamp(self) -> tuple[int, int, int] | None:
        """What changes when the file does; None without a file."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def put(self, marks: Iterable[Mark]) -> None:
        """Add marks, or replace those with the same key where they stand. Columns of other people stay."""
        new = {mark.key: mark for mark in marks}
        self.update(new, lambda key, _: new[key])

    def remove(self, keys: Iterable[Key]) -> tuple[Mark, ...]:
        """Remove the marks with these keys. Returns those that were there."""
        changes = self.update(keys, lambda *_: None)
        return tuple(change.before for change in changes.values() if change.before is not None)

    def update(self, keys: Iterable[Key], changed: Callable[[Key, Mark | None], Mark | None]) -> dict[Key, Change]:
        """Change marks where they stand; new ones are added at the end.

        `changed` gets each key with its mark as it is at that moment (None: there is none), and returns the mark to
        keep, or None for none. Columns of other people stay. Returns what became of each key.
        """
        wanted = dict.fromkeys(keys)
        found: dict[Key, Change] = {}

        def change(lines: list[str]) -> list[str]:
            marks = [parse_line(line) for line in lines]
            there = {mark.key: mark for mark in marks if mark is not None}
            for key in wanted:
                before = there.get(key)
                after = changed(key, before)
                if after is not None and before is not None:
                    after = replace(after, more=after.more or before.more)
                found[key] = Change(before, after)
            kept: list[str] = []
            done = set()
            for line, mark in zip(lines, marks, strict=True):
                if mark is None or mark.key not in wanted:
                    kept.append(line)
                elif mark.key not in done:
                    done.add(mark.key)
                    if (after := found[mark.key].after) is not None:
                        kept.append(line if after == there[mark.key] == mark else after.line)
            added = [one.after.line for key, one in found.items() if key not in done and one.after is not None]
            return [*(kept or [HEADING]), *added] if added else kept

        self._change(change)
        return found

    def _change(self, change: Callable[[list[str]], list[str]]) -> None:
        try:
            with locked(self.path):
                before = self._lines()
                after = change(before)
                if after != before:
                    write_whole(self.path, "".join(line + "\n" for line in after))
        except OSError as error:
            fix = "free some space" if is_full(error) else f"is {self.path} writable?"
            raise GluscopeError(f"the marks are not kept: {error.strerror}", fix) from None

    def _lines(self) -> list[str]:
        try:
            with self.path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
                text = file.read()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise GluscopeError(f"the marks can't be read: {error.strerror}", f"look at {self.path}") from None
        return text.removesuffix("\n").split("\n") if text else []
