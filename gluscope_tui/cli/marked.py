"""The marks that an index has neurons for, and those taken from files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path

import typer

from indexer.database.reader import Index
from indexer.errors import GluscopeError

from ..kept.marks import Key, Mark, dated
from ..kept.marks_file import Change, MarksFile
from ..text.clean import clean
from ..views.numbers import counted
from .output import tell
from .streams import file_text, stdin_text

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
        text = stdin_text() if name == "-" else file_text(Path(name))
        found = read_marks(list(StringIO(text, newline=None)))
        for number, reason in found.refused[:_TOLD]:
            tell(f"line {number} of {source}: {reason}")
        if (more := len(found.refused) - _TOLD) > 0:
            tell(f"and {more:,} more")
        if found.unknown:
            tell(f"left out of {source}: {', '.join(found.unknown)}")
        marks = of_index(index, found.marks, source)
        refused += len(found.refused) + len(found.marks) - len(marks)
        new = {mark.key: mark for mark in marks}

        def taken(key: Key, there: Mark | None, new: dict[Key, Mark] = new) -> Mark:
            says_nothing = there is None or not there.text
            same = there is not None and there.text == new[key].text
            return dated(new[key]) if not same and (says_nothing or replace) else there or dated(new[key])

        changes = file.update(new, taken)
        same = sum(one.before is not None and one.before.text == new[key].text for key, one in changes.items())
        count = sum(one.before != one.after for one in changes.values())
        tell(f"{counted(count, 'mark')} taken from {source}" + (f", {same} there already" if same else ""))
        if other := len(changes) - count - same:
            stay = "stays as it is" if other == 1 else "stay as they are"
            tell(f"{counted(other, 'mark')} with another note {stay}: --replace takes what is imported")
        tell_replaced(changes.values())
    if refused:
        raise typer.Exit(2)


def tell_replaced(changes: Iterable[Change]) -> None:
    """Name the notes that are gone, so that they can be had again."""
    for before, after in ((change.before, change.after) for change in changes):
        if before is not None and before.note and after is not None and after.note != before.note:
            tell(f"replaced: {before.name}  {clean(before.text)}")


def tell_mistakes(file: MarksFile, mistakes: Sequence[tuple[int, str]]) -> None:
    """Name the lines of a marks file that are meant to be marks but are not."""
    for number, line in mistakes[:_TOLD]:
        tell(f"line {number} of {file.path} is not a mark: {clean(line)[:40]!a}")
    if (more := len(mistakes) - _TOLD) > 0:
        tell(f"and {more:,} more")
