"""`gluscope marks`: the notebook of an index: lists, adds, removes and imports marks, and reports them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, NamedTuple

import typer

from indexer.addresses import parse_neuron
from indexer.errors import GluscopeError
from indexer.quadrants import Quadrant

from ..kept.files import file_name, index_folder
from ..kept.marks import Key, Mark, has_words, now, parse_tags, parse_text
from ..kept.marks_file import MarksFile
from ..views.numbers import counted
from .asked import Addresses, named
from .columns import Where
from .marked import import_marks, of_index, tell_mistakes, tell_replaced
from .opening import open_index, reading_name
from .options import MOST, Color, Db, Quadrants, parse_quadrants, require_utf8
from .output import complain, emit_lines, tell
from .printing import Printer

_ACTIONS = ("list", "add", "remove", "import")
_CONTEXTS = 3  # a quadrant, in a report


def command(
    action: Annotated[
        str, typer.Argument(metavar="[list|add|remove|import]", help="What to do; list by default.")
    ] = "list",
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NEURON|FILE]...", help="Neurons to add or remove, files to import; - reads stdin."),
    ] = None,
    quadrant: Quadrants = None,
    note: Annotated[
        str | None, typer.Option("--note", metavar="TEXT", callback=require_utf8, help="add: the note; #word is a tag.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", "-t", metavar="TAG", help="add: a tag; list: only marks that have it.")
    ] = None,
    find: Annotated[
        str | None,
        typer.Option("--find", metavar="WORDS", callback=require_utf8, help="list: only marks with all these words."),
    ] = None,
    where: Where = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="import: take the imported mark where there is one already.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=0, max=MOST, metavar="K", help="md: contexts a quadrant.")
    ] = _CONTEXTS,
    format: Annotated[
        Literal["table", "tsv", "jsonl", "md"] | None,
        typer.Option("--format", "-f", help="table on a terminal and tsv in a pipe by default; md: a report."),
    ] = None,
    color: Color = "auto",
    db: Db = None,
) -> None:
    """Keep a notebook of neurons: the same marks as in the explorer.

    Examples: gluscope marks; gluscope marks add L12N345 -q -+ --note "says France #geo"; gluscope marks -t geo -f md;
    gluscope marks remove L12N345; gluscope marks import others.tsv
    """
    names, path = what or [], reading_name(db)
    file = MarksFile(index_folder(path) / "marks.tsv")
    quadrants = parse_quadrants(quadrant) if quadrant else ()
    tags = tuple(word for one in tag or () for word in parse_tags("-".join(one.split())))
    if action == "list" and not names:
        wanted = Wanted(quadrants, tags, find or "", where)
        notebook = file.notebook()
        tell_mistakes(file, notebook.mistakes)
        marks = _filtered(notebook.marks, path, wanted)
        _write(marks, path, Printer(format, color, scripts="tsv"), limit, filtered=wanted != Wanted())
    elif action == "add":
        _add(file, path, names, quadrants, note, tags)
    elif action == "remove":
        _remove(file, names, quadrants)
    elif action == "import":
        with open_index(path) as index:
            import_marks(file, index, names, replace=replace)
    elif action == "list":
        raise GluscopeError(f"list takes no {names[0]!a}", "filter with --tag, --quadrant or --where")
    else:
        raise GluscopeError(f"{action!a} is nothing that marks can do", f"use {', '.join(_ACTIONS[:-1])} or import")


class Wanted(NamedTuple):
    """Which marks to list."""

    quadrants: tuple[Quadrant, ...] = ()
    tags: tuple[str, ...] = ()
    words: str = ""
    where: str | None = None


def _filtered(marks: Iterable[Mark], path: str, wanted: Wanted) -> list[Mark]:
    """The marks of these quadrants that have all tags and words, of neurons that meet the condition."""
    quadrants, tags, words, where = wanted
    asked = f"{words} {' '.join(f'#{tag}' for tag in tags)}"
    found = [mark for mark in marks if (not quadrants or mark.quadrant in quadrants) and has_words(mark, asked)]
    if where is not None and found:
        with open_index(path) as index:
            there = {str(row[0]) for row in index.rows(("neuron",), where=where)}
        found = [mark for mark in found if str(mark.neuron) in there]
    return found


def _write(marks: list[Mark], path: str, printer: Printer, limit: int, *, filtered: bool) -> None:
    from ..views import marks as view

    if printer.format == "md" and marks:
        _report(marks, path, limit)
        return
    if printer.format != "md":
        printer.write(marks, view.COLUMNS, lambda rows: view.lines(list(rows), printer.width, printer.depth))
    if not marks:
        tell("no mark is like that" if filtered else "nothing is marked yet: gluscope marks add L12N345 --note TEXT")
        if filtered:
            raise typer.Exit(1)


def _report(marks: Sequence[Mark], path: str, limit: int) -> None:
    """Write the report. Marks of neurons that the index lacks are told and left out."""
    from ..views import marks as view

    refused = 0
    with open_index(path) as index:
        marks = of_index(index, marks)
        if not marks:
            raise GluscopeError("none of the marked neurons is in this index", "gluscope marks lists them")
        rankings = ("post",) if "post" in index.rankings else index.rankings[:1]
        headed = False
        for mark in marks:
            try:
                record = index.neuron(mark.neuron, rankings=rankings if limit else (), limit=limit, weights=True)
            except GluscopeError as error:
                complain(error)
                refused += 1
                continue
            if not headed:
                emit_lines(view.heading(file_name(path), record.model, record.tokens_corpus, len(marks)))
                headed = True
            emit_lines(view.section(mark, record))
    if refused:
        raise typer.Exit(2)


def _add(
    file: MarksFile,
    path: str,
    names: Sequence[str],
    quadrants: Sequence[Quadrant],
    note: str | None,
    tags: Sequence[str],
) -> None:
    """Mark neurons: as a whole, in the quadrants asked for, or in the one beside the address.

    A mark that is there keeps its tags, and its note unless another is given: tags alone are none.
    """
    text, own = parse_text(note or "")
    words = (*own, *tags)
    given = None if note is None or (own and not text) else text
    with open_index(path) as index:
        addresses = Addresses(index, names)
        asked: dict[Key, None] = {}
        for neuron, beside in addresses:
            asked.update(dict.fromkeys((neuron, quadrant) for quadrant in quadrants or (beside,)))
    if not asked and not addresses.refused:
        raise GluscopeError("no neuron is named", "name some: gluscope marks add L12N345, or - for stdin")
    if asked:

        def added(key: Key, there: Mark | None) -> Mark:
            return (there or Mark(key[0], quadrant=key[1], date=now())).with_added(given, words)

        changes = tuple(file.update(asked, added).values())
        same = sum(one.before == one.after for one in changes)
        new = sum(one.before is None for one in changes)
        changed = len(changes) - new - same
        if new:
            tell(f"{counted(new, 'mark')} kept in {file.path}")
        if changed:
            tell(f"{counted(changed, 'mark')} changed in {file.path}")
        if same:
            tell(f"{counted(same, 'mark')} {'stays as it was' if same == 1 else 'stay as they were'}")
        tell_replaced(changes)
    if addresses.refused:
        raise typer.Exit(2)


def _remove(file: MarksFile, names: Sequence[str], quadrants: Sequence[Quadrant]) -> None:
    """Remove marks: of the quadrants asked for, of the one beside the address, or else all of a neuron."""
    asked = {(parse_neuron(one.address), one.quadrant) for one in named(names)}
    if not asked:
        raise GluscopeError("no neuron is named", "name some: gluscope marks remove L12N345, or - for stdin")

    def meant(mark: Mark) -> bool:
        if quadrants:
            return mark.quadrant in quadrants and any(mark.neuron == neuron for neuron, _ in asked)
        return mark.key in asked or (mark.neuron, None) in asked

    removed = file.remove(mark.key for mark in file.read() if meant(mark))
    for mark in removed:
        tell(f"removed: {mark.name}  {mark.text}".rstrip())
    if not removed:
        tell("none of these is marked")
        raise typer.Exit(1)
