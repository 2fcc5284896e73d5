"""`L`: all neurons as a table to sort, filter and scroll; only the pages in and next to view are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from indexer.database.query.where import compile_condition

from ...kept.marks import Key
from ...views.column_words import column_words
from ...views.table import level, shown
from ...views.weights import short_class
from ..error_text import told
from ..reading.messages import OrderLoaded, PageLoaded, QueryFailed
from ..reading.table_loader import TableLoader
from ..session.session import Session
from ..session.typing_line import opened
from ..tables.cells import headings
from ..tables.commands import MOST_NAMED, only
from ..tables.menus import column_choices, sort_choices, sorted_by
from ..tables.neurons import NeuronsTable
from ..tables.pages import pages_of
from ..tables.view import Kept
from ..widgets.table import Cell, Table, TablePicture
from ..widgets.table_title import TitleOfTable
from .choice import ChoiceScreen, Menu
from .table import TableScreen, rows_of


class NeuronsScreen(TableScreen, scope="neurons"):
    """The screen of the session's NeuronsTable."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._table = session.outliving(NeuronsTable, lambda: NeuronsTable(session.explorer.facts))
        self._loader = TableLoader(self, session.reading)
        self._rest_asked = False
        self._refused = ""  # the refused condition that Escape left

    def on_mount(self) -> None:
        explorer = self.session.explorer
        self._table.open(explorer.current.neuron, explorer.view.signs)
        self._read()
        super().on_mount()

    # what is shown

    @property
    def kept(self) -> Kept:
        return self._table

    @property
    def total(self) -> int:
        return len(self._table.numbers)

    @property
    def columns(self) -> int:
        return len(self._table.columns)

    def headline(self) -> TitleOfTable:
        table = self._table
        query = table.shown
        return TitleOfTable(
            "neurons",
            table.view.place,
            self.total,
            table.wanted != query,
            table.whole,
            query.where,
            query.order,
            f"{table.column}: {column_words(table.column)}",
        )

    heads = 2

    def show_body(self, first: int, rows: int) -> None:
        table = self._table
        columns = table.columns
        seen = range(first, min(first + rows, self.total))
        picture = TablePicture(
            headings=headings(columns, table.facts.sites, starred=bool(self.session.notes)),
            rows=tuple(self._cells(columns, place) for place in seen),
            first=first,
            place=table.view.place,
            column=table.view.column,
            sorted_by=table.shown.sort,
            magnitude=table.shown.magnitude,
            descending=table.shown.descending,
            empty=self.session.keys.filled("no neuron meets this condition: {table.filter} changes it"),
            heads=self.heads,
            selected=frozenset(place for place in seen if self.is_selected(place)),
            notes=self.notes_of(seen),
        )
        self.query_one(Table).show(picture, self.palette)

    def key_of(self, place: int) -> Key | None:
        return self._table.key(place)

    def _cells(self, columns: Sequence[str], place: int) -> tuple[Cell, ...] | None:
        row = self._table.pages.row(place)
        if row is None:  # its place in the list is known before anything is read
            return None
        steps = self.palette.shades
        star = self.palette.glyphs.marked if self.is_marked(place) else ""
        return tuple(
            Cell(
                shown(name, value) + (star if name == "neuron" else ""),
                level(name, value, steps),
                short_class(value) if name == "rw_class" else "",
            )
            for name, value in zip(columns, row, strict=True)
        )

    def draw(self) -> None:
        super().draw()
        self._read_page()

    # reading

    def _read(self) -> None:
        """Read the first rows of the query, then all of them once the first are on the screen."""
        if self._table.stale:
            self._rest_asked = False
            self._loader.read_order(self._table.wanted, whole=False)

    def _read_page(self) -> None:
        """Read the missing rows in view, then the adjacent pages."""
        table = self._table
        if not self.total:
            return
        page = table.pages.missing(self._in_view(), self.total)
        if page is None and not table.whole and not self._rest_asked and table.wanted == table.shown:
            self._rest_asked = True
            self._loader.read_order(table.shown, whole=True)
        elif page is not None:
            self._loader.read_page(table.pages.version, page, table.page_of(page), table.columns, table.shown.signs)

    def _in_view(self) -> range:
        """The pages of the visible rows."""
        top = self.view.top
        return pages_of(top, min(top + self.rows, self.total) - 1)

    def on_order_loaded(self, message: OrderLoaded) -> None:
        if message.query == self._table.wanted:
            self._table.take(message.query, message.numbers, whole=message.whole)
            self.redraw()

    def on_page_loaded(self, message: PageLoaded) -> None:
        self._loader.page_arrived()
        self._table.pages.put(message.version, message.page, message.rows)
        if message.page in self._in_view():
            self.redraw()
        else:  # read ahead
            self._read_page()

    def on_query_failed(self, message: QueryFailed) -> None:
        error = told(message.error)
        if message.query == self._table.wanted and message.query is not None:
            asked = message.query.where
            changed = asked != self._table.shown.where
            self._table.give_up()
            if changed:
                self._open_filter(asked, error)
                return
        self.say(error, bad=True)
        self.redraw()

    # keys

    def own_handlers(self) -> Mapping[str, Callable[[], Any]]:
        table = self._table
        return {
            "table.sort": lambda: self._ask(lambda: table.sort(table.column)),
            "list.sort": self._open_sort,
            "table.reverse": self._reverse,
            "table.magnitude": self._magnitude,
            "table.filter": lambda: self._open_filter(self._refused or table.wanted.where),
            "table.columns": self._open_columns,
            "keep.command": self._copy_command,
        }

    def _ask(self, change: Callable[[], None]) -> None:
        change()
        self._read()

    def _magnitude(self) -> None:
        """Sort by magnitude, or by the value with its sign again."""
        notice = ""

        def change() -> None:
            nonlocal notice
            notice = self._table.turn_magnitude()

        self._ask(change)
        if notice:
            self.say(notice)

    def _reverse(self) -> None:
        table = self._table
        if not table.wanted.sort:
            self.say("{table.sort} sorts by the column under the cursor")
            return
        self._ask(lambda: table.ask(replace(table.wanted, descending=not table.wanted.descending)))

    def _open_filter(self, text: str, error: str = "") -> None:
        hint = "frequency_-+ > 0.3 and layer >= 2; Tab completes; nothing: all neurons"
        self.retype(opened("table.filter", "where", text, error=error, hint=hint))

    def give_up(self) -> None:
        if self.typing is not None and self.typing.error:
            self._refused = self.typing.text
        super().give_up()

    def accepted(self, text: str) -> None:
        self._refused = ""
        where = text.strip()
        if where:
            compile_condition(where, self._table.wanted.signs)
        if where != self._table.wanted.where:
            self.selected.clear()  # other rows: what no row shows is not selected
        self._ask(lambda: self._table.ask(replace(self._table.wanted, where=where)))

    def _open_sort(self) -> None:
        columns = self._table.facts.columns
        menu = Menu("sort by", lambda: sort_choices(columns), self._sort, hint="some letters")
        self.app.push_screen(ChoiceScreen(self.session, menu))

    def _sort(self, chosen: str) -> None:
        order = sorted_by(chosen)
        wanted = self._table.wanted
        self._ask(lambda: self._table.ask(replace(order, where=wanted.where, signs=wanted.signs)))
        self.redraw()

    def _open_columns(self) -> None:
        table = self._table
        names = table.facts.columns
        menu = Menu(
            "columns",
            lambda: column_choices(table.columns, names),
            self._toggle,
            hint="Enter shows or hides one, Escape goes back",
            stays=True,
        )
        self.app.push_screen(ChoiceScreen(self.session, menu))

    def _toggle(self, name: str) -> None:
        shown = self._table.columns
        self._table.choose([one for one in shown if one != name] if name in shown else [*shown, name])
        self.redraw()

    def _copy_command(self) -> None:
        table, path = self._table, self._table.facts.path
        query, chosen = table.shown, [neuron for neuron, _ in self.selected]
        if len(chosen) == self.total:  # the condition names them all
            chosen = []
        if len(chosen) > MOST_NAMED:
            self.say(f"{rows_of(len(chosen))} are too many for a command: select at most {MOST_NAMED}, or none")
            return
        if chosen:
            query = replace(query, where=only(chosen))
        what = f"that lists {rows_of(len(chosen) or self.total)}"
        self.say(f"command {what}: {self.session.screens.copy_text(query.command(table.columns, path))}")

    def open_row(self) -> None:
        if self._table.stale:
            self.say("the rows are still being read")
        elif not self.total:
            self.say("there is no row to open")
        else:
            self.close()
            self.session.take_list(self._table.as_list([neuron for neuron, _ in self.selected]))

    def leave(self) -> None:
        self._loader.give_up()
        self.close()
