"""`M`: the marks as a table to sort, filter, edit and delete; Enter makes its rows the current list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from indexer.errors import GluscopeError

from ...kept.marks import FIELDS, Key, Mark, merged
from ...text.clean import clean
from ...views.numbers import counted
from ..error_text import told
from ..session.goto import checked
from ..session.session import Session
from ..session.typing_line import Typing, opened
from ..tables.commands import showing
from ..tables.marks import MarksTable
from ..tables.view import Kept
from ..widgets.table import Cell, Heading, Table, TablePicture
from ..widgets.table_title import TitleOfTable
from .base import BaseScreen
from .table import TableScreen, rows_of


class MarksScreen(TableScreen, scope="marks"):
    """The screen of the session's MarksTable."""

    heads = 1

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._table = session.outliving(MarksTable, MarksTable)
        self._mistakes: Sequence[tuple[int, str]] = ()

    def on_mount(self) -> None:
        self._read()
        self._table.open(self.session.explorer.neuron)
        if self._mistakes:
            number, line = self._mistakes[0]
            more = f", nor {'is' if len(self._mistakes) == 2 else 'are'} {len(self._mistakes) - 1} more"
            where = f"line {number} of {self.session.marks.path.name} is not a mark"
            self.say(f"{where}{more if len(self._mistakes) > 1 else ''}: {clean(line)}", bad=True)
        super().on_mount()

    def _read(self) -> None:
        """Read the file again: another explorer, or its owner, may have changed it."""
        try:
            notebook = self.session.marks.notebook()
            self._table.put(notebook.marks)
            self._mistakes = notebook.mistakes
        except GluscopeError as error:
            self._table.put(())
            self.say(told(error), bad=True)
        self.session.read_notes()

    # what is shown

    @property
    def kept(self) -> Kept:
        return self._table

    @property
    def total(self) -> int:
        return len(self._table.rows)

    @property
    def columns(self) -> int:
        return len(FIELDS)

    def headline(self) -> TitleOfTable:
        table = self._table
        more = f"{rows_of(len(self.selected))} selected" if self.selected else str(self.session.marks.path)
        return TitleOfTable("marks", table.view.place, self.total, False, True, table.where, table.order, more)

    def show_body(self, first: int, rows: int) -> None:
        table = self._table
        widths = table.widths()
        rest = self.app.size.width - sum(widths) - len(widths) - 1
        headings = tuple(
            Heading(name, "", name, width or max(8, rest), right=False)
            for name, width in zip(FIELDS, widths, strict=True)
        )
        shown = table.rows[first : first + rows]
        ascii_only = self.palette.ascii_only
        picture = TablePicture(
            headings=headings,
            rows=tuple(tuple(Cell(clean(text, ascii_only=ascii_only)) for text in mark.fields) for mark in shown),
            first=first,
            place=table.view.place,
            column=table.view.column,
            sorted_by="" if table.sorted_by is None else FIELDS[table.sorted_by],
            descending=table.descending,
            empty=self.session.keys.filled(self._empty),
            heads=self.heads,
            selected=frozenset(place for place in range(first, first + len(shown)) if self.is_selected(place)),
        )
        self.query_one(Table).show(picture, self.palette)

    @property
    def _empty(self) -> str:
        if self._table.where:
            return "no mark has these words: {table.filter} changes them"
        return "nothing is marked yet: {keep.mark} marks a neuron, wherever one is shown"

    def key_of(self, place: int) -> Key | None:
        return self._table.key(place)

    def note_at(self, place: int) -> str:  # noqa: ARG002  # a column shows it
        return ""

    # keys

    def own_handlers(self) -> Mapping[str, Callable[[], Any]]:
        table = self._table
        return {
            "table.sort": table.sort,
            "table.reverse": table.reverse,
            "table.filter": self._open_filter,
            "marks.remove": self._remove,
            "marks.restore": self._restore,
            "keep.command": self._copy_command,
        }

    def _open_filter(self) -> None:
        self.retype(opened("table.filter", "with words", self._table.where, hint="#geo france; nothing: all marks"))

    def press_tab(self, typing: Typing) -> None:
        """The words that marks are filtered by are not completed."""
        BaseScreen.press_tab(self, typing)

    def accepted(self, text: str) -> None:
        self.selected.clear()
        self._table.filter(text)

    def marked(self) -> None:
        super().marked()
        self._read()

    def _remove(self) -> None:
        here = self.key_of(self.view.place)
        keys = list(self.selected) or ([] if here is None else [here])
        if not keys:
            self.say("there is no mark to delete")
            return
        gone: Sequence[Mark] = ()

        def remove() -> None:
            nonlocal gone
            gone = self.session.marks.remove(keys)

        if not self._change(remove) or not gone:
            return
        self._table.deleted = tuple(gone)
        what = gone[0].name if len(gone) == 1 else counted(len(gone), "mark")
        self.say(f"{what} deleted; {{marks.restore}} brings {'it' if len(gone) == 1 else 'them'} back")

    def _restore(self) -> None:
        gone = self._table.deleted
        if not gone:
            self.say("nothing was deleted")
            return
        lost = {mark.key: mark for mark in gone}
        if not self._change(lambda: self.session.marks.update(lost, lambda key, there: merged(None, there, lost[key]))):
            return
        self._table.deleted = ()
        self.say(f"{gone[0].name if len(gone) == 1 else counted(len(gone), 'mark')} brought back")

    def _change(self, change: Callable[[], object]) -> bool:
        """Change the file, and read it again. False if that failed, which is said."""
        try:
            change()
        except GluscopeError as error:
            self.say(told(error), bad=True)
            return False
        self.selected.clear()
        self._read()
        return True

    def _copy_command(self) -> None:
        path = self.session.explorer.facts.path
        if self.selected:
            command, what = showing(list(self.selected), path), f"that shows {rows_of(len(self.selected))}"
        else:
            command, what = self._table.command(path), "that prints these marks"
        self.say(f"command {what}: {self.session.screens.copy_text(command)}")

    def open_row(self) -> None:
        explorer = self.session.explorer
        held = []
        for mark in self._table.rows:
            try:
                held.append(checked(mark.neuron, explorer.facts.sites))
            except GluscopeError:
                continue
        current = self._table.as_list(held, explorer.view.ranking, self.selected)
        if current is None:
            self.say("none of these neurons is in this index" if self.total else "there is no row to open")
            return
        missing = len(self._table.rows) - len(held)
        self.close()
        self.session.take_list(current)
        if missing:
            self.session.say(f"{rows_of(missing)} without a neuron of this index left out")
