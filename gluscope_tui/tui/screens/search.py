"""`F`: finds neurons by peaks, contexts, and tokens written or read; Enter makes the hits the current list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from textual.widget import Widget

from indexer.database.records import Hit
from indexer.errors import GluscopeError

from ...kept.marks import Key
from ...views.citation import Cited
from ..error_text import told
from ..reading.messages import SearchDone
from ..reading.table_loader import TableLoader
from ..session.session import Session
from ..session.typing_line import Typing, opened
from ..tables.commands import showing
from ..tables.search import Asked, Found, SearchTable, cut_short
from ..tables.view import Kept
from ..widgets.hit_list import HitList, HitsPicture
from ..widgets.table_title import TitleOfTable
from .copying import copied_context
from .table import TableScreen, rows_of


class SearchScreen(TableScreen, scope="hits"):
    """The screen of the session's SearchTable; it opens with the prompt."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._table = session.outliving(SearchTable, lambda: SearchTable(session.explorer.facts))
        self._loader = TableLoader(self, session.reading)

    def on_mount(self) -> None:
        found, signs = self._table.shown, self.session.explorer.view.signs
        if found.text and found.signs != signs:
            self._search(replace(found, signs=signs))
        self._open_prompt()
        super().on_mount()

    # what is shown

    @property
    def kept(self) -> Kept:
        return self._table

    @property
    def total(self) -> int:
        return len(self._table.hits)

    def make_body(self) -> Widget:
        return HitList(self.palette, id="table")

    def show_body(self, first: int, rows: int) -> None:
        table = self._table
        hits = table.hits[first : first + rows]
        seen = range(first, first + len(hits))
        self.query_one(HitList).show(
            HitsPicture(
                hits=hits,
                columns=table.columns,
                first=first,
                place=table.view.place,
                column=table.view.column,
                sorted_by=table.sort,
                descending=table.descending,
                magnitude=table.by_magnitude,
                find=table.shown.text.strip(),
                address=max((len(str(hit.neuron)) for hit in table.hits), default=8),
                empty=self._empty,
                marked=frozenset(place for place in seen if self.is_marked(place)),
                selected=frozenset(place for place in seen if self.is_selected(place)),
            ),
            self.palette,
        )

    @property
    def columns(self) -> int:
        return len(self._table.columns)

    @property
    def _empty(self) -> tuple[str, ...]:
        table = self._table
        if table.stale:
            return ("searching",)
        if self._notice_is_bad:
            return (self._notice,)
        if not table.shown.text:
            return (f"Enter searches, Tab changes to {table.wanted.next_place}, Escape leaves",)
        keys = "nothing found; {table.switch} looks among PLACE, {find.open} for another text"
        return (self.session.keys.filled(keys).replace("PLACE", table.shown.next_place), *table.found.notes)

    def headline(self) -> TitleOfTable:
        table = self._table
        what = f"{table.shown.words} {table.shown.text}" if table.shown.text else ""
        more = cut_short(table.shown, table.hits)
        order = table.order if what else ""
        return TitleOfTable("search", table.view.place, self.total, table.stale, True, what, order, more)

    # searching

    def _open_prompt(self, error: str = "") -> None:
        asked = self._table.wanted
        hint = f"a word; Tab: {asked.next_place}"
        self.retype(opened("search.open", asked.words, asked.text, error=error, hint=hint))

    def press_tab(self, typing: Typing) -> None:
        """Look in the next place."""
        if typing.purpose != "search.open":
            super().press_tab(typing)
            return
        other = replace(self._table.wanted, text=typing.text).switched()
        self._table.wanted = other
        hint = f"a word; Tab: {other.next_place}"
        self.retype(replace(typing, label=other.words, error="", hint=hint))

    def accepted(self, text: str) -> None:
        if not text.strip():
            raise GluscopeError("there is nothing to search for", "type a word, such as France")
        self._search(replace(self._table.wanted, text=text, signs=self.session.explorer.view.signs))

    def _search(self, asked: Asked) -> None:
        if asked != self._table.shown:
            self.selected.clear()  # other hits: what no row shows is not selected
        self._table.wanted = asked
        if self._table.stale:
            self._loader.search(asked)

    def on_search_done(self, message: SearchDone) -> None:
        if message.asked != self._table.wanted:
            return
        if message.error is not None:
            self._table.take(message.asked, Found())
            self._open_prompt(told(message.error))
        else:
            self._table.take(message.asked, message.found)
            if message.found.hits and message.found.notes:
                self.say("; ".join(message.found.notes))
        self.redraw()

    # keys

    def own_handlers(self) -> Mapping[str, Callable[[], Any]]:
        return {
            "find.open": self._open_prompt,
            "search.open": self._open_prompt,
            "table.switch": self._switch,
            "table.sort": lambda: self._table.sort_by(self._table.column),
            "table.magnitude": lambda: self._tell(self._table.turn_magnitude()),
            "table.reverse": self._table.reverse,
            "keep.command": self._copy_command,
            "keep.cite": lambda: self._copy_hit(cited=True),
            "keep.copy": lambda: self._copy_hit(cited=False),
        }

    def key_of(self, place: int) -> Key | None:
        return self._table.key(place)

    def _copy_hit(self, *, cited: bool) -> None:
        hit = self._table.hits[self.view.place] if self._table.hits else None
        if not isinstance(hit, Hit):
            self.say("there is no context here")
            return
        where = Cited(self.session.explorer.facts.model, hit.neuron, hit.quadrant, self._table.shown.signs)
        self.say(copied_context(self.session.screens, where, hit.example, cited_whole=cited))

    def _switch(self) -> None:
        other = self._table.wanted.switched()
        if other.text:
            self._search(other)
        else:
            self._table.wanted = other

    def _copy_command(self) -> None:
        asked, path = self._table.shown, self.session.explorer.facts.path
        if not asked.text:
            self.say("nothing was searched for yet")
        elif self.selected:
            keys = [shown for shown, key in self._table.keyed() if key in self.selected]
            command = showing(keys, path, asked.signs)
            self.say(f"command that shows {rows_of(len(keys))}: {self.session.screens.copy_text(command)}")
        else:
            self.say(f"command that finds these: {self.session.screens.copy_text(asked.command(path))}")

    def open_row(self) -> None:
        table = self._table
        if not table.hits:
            self.say("there is nothing to open")
            return
        self.leave()
        self.session.take_list(table.as_list(self.selected))

    def give_up(self) -> None:
        """Handle Escape in the prompt: back to the hits, or home if there are none."""
        self._table.wanted = replace(self._table.wanted, text=self._table.shown.text)
        if self._table.hits:
            self._table.wanted = replace(self._table.shown, signs=self.session.explorer.view.signs)
            self.retype(None)
        else:
            self.leave()

    def leave(self) -> None:
        self._loader.give_up()
        if self._table.stale:
            self._table.wanted = self._table.shown
        self.close()

    def on_hit_list_clicked(self, message: HitList.Clicked) -> None:
        if message.column is not None:
            self.view = replace(self.view, column=message.column)
        if message.place is None:
            self.action_perform("table.sort")
        else:
            self.clicked(message.place, message.twice)

    def on_hit_list_wheel(self, message: HitList.Wheel) -> None:
        self.wheel(message.by)
