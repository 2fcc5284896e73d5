"""`T`: the neurons that stand out at the token under the cursor of one's own text; Enter makes them the list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from indexer.database.query.where import compile_condition

from ...kept.marks import Key
from ...text.clean import clean
from ..session.session import Session
from ..session.tried import Wished
from ..session.typing_line import opened
from ..tables.commands import showing
from ..tables.menus import Choice
from ..tables.standing import COLUMNS, SORTED, StandingTable, cells, headings
from ..tables.view import Kept
from ..widgets.table import Table, TablePicture
from ..widgets.table_title import TitleOfTable
from .choice import ChoiceScreen, Menu
from .table import TableScreen, rows_of

_NONE = "no neuron meets this condition: {table.filter} changes it"


class StandingScreen(TableScreen, scope="standing"):
    """The screen of the session's StandingTable."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._table = session.outliving(StandingTable, StandingTable)
        self._trying = session.trying
        self._why_not = ""

    def on_mount(self) -> None:
        self._look()
        super().on_mount()

    def _look(self) -> None:
        """Ask for the token under the cursor, if it can be asked about."""
        tried, signs = self._trying.tried, self.session.explorer.view.signs
        text = "" if tried.read is None else tried.read.text
        self._why_not = tried.no_table
        wished = replace(self._table.wanted, text=text, position=tried.at, signs=signs)
        if self._why_not:
            self._table.forget(wished)
        else:
            self._wish(wished)

    # what is shown

    @property
    def kept(self) -> Kept:
        return self._table

    @property
    def total(self) -> int:
        return 0 if self._table.stale else len(self._table.rows)

    @property
    def columns(self) -> int:
        return len(COLUMNS)

    heads = 1

    @property
    def _token(self) -> str:
        read, at = self._trying.tried.read, self._table.wanted.position
        return read.tokens[at] if read is not None and at < len(read.tokens) else ""

    def headline(self) -> TitleOfTable:
        table = self._table
        wanted, target = table.wanted, None if table.shown is None or table.stale else table.shown.target
        reason = self._trying.tried.no_logit
        more = f"logit of «{clean(target.token)}»" if target is not None else "" if reason is None else "no logits"
        what = f"{wanted.position} «{clean(self._token)}» {wanted.where}".rstrip()
        return TitleOfTable("at", table.view.place, self.total, table.stale, True, what, wanted.sort, more)

    def show_body(self, first: int, rows: int) -> None:
        table = self._table
        shown = () if table.stale else table.rows
        problem = self._why_not or self._trying.standing_problem
        empty = problem or self._trying.tried.status or "being computed"
        picture = TablePicture(
            headings=headings(shown),
            rows=tuple(
                cells(row, self.palette.glyphs.marked if row.neuron in self.session.notes else "")
                for row in shown[first : first + rows]
            ),
            first=first,
            place=table.view.place,
            column=table.view.column,
            sorted_by=table.wanted.sort,
            empty=clean(self.session.keys.filled(empty if table.stale else _NONE)),
            heads=self.heads,
            selected=frozenset(place for place in range(first, first + rows) if self.is_selected(place)),
            notes=self.notes_of(range(first, first + len(shown[first : first + rows]))),
        )
        self.query_one(Table).show(picture, self.palette)

    def key_of(self, place: int) -> Key | None:
        return self._table.key(place)

    # asking

    def _wish(self, wished: Wished) -> None:
        self.selected.clear()
        self._table.wanted = wished
        if self._table.stale and not self._why_not:
            self._trying.want_rows(wished)

    def follow(self) -> None:
        """Take the rows that have come, or the text."""
        if self._why_not:
            self._look()
        if self._trying.standing is not None:
            self._table.take(self._trying.standing)
        self.redraw()

    # keys

    def own_handlers(self) -> Mapping[str, Callable[[], Any]]:
        return {
            "table.sort": self._sort_by_column,
            "list.sort": self._open_sort,
            "table.reverse": lambda: self.say("always the largest magnitude first"),
            "table.filter": lambda: self._open_filter(self._table.wanted.where),
            "keep.command": self._copy_command,
        }

    def _sort_by_column(self) -> None:
        name = COLUMNS[min(self._table.view.column, len(COLUMNS) - 1)]
        if name in SORTED:
            self._sort(name)
        else:
            self.say(f"sorted by one of {', '.join(SORTED)}: {{list.sort}} asks")

    def _open_sort(self) -> None:
        choices = [Choice(name, f"{name}, largest first") for name in SORTED]
        self.app.push_screen(ChoiceScreen(self.session, Menu("sort by", lambda: choices, self._sort)))

    def _sort(self, name: str) -> None:
        self._wish(replace(self._table.wanted, sort=name))
        self.redraw()

    def _open_filter(self, text: str, error: str = "") -> None:
        hint = "frequency_-+ > 0.3 and layer >= 2; Tab completes; nothing: all neurons"
        self.retype(opened("table.filter", "where", text, error=error, hint=hint))

    def accepted(self, text: str) -> None:
        where = text.strip()
        if where:
            compile_condition(where, self._table.wanted.signs)
        self._wish(replace(self._table.wanted, where=where))

    def _copy_command(self) -> None:
        path, copy = self.session.explorer.facts.path, self.session.screens.copy_text
        if self.selected:
            command = showing(list(self.selected), path)
            self.say(f"command that shows {rows_of(len(self.selected))}: {copy(command)}")
        elif self._why_not:
            self.say(self._why_not)
        else:
            self.say(f"command that prints these: {copy(self._table.wanted.command(path, self._trying.options))}")

    def open_row(self) -> None:
        if self._table.stale:
            self.say("the neurons are still being read")
        elif not self.total:
            self.say("there is no row to open")
        else:
            listed = self._table.as_list(self._token, self.session.explorer.view.ranking, self.selected)
            self.close()
            self.session.take_list(listed)

    def leave(self) -> None:
        self._trying.give_up_rows()
        if self._table.shown is not None:
            self._table.wanted = self._table.shown.wished
        self.close()
