"""The base of the tables: a title, rows under headings, a foot that may be a prompt, and moving in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from textual.app import ComposeResult
from textual.widget import Widget

from indexer.database.format.classes import ATYPICAL_CLASSES, CLASSES
from indexer.errors import GluscopeError

from ...kept.marks import Key
from ...text.clean import clean
from ...views.numbers import counted, full_count
from ..drawing.layout import LEAST_HEIGHT, LEAST_WIDTH, Rectangle
from ..error_text import told
from ..session.marking import MOST
from ..session.session import Session
from ..session.typing_line import Typing
from ..tables.completion import complete
from ..tables.view import Kept, TableView
from ..widgets.hints import Foot, Hints, notice_lines
from ..widgets.prompt import Prompt
from ..widgets.small import NEEDED, Small
from ..widgets.table import Table
from ..widgets.table_title import TableTitle, TitleOfTable
from .base import BaseScreen


def rows_of(count: int) -> str:
    """So many rows, in words: `1 row`, `12 rows`."""
    return counted(count, "row")


class TableScreen(BaseScreen):
    """A table over home. The subclass defines its scope, the number of rows, their contents and the keys."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._notice, self._notice_is_bad = "", False
        self.selected: dict[Key, None] = {}
        """The selected rows, by what they are about, in the order of selection."""

    # what the subclass defines

    @property
    def kept(self) -> Kept:
        """The state with cursor and scroll position, which outlives the screen."""
        raise NotImplementedError

    @property
    def view(self) -> TableView:
        """Cursor and scroll position."""
        return self.kept.view

    @view.setter
    def view(self, view: TableView) -> None:
        self.kept.view = view

    @property
    def total(self) -> int:
        """The number of rows."""
        raise NotImplementedError

    @property
    def columns(self) -> int:
        """The number of columns that the cursor moves through; 0 if the cursor is a whole row."""
        return 0

    def headline(self) -> TitleOfTable:
        raise NotImplementedError

    heads = 1
    """The number of lines above the rows."""

    def make_body(self) -> Widget:
        """The widget that shows the rows, with the id "table"."""
        return Table(self.palette, id="table")

    def show_body(self, first: int, rows: int) -> None:
        """Show at most `rows` rows from place `first` on."""
        raise NotImplementedError

    def open_row(self) -> None:
        """Handle Enter on a row, or a double click."""
        raise NotImplementedError

    def key_of(self, place: int) -> Key | None:  # noqa: ARG002  # for tables of neurons
        """The neuron of a row, and the quadrant (under aligned signs) if it is about one. None: the row has none."""
        return None

    def own_handlers(self) -> Mapping[str, Callable[[], Any]]:
        """The actions that only this table has."""
        return {}

    def leave(self) -> None:
        """Back to home."""
        self.close()

    # parts

    def compose(self) -> ComposeResult:
        palette = self.palette
        yield TableTitle(palette, id="title")
        yield self.make_body()
        yield Hints(palette, id="hints")
        yield Prompt(palette, id="prompt")
        yield Small(palette, id="small")

    def rectangles(self, width: int, height: int) -> Mapping[str, Rectangle]:
        if width < LEAST_WIDTH or height < LEAST_HEIGHT:
            return {"small": Rectangle(0, 0, width, height)}
        places = {
            "title": Rectangle(0, 0, width, 1),
            "table": Rectangle(0, 1, width, height - 1 - self._foot),
            "hints": Rectangle(0, height - self._foot, width, max(1, self._foot - 1)),
        }
        if self.typing is not None:
            places["prompt"] = Rectangle(0, height - 1, width, 1)
            if not self.typing.error:
                del places["hints"]
        return places

    @property
    def _foot(self) -> int:
        """The lines under the table; an error in the prompt has a line of its own."""
        if self.typing is None or not self.typing.error:
            return 1
        return 1 + len(notice_lines(self.typing.error, self.app.size.width))

    @property
    def rows(self) -> int:
        """The number of rows that fit."""
        return max(1, self.app.size.height - 1 - self._foot - self.heads)

    def draw(self) -> None:
        palette = self.palette
        self.query_one(Small).show(NEEDED, palette)
        rows = self.rows
        self.view = self.view.to(self.view.place, self.total).seen(rows, self.total)
        note = self.note_at(self.view.place) if self.total else ""
        self.query_one(TableTitle).show(replace(self.headline(), note=note), palette)
        self.show_body(self.view.top, rows)
        notice, bad = self._notice, self._notice_is_bad
        if self.typing is not None:
            notice, bad = self.typing.error, True
            self.query_one(Prompt).show(replace(self.typing, error=""), palette)
        self.query_one(Hints).show(Foot(self.session.keys.hints(self.scope), notice, bad), palette)

    def say(self, notice: str, *, bad: bool = False) -> None:
        """Show a notice at the foot until the next key."""
        self._notice, self._notice_is_bad = self.session.keys.filled(notice), bad

    # keys and mouse

    def before_action(self) -> None:
        self.say("")

    def handlers(self) -> Mapping[str, Callable[[], Any]]:
        page = max(1, self.rows - 1)
        return {
            "row.down": lambda: self.move(1),
            "row.up": lambda: self.move(-1),
            "row.page-down": lambda: self.move(page),
            "row.page-up": lambda: self.move(-page),
            "row.first": lambda: self.move(-(10**9)),
            "row.last": lambda: self.move(10**9),
            "column.next": lambda: self._aside(1),
            "column.previous": lambda: self._aside(-1),
            "row.open": self.open_row,
            "row.select": self._select,
            "row.select-all": self._select_all,
            "keep.mark": self._mark,
            "keep.command": lambda: self.say("no shell command shows this"),
            **self.of_every_screen(),
            "app.undo": self.leave,
            "app.quit": self.leave,
            **self.own_handlers(),
        }

    def move(self, by: int) -> None:
        """Move the cursor by a number of rows."""
        before = self.view.place
        self.view = self.view.move(by, self.total)
        if self.view.place == before:
            self.say(f"the {'last' if by > 0 else 'first'} row" if self.total else "there is no row")

    def _aside(self, by: int) -> None:
        before = self.view.column
        self.view = self.view.aside(by, self.columns)
        if self.view.column == before:
            self.say(f"the {'last' if by > 0 else 'first'} column")

    def press_tab(self, typing: Typing) -> None:
        """Complete the column or value before the cursor of a condition."""
        if typing.purpose != "table.filter":
            super().press_tab(typing)
            return
        facts = self.session.explorer.facts
        values = {"rw_class": (*CLASSES, *ATYPICAL_CLASSES), "site": [str(site.address) for site in facts.sites]}
        found = complete(typing.text, typing.at, facts.columns, values)
        self.retype(replace(typing, text=found.text, at=found.at, selected=False, error="", choices=found.choices))

    # selected rows

    def _select(self) -> None:
        """Select the row, or let go of it, and go on to the next."""
        key = self.key_of(self.view.place) if self.total else None
        if key is None:
            self.say("there is no neuron here to select")
            return
        if key in self.selected:
            del self.selected[key]
        else:
            self.selected[key] = None
        self.view = self.view.move(1, self.total)

    def _select_all(self) -> None:
        """Select every row, or none if some are selected."""
        if self.selected:
            self.selected.clear()
            self.say("no row is selected any longer")
        elif self.total > MOST:
            self.say(f"{full_count(self.total)} rows are too many to select: at most {full_count(MOST)}")
        else:
            keys = (self.key_of(place) for place in range(self.total))
            self.selected = dict.fromkeys(key for key in keys if key is not None)
            self.say(f"{rows_of(len(self.selected))} selected" if self.selected else "there is no row to select")

    def is_selected(self, place: int) -> bool:
        """Whether a row is selected."""
        return bool(self.selected) and self.key_of(place) in self.selected

    def is_marked(self, place: int) -> bool:
        """Whether the neuron of a row is marked."""
        key = self.key_of(place) if self.session.notes else None
        return key is not None and key[0] in self.session.notes

    def note_at(self, place: int) -> str:
        """The star and the note of a row whose neuron is marked, else ""."""
        key = self.key_of(place) if self.session.notes else None
        flip = False if self.session.explorer.view.signs == "aligned" else None
        note = None if key is None else self.session.notes.of(key[0], flip=flip)
        palette = self.palette
        return "" if note is None else clean(f"{palette.glyphs.marked} {note}".rstrip(), ascii_only=palette.ascii_only)

    def notes_of(self, places: range) -> Mapping[int, str]:
        """The notes of some rows, by their places."""
        return {place: note for place in places if (note := self.note_at(place))} if self.session.notes else {}

    def _mark(self) -> None:
        """Mark the selected rows, or the row under the cursor."""
        here = self.key_of(self.view.place) if self.total else None
        keys = list(self.selected) or ([] if here is None else [here])
        if keys:
            self.mark(keys, keys[0][1])
        else:
            self.say("there is no neuron here to mark")

    def marked(self) -> None:
        self.selected.clear()

    def retype(self, typing: Typing | None) -> None:
        before = (self.typing is None, self._foot)
        super().retype(typing)
        if before != (typing is None, self._foot):
            self.rearrange()

    def accept(self, typing: Typing) -> None:
        try:
            self.accepted(typing.text)
        except GluscopeError as error:
            self.retype(replace(typing, error=told(error)))
        else:
            self.retype(None)

    def accepted(self, text: str) -> None:
        """Handle Enter in the prompt. Raises GluscopeError if the prompt must stay open."""

    def clicked(self, place: int, twice: bool) -> None:
        """Move the cursor to a clicked row; open it on a double click."""
        self.say("")
        self.view = self.view.to(place, self.total)
        if twice:
            self.open_row()
        if self.is_current:
            self.redraw()

    def on_table_clicked(self, message: Table.Clicked) -> None:
        """Move the cursor to a clicked cell; sort by the column of a clicked heading."""
        self.view = replace(self.view, column=message.column)
        if message.place is not None:
            self.clicked(message.place, message.twice)
        else:
            self.action_perform("table.sort")

    def on_table_wheel(self, message: Table.Wheel) -> None:
        self.wheel(message.by)

    def wheel(self, by: int) -> None:
        """Handle the mouse wheel."""
        self.move(by)
        self.redraw()
