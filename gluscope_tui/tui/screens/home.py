"""The home screen: four quadrants of contexts, the current list, the lines around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from textual.widget import Widget

from indexer.addresses import NeuronAddress
from indexer.database.records import NeuronRecord, NeuronRow
from indexer.quadrants import QUADRANTS, Quadrant

from ...views.numbers import counted
from ..drawing.layout import Layout, Rectangle
from ..error_text import REOPEN, told
from ..reading.loader import Loader
from ..reading.messages import (
    Exported,
    IndexReplaced,
    ListSorted,
    LoadDue,
    LoadFailed,
    NeuronLoaded,
    QueryFailed,
    RowsLoaded,
)
from ..reading.table_loader import TableLoader
from ..session.session import Session
from ..session.typing_line import Typing, opened
from ..session.view import Wanted
from ..tables.query import Query
from ..terminal.pager import page_pane
from ..terminal.window import hand_over
from ..widgets.header import HeaderLine
from ..widgets.hints import Hints
from ..widgets.inspector import Inspector
from ..widgets.legend import Legend
from ..widgets.neuron_list import NeuronList
from ..widgets.own_text import OwnText
from ..widgets.pane import Pane
from ..widgets.prompt import Prompt
from ..widgets.small import NEEDED, Small
from ..widgets.tabs import TabRow
from . import pictures
from .base import BaseScreen
from .home_keys import home_handlers
from .own_strip import draw_strip, home_layout_of, own_handlers, recalled

NOTICE_SECONDS = 8.0
ROWS_KEPT = 20_000
"""Most narrow rows of the list kept in memory."""


class HomeScreen(BaseScreen, scope="home"):
    """The front of the session: handlers change its state, then every part that looks different is redrawn."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        session.front = self
        self.explorer = session.explorer
        self.loader = Loader(self, session.reading)
        self.sorter = TableLoader(self, session.reading)
        self.rows: dict[tuple[NeuronAddress, str], NeuronRow] = {}
        self._list_top = 0
        self._laid_out: tuple[object, ...] = ()
        self._handlers: Mapping[str, Callable[..., Any]] = {
            **self.of_every_screen(),
            **home_handlers(session, self),
            **own_handlers(session, self.retype),
        }

    # parts

    def compose(self) -> Iterator[Widget]:
        palette = self.palette
        yield HeaderLine(palette, id="header")
        yield OwnText(palette, id="own")
        yield TabRow(palette, id="tabs")
        for quadrant in QUADRANTS:
            yield Pane(quadrant, palette)
        yield NeuronList(palette, id="list")
        yield Inspector(palette, id="inspector")
        yield Legend(palette, id="legend")
        yield Hints(palette, id="hints")
        yield Prompt(palette, id="prompt")
        yield Small(palette, id="small")

    def on_mount(self) -> None:
        self.loader.arrived(self.explorer.shown, self.explorer.record, ahead=True)
        self.read_more()

    def on_screen_resume(self) -> None:
        self.redraw()

    def layout_now(self) -> Layout:
        """The layout for the current size and state."""
        return home_layout_of(self.session, *self.app.size)

    def rectangles(self, width: int, height: int) -> Mapping[str, Rectangle]:
        layout = home_layout_of(self.session, width, height)
        places = dict(layout.parts)
        places.update({f"pane-{quadrant.letters}": place for quadrant, place in layout.panes.items()})
        last = Rectangle(0, height - 1, width, 1)
        if layout.kind != "small" and (self.typing is not None or (self.session.notice and "hints" not in places)):
            for name in ("inspector", "hints"):
                if places.get(name) == last:
                    del places[name]
            places["prompt" if self.typing is not None else "hints"] = last
        return places

    # drawing

    def draw(self) -> None:
        """Show the state in every part that has changed. Under another screen, wait until that closes."""
        if not self.is_current:
            return
        layout, palette, explorer = self.layout_now(), self.palette, self.explorer
        shape = (layout, self.typing is None, bool(self.session.notice))
        if shape != self._laid_out:
            self._laid_out = shape
            self.rearrange()
        if layout.kind == "small":
            self.query_one(Small).show(NEEDED, palette)
            return
        self.query_one(HeaderLine).show(pictures.header(self.session), palette)
        draw_strip(self.query_one(OwnText), self.session, layout.parts.get("own"))
        if layout.kind == "single":
            self.query_one(TabRow).show(pictures.tabs(self.session), palette)
        for quadrant in layout.panes:
            self.pane(quadrant).show(pictures.pane(self.session, quadrant, layout), palette)
        if "list" in layout.parts:
            self._draw_list(layout.parts["list"].height)
        self.query_one(Inspector).show(pictures.inspected(explorer), palette)
        self.query_one(Legend).show(pictures.scale(self.session), palette)
        self.query_one(Hints).show(pictures.foot(self.session), palette)
        if self.typing is not None:
            self.query_one(Prompt).show(self.typing, palette)

    def _draw_list(self, height: int) -> None:
        picture = pictures.neuron_list(self.session, self.rows, self._list_top, height)
        self._list_top = picture.first
        self.query_one(NeuronList).show(picture, self.palette)
        if not self.explorer.stale and (missing := pictures.missing_rows(self.explorer, self.rows, picture)):
            self.loader.read_rows(missing, self.explorer.view.signs)

    def pane(self, quadrant: Quadrant) -> Pane:
        return self.query_one(f"#pane-{quadrant.letters}", Pane)

    # notices

    def notice_changed(self) -> None:
        """Show the notice for a while."""
        if notice := self.session.notice:
            self.set_timer(NOTICE_SECONDS, lambda: self._expire(notice))
        self.redraw()
        self._tell_above()

    def _expire(self, notice: str) -> None:
        if self.session.notice == notice:
            self.session.say("")

    def page_pane(self) -> str:
        """Show the focused pane in the user's pager. Returns why that failed, or ""."""
        return page_pane(self.app, self.explorer)

    # keys

    def handlers(self) -> Mapping[str, Callable[[], Any]]:
        return self._handlers

    def before_action(self) -> None:
        self.session.notice = ""

    def after_action(self) -> None:
        self.wish_changed()

    def wish_changed(self) -> None:
        """Read the neuron now wanted, and draw."""
        reading = self.explorer.stale and not self.session.reopening
        if reading and (record := self.loader.want(self.explorer.wanted)) is not None:
            self.take(self.explorer.wanted, record)
        self.redraw()

    # reading

    def take(self, wanted: Wanted, record: NeuronRecord) -> None:
        """Show this record in the panes from now on."""
        self.explorer.show(wanted, record)
        self.loader.was_shown()
        self.redraw()
        self._tell_above()
        self.read_more()

    def _tell_above(self) -> None:
        """Tell the screen above this one, if any, that something has changed."""
        for screen in self.app.screen_stack[-1:]:
            if screen is not self and isinstance(screen, BaseScreen):
                screen.follow()

    def read_more(self) -> None:
        """Read the neighbours: first in the list, then in the adjacent layers."""
        explorer = self.explorer
        self.loader.read_ahead(wanted for wanted in explorer.neighbours() if wanted != explorer.shown)

    def on_load_due(self, message: LoadDue) -> None:
        message.stop()
        if self.explorer.stale and (record := self.loader.due()) is not None:
            self.take(self.explorer.wanted, record)

    def on_neuron_loaded(self, message: NeuronLoaded) -> None:
        message.stop()
        self.loader.arrived(message.wanted, message.record, ahead=message.ahead)
        if message.wanted == self.explorer.wanted and self.explorer.stale:
            self.take(message.wanted, message.record)
        elif not message.ahead and self.explorer.stale:
            self.on_load_due(LoadDue())  # the answer is outdated: read the neuron now wanted

    def on_load_failed(self, message: LoadFailed) -> None:
        message.stop()
        self.loader.arrived(message.wanted, None, ahead=False)
        self.explorer.unread = message.wanted
        self.session.say(told(message.error), bad=True)

    def on_index_replaced(self, message: IndexReplaced) -> None:
        message.stop()
        if not self.explorer.replaced:
            self.explorer.replaced = True
            self.session.say(f"{self.explorer.facts.name} was replaced by another file: {REOPEN}", bad=True)

    def on_rows_loaded(self, message: RowsLoaded) -> None:
        message.stop()
        if len(self.rows) > ROWS_KEPT:
            self.rows.clear()
        self.rows.update({(row.neuron, message.signs): row for row in message.rows})
        self.redraw()

    def on_exported(self, message: Exported) -> None:
        message.stop()
        notice = message.notice if message.made is None else hand_over(self.app, *message.made)
        self.session.say(notice, bad=message.bad)

    # other lists

    def sort_list(self, order: Query) -> None:
        """Sort the current list by a column; it replaces the list once it is read."""
        query = replace(order, signs=self.explorer.view.signs)
        self.session.say(f"sorting {counted(len(self.explorer.current), 'neuron')} by {query.order}")
        self.sorter.sort_list(self.explorer.current, query)

    def on_list_sorted(self, message: ListSorted) -> None:
        message.stop()
        current = self.explorer.current
        if current.neurons is message.before.neurons:
            self.session.say("")
            after = message.after
            self.session.take_list(after if after.neuron == current.neuron else after.find(current.neuron) or after)

    def on_query_failed(self, message: QueryFailed) -> None:
        message.stop()
        self.session.say(told(message.error), bad=True)

    # prompt and mouse

    def open_prompt(self, purpose: str, label: str, text: str = "", *, hint: str = "") -> None:
        self.retype(opened(purpose, label, text, hint=hint))

    def accept(self, typing: Typing) -> None:
        if problem := self._handlers[f"{typing.purpose}.accept"](typing.text):
            self.retype(replace(typing, error=problem))
            return
        self.typing = None
        self.after_action()

    def move_in_prompt(self, by: int) -> None:
        if self.typing is not None and (typing := recalled(self.session, self.typing, by)) is not None:
            self.retype(typing)

    def on_own_text_clicked(self, message: OwnText.Clicked) -> None:
        self.session.trying.tried.at = message.token
        self.redraw()

    def on_pane_clicked(self, message: Pane.Clicked) -> None:
        self.explorer.focus(message.quadrant)
        self.explorer.view = self.explorer.view.with_cursor(message.cursor)
        self.session.say("")

    def on_pane_wheel(self, message: Pane.Wheel) -> None:
        self.explorer.move_context(message.by, message.quadrant)
        self.redraw()

    def on_tab_row_chosen(self, message: TabRow.Chosen) -> None:
        self.explorer.focus(message.quadrant)
        self.session.say("")

    def on_neuron_list_clicked(self, message: NeuronList.Clicked) -> None:
        self.explorer.choose(message.place)
        self.session.notice = ""
        self.after_action()

    def on_neuron_list_wheel(self, message: NeuronList.Wheel) -> None:
        self.explorer.step(message.by)
        self.after_action()
