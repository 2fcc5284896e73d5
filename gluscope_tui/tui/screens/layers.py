"""`O`: the layers as a table of shaded cells, one row each; Enter jumps to the layer."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from indexer.database.query.layers import LayerRow
from indexer.database.reader import Interrupted
from indexer.errors import GluscopeError

from ...views.layers import shade
from ..error_text import told
from ..reading.messages import LayersLoaded
from ..reading.table_loader import TableLoader
from ..session.current_list import site_list
from ..session.goto import find_site
from ..session.session import Session
from ..tables.layers import LayersTable
from ..tables.neurons import NeuronsTable
from ..tables.view import Kept
from ..widgets.table import Cell, Heading, Table, TablePicture
from ..widgets.table_title import TitleOfTable
from .export import export_layers
from .table import TableScreen

_WIDTH = 6


class LayersScreen(TableScreen, scope="layers"):
    """The screen of the session's LayersTable."""

    heads = 2

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._table = session.outliving(LayersTable, LayersTable)
        self._loader = TableLoader(self, session.reading)

    def on_mount(self) -> None:
        explorer = self.session.explorer
        self._table.open(explorer.current.neuron.site, explorer.view.signs)
        if not self._table.is_known:
            signs = self._table.signs
            answer = self._loader.ask(lambda opened: opened.index.layers(signs=signs))
            self.run_worker(self._read(answer, signs), group="query")
        super().on_mount()

    async def _read(self, answer: Future[list[LayerRow]], signs: str) -> None:
        try:
            self.post_message(LayersLoaded(signs, await asyncio.wrap_future(answer)))
        except Interrupted:
            return
        except GluscopeError as error:
            self.post_message(LayersLoaded(signs, [], told(error)))

    def on_layers_loaded(self, message: LayersLoaded) -> None:
        if message.problem:
            self.say(message.problem, bad=True)
        else:
            self._table.put(message.signs, message.rows)
            self._table.open(self.session.explorer.current.neuron.site, self._table.signs)
        self.redraw()

    # what is shown

    @property
    def kept(self) -> Kept:
        return self._table

    @property
    def total(self) -> int:
        return len(self._table.rows)

    @property
    def columns(self) -> int:
        return len(self._table.headings)

    def headline(self) -> TitleOfTable:
        table = self._table
        return TitleOfTable(
            "layers", table.view.place, self.total, not table.is_known, more="% of tokens, neurons of each class"
        )

    def show_body(self, first: int, rows: int) -> None:
        table, palette = self._table, self.palette
        shown = table.rows
        longest = max((len(row.site.name) for row in shown), default=0)
        heads = table.headings_in(self.app.size.width - 1)
        widths = [max(longest, 4), *(max(_WIDTH, *map(len, head)) for head in heads[1:])]
        headings = tuple(
            Heading(str(number), upper, lower, width, number > 0)
            for number, ((upper, lower), width) in enumerate(zip(heads, widths, strict=True))
        )
        cells = tuple(
            tuple(
                Cell(cell.text, 0 if cell.share is None else shade(cell.share, palette.shades))
                for cell in table.cells(row)
            )
            for row in shown[first : first + rows]
        )
        picture = TablePicture(
            headings,
            cells,
            first,
            table.view.place,
            table.view.column,
            sorted_by="" if table.sorted_by is None else str(table.sorted_by),
            descending=table.descending,
            empty="" if table.is_known else "being read",
            heads=self.heads,
        )
        self.query_one(Table).show(picture, palette)

    # keys and mouse

    def own_handlers(self) -> Mapping[str, Callable[[], Any]]:
        return {
            "table.sort": self._table.sort,
            "table.reverse": self._table.reverse,
            "keep.command": self._copy,
            "keep.export": self._export,
        }

    def _export(self) -> None:
        table, explorer = self._table, self.session.explorer
        model, complete = explorer.record.model, explorer.facts.complete
        try:
            self.say(export_layers(self.app, table.rows, model, table.signs, complete=complete))
        except GluscopeError as error:
            self.say(told(error), bad=True)

    def _copy(self) -> None:
        words = ["gluscope", "layers"] + (["--signs", self._table.signs] if self._table.signs != "aligned" else [])
        command = shlex.join([*words, "--db", self.session.explorer.facts.path])
        self.say(f"command that prints the layers: {self.session.screens.copy_text(command)}")

    def open_row(self) -> None:
        rows = self._table.rows
        if not rows:
            self.say("there is no layer to open")
            return
        if self.view.column:
            self._open_neurons()
            return
        explorer = self.session.explorer
        site = find_site(rows[self.view.place].site, explorer.facts.sites)
        self.leave()
        self.session.take_list(site_list(site, min(explorer.current.neuron.index, site.width - 1)))

    def _open_neurons(self) -> None:
        """Show the neurons of the cell under the cursor as a table."""
        cell = self._table.cells(self._table.rows[self.view.place])[self.view.column]
        if cell.text in ("0", "-"):
            self.say("this cell counts no neuron")
            return
        facts = self.session.explorer.facts
        self.session.outliving(NeuronsTable, lambda: NeuronsTable(facts)).ask(self._table.query())
        self.session.screens.open_screen("table.neurons")

    def leave(self) -> None:
        self._loader.give_up()
        self.close()
