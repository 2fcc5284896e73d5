"""Reads the contents of tables: the order of a query, a page of its rows. A newer query stops an older one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from textual.widget import Widget

from indexer.database.reader import Interrupted
from indexer.errors import GluscopeError

from ..session.current_list import CurrentList
from ..session.session import Reading
from ..tables.pages import PAGE, Row
from ..tables.query import Query
from ..tables.search import Asked, Found, find_hits
from .list_sorting import sorted_list
from .messages import ListSorted, OrderLoaded, PageLoaded, QueryFailed, SearchDone
from .opening import Opened

Result = TypeVar("Result")

FIRST = 4 * PAGE
"""Rows of a query that are shown before the rest are found."""


class TableLoader:
    """A screen's handlers call its methods; its workers only read and post messages to the screen."""

    def __init__(self, node: Widget, reading: Reading) -> None:
        self._node = node
        self._reading = reading
        self._query: Future[Any] | None = None
        self._page_under_way = False

    def read_order(self, query: Query, *, whole: bool) -> None:
        """Find the rows that meet the query, or the first of them; the screen gets OrderLoaded or QueryFailed."""
        answer = self.ask(_order_question(query, None if whole else FIRST))
        self._node.run_worker(partial(self._read_order, answer, query, whole), group="query")  # type: ignore[arg-type]  # its alias hides the result

    def read_page(self, version: int, page: int, numbers: Sequence[int], columns: Sequence[str], signs: str) -> None:
        """Read some rows unless others are being read; the screen gets PageLoaded or QueryFailed."""
        if not self._page_under_way:
            self._page_under_way = True
            work = partial(self._read_page, version, page, tuple(numbers), tuple(columns), signs)
            self._node.run_worker(work, group="page")  # type: ignore[arg-type]  # as above

    def sort_list(self, current: CurrentList, query: Query) -> None:
        """Sort the current list; the screen gets ListSorted or QueryFailed."""
        answer = self.ask(lambda opened: sorted_list(opened.index, current, query))
        self._node.run_worker(partial(self._sort_list, answer, current, query), group="query")  # type: ignore[arg-type]  # as above

    def search(self, asked: Asked) -> None:
        """Search the index; the screen gets SearchDone."""
        answer = self.ask(lambda opened: find_hits(opened.index, asked))
        self._node.run_worker(partial(self._search, answer, asked), group="query")  # type: ignore[arg-type]  # as above

    def page_arrived(self) -> None:
        """Note that the requested page has come or will not come."""
        self._page_under_way = False

    def ask(self, question: Callable[[Opened], Result]) -> Future[Result]:
        """Ask a long question; the one before it is cancelled."""
        self.give_up()
        answer = self._reading.ask(question)
        self._query = answer
        return answer

    def give_up(self) -> None:
        """Cancel the current question, since nothing waits for its answer any longer."""
        if self._query is not None:
            self._reading.give_up(self._query, lambda opened: opened.index.interrupt())
            self._query = None

    # workers

    async def _read_order(self, answer: Future[Sequence[int]], query: Query, whole: bool) -> None:
        try:
            numbers = await asyncio.wrap_future(answer)
            self._node.post_message(OrderLoaded(query, numbers, whole=whole or len(numbers) < FIRST))
        except Interrupted:
            return
        except GluscopeError as error:
            self._node.post_message(QueryFailed(query, error))

    async def _sort_list(self, answer: Future[CurrentList], current: CurrentList, query: Query) -> None:
        try:
            self._node.post_message(ListSorted(current, await asyncio.wrap_future(answer)))
        except Interrupted:
            return
        except GluscopeError as error:
            self._node.post_message(QueryFailed(query, error))

    async def _search(self, answer: Future[Found], asked: Asked) -> None:
        try:
            self._node.post_message(SearchDone(asked, await asyncio.wrap_future(answer)))
        except Interrupted:
            return
        except GluscopeError as error:
            self._node.post_message(SearchDone(asked, Found(), error))

    async def _read_page(
        self, version: int, page: int, numbers: Sequence[int], columns: Sequence[str], signs: str
    ) -> None:
        def question(opened: Opened) -> list[Row]:
            return list(opened.index.table.rows_of(numbers, columns, signs=signs))

        try:
            rows = await asyncio.wrap_future(self._reading.ask(question))
            self._node.post_message(PageLoaded(version, page, rows))
        except GluscopeError as error:
            self._node.post_message(QueryFailed(None, error))


def _order_question(query: Query, limit: int | None) -> Callable[[Opened], Sequence[int]]:
    def question(opened: Opened) -> Sequence[int]:
        return opened.index.table.order(
            query.where or None, query.key or None, descending=query.descending, limit=limit, signs=query.signs
        )

    return question
