"""Marks: neurons the user wants to find again, in a plain file of lines `L12N345<TAB>note`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from indexer.addresses import NeuronAddress, parse_neuron
from indexer.errors import GluscopeError

from .files import write_whole


@dataclass(frozen=True, slots=True)
class Mark:
    neuron: NeuronAddress
    note: str


class MarksFile:
    """The marks of one index. The file is read again for every use, so that the user may edit it meanwhile.

    Lines that are not marks (comments, blank lines, mistakes) stay where they are. Every method raises GluscopeError
    if the file can't be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[Mark, ...]:
        """The marks in the order of the file. If a neuron has several, the last note counts."""
        marks: dict[NeuronAddress, Mark] = {}
        for line in self._lines():
            if (mark := _parse(line)) is not None:
                marks[mark.neuron] = mark
        return tuple(marks.values())

    def put(self, neuron: NeuronAddress, note: str) -> None:
        """Mark a neuron, or replace the note of its mark. Tabs and line ends in the note become blanks."""
        new = f"{neuron}\t{' '.join(note.split())}"
        kept: list[str] = []
        for line in self._lines():
            mark = _parse(line)
            if mark is None or mark.neuron != neuron:
                kept.append(line)
            elif new not in kept:
                kept.append(new)
        if new not in kept:
            kept.append(new)
        self._write(kept)

    def remove(self, neuron: NeuronAddress) -> None:
        """Remove a neuron's marks; nothing changes if it has none."""
        lines = self._lines()
        kept = [line for line in lines if (mark := _parse(line)) is None or mark.neuron != neuron]
        if kept != lines:
            self._write(kept)

    def _write(self, lines: list[str]) -> None:
        try:
            write_whole(self.path, "".join(line + "\n" for line in lines))
        except OSError as error:
            raise GluscopeError(f"the marks are not kept: {error.strerror}", f"is {self.path} writable?") from None

    def _lines(self) -> list[str]:
        try:
            text = self.path.read_text(encoding="utf-8-sig", errors="surrogateescape")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise GluscopeError(f"the marks can't be read: {error.strerror}", f"look at {self.path}") from None
        return text.removesuffix("\n").split("\n") if text else []


def _parse(line: str) -> Mark | None:
    address, _, note = line.partition("\t")
    try:
        return Mark(parse_neuron(address), note.strip())
    except GluscopeError:
        return None
