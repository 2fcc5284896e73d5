"""The marks that an index has neurons for, and those taken from files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import typer

from indexer.database.reader import Index
from indexer.errors import GluscopeError

from ..kept.marks import Mark, MarksFile, dated
from ..views.numbers import counted
from .output import tell
from .streams import stdin_lines

_TOLD = 5  # names or lines, of many that are left out


def of_index(index: Index, marks: Iterable[Mark], source: str = "") -> tuple[Mark, ...]:
    """The marks of neurons that the index has. A notice counts and names the others. `source`: where they are from."""
    there, lacking = [], []
    for mark in marks:
        try:
            index.address(mark.neuron)
        except GluscopeError:
            lacking.append(mark)
        else:
            there.append(mark)
    if lacking:
        names = list(dict.fromkeys(str(mark.neuron) for mark in lacking))
        more = f" and {len(names) - _TOLD:,} more" if len(names) > _TOLD else ""
        of = f" of {source}" if source else ""
        whose = f"whose neuron{'' if len(names) == 1 else 's'} this index lacks"
        tell(f"{counted(len(lacking), 'mark')}{of} left out, {whose}: {', '.join(names[:_TOLD])}{more}")
    return tuple(there)


def import_marks(file: MarksFile, index: Index, names: Sequence[str], *, replace: bool) -> None:
    """Take the marks of files, without those of neurons that the index lacks.

    A mark that is there already stays, unless it says nothing.
    """
    from ..kept.marks_import import read_marks

    if not names:
        raise GluscopeError("no file to import is named", "name some, or - for stdin: gluscope marks import others.tsv")
    refused = 0
    for name in names:
        source = "stdin" if name == "-" else name
        found = read_marks(list(stdin_lines()) if name == "-" else _lines(name))
        for number, reason in found.refused:
            tell(f"line {number} of {source}: {reason}")
        if found.unknown:
            tell(f"left out of {source}: {', '.join(found.unknown)}")
        marks = of_index(index, found.marks, source)
        refused += len(found.refused) + len(found.marks) - len(marks)
        before = {mark.key: mark.text for mark in file.read()}
        other = {mark for mark in marks if before.get(mark.key) not in (None, "", mark.text)}
        stay = {mark for mark in marks if mark.text and before.get(mark.key) == mark.text}
        if not replace:
            stay |= other
        new = [dated(mark) for mark in marks if mark not in stay]
        file.put(new)
        tell(f"{counted(len(new), 'mark')} taken from {source}")
        if other and not replace:
            tell(f"{counted(len(other), 'mark')} with another note stay as they are: --replace takes the imported ones")
    if refused:
        raise typer.Exit(2)


def _lines(name: str) -> list[str]:
    try:
        with open(name, encoding="utf-8-sig", errors="replace") as file:
            return file.read().splitlines()
    except OSError as error:
        raise GluscopeError(f"{name} can't be read: {error.strerror}", "name a file of marks, or - for stdin") from None
