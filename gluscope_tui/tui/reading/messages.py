"""The messages of workers to screens. Workers only read and post; they change nothing themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from textual.message import Message

from indexer.database.query.layers import LayerRow
from indexer.database.records import NeuronRecord, NeuronRow, SequenceRecord
from indexer.errors import GluscopeError

from ..session.current_list import CurrentList
from ..session.view import Wanted
from ..tables.pages import Row
from ..tables.query import Query
from ..tables.search import Asked, Found
from .opening import Opened
from .thread import ReadingThread

if TYPE_CHECKING:
    from ...views.compare import Compared


class IndexOpened(Message):
    """The index is open and its first neuron has been read; `reading` answers questions about it."""

    def __init__(self, opened: Opened, reading: ReadingThread[Opened]) -> None:
        self.opened, self.reading = opened, reading
        super().__init__()


class OpeningFailed(Message):
    """The index can't be opened: the explorer ends with this error, or keeps the index it had open."""

    def __init__(self, error: GluscopeError) -> None:
        self.error = error
        super().__init__()


class LiveSaid(Message):
    """The process that runs the model said something, or has ended."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self.said = said
        super().__init__()


class IndexReplaced(Message):
    """Another file is now at the index's path; the open one can still be read."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, IndexReplaced)


class LoadDue(Message):
    """No key came for a moment: the wanted neuron may be read. Only the last such message matters."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, LoadDue)


class NeuronLoaded(Message):
    """A neuron was read, on request or `ahead` of one."""

    def __init__(self, wanted: Wanted, record: NeuronRecord, *, ahead: bool = False) -> None:
        self.wanted, self.record, self.ahead = wanted, record, ahead
        super().__init__()


class LoadFailed(Message):
    """A neuron could not be read."""

    def __init__(self, wanted: Wanted, error: GluscopeError) -> None:
        self.wanted, self.error = wanted, error
        super().__init__()


class RowsLoaded(Message):
    """The narrow rows of some neurons were read, for the list."""

    def __init__(self, signs: str, rows: list[NeuronRow]) -> None:
        self.signs, self.rows = signs, rows
        super().__init__()


class OrderLoaded(Message):
    """The numbers of the rows that meet a query, in order; only the first ones if not `whole`."""

    def __init__(self, query: Query, numbers: Sequence[int], *, whole: bool) -> None:
        self.query, self.numbers, self.whole = query, numbers, whole
        super().__init__()


class QueryFailed(Message):
    """A query could not be answered, or, if `query` is None, a page could not be read."""

    def __init__(self, query: Query | None, error: GluscopeError) -> None:
        self.query, self.error = query, error
        super().__init__()


class PageLoaded(Message):
    """A page of a table was read."""

    def __init__(self, version: int, page: int, rows: list[Row]) -> None:
        self.version, self.page, self.rows = version, page, rows
        super().__init__()


class SearchDone(Message):
    """A search has ended; `error` says why if it failed."""

    def __init__(self, asked: Asked, found: Found, error: GluscopeError | None = None) -> None:
        self.asked, self.found, self.error = asked, found, error
        super().__init__()


class LayersLoaded(Message):
    """The rows of the layers were read, or `problem` says why not."""

    def __init__(self, signs: str, rows: list[LayerRow], problem: str = "") -> None:
        self.signs, self.rows, self.problem = signs, rows, problem
        super().__init__()


class ListSorted(Message):
    """The current list was sorted."""

    def __init__(self, before: CurrentList, after: CurrentList) -> None:
        self.before, self.after = before, after
        super().__init__()


class ComparedLoaded(Message):
    """Two neurons were compared, or `problem` says why not. `pair`: what was asked for."""

    def __init__(self, pair: object, compared: Compared | None, problem: str = "") -> None:
        self.pair, self.compared, self.problem = pair, compared, problem
        super().__init__()


class SequenceLoaded(Message):
    """The whole sequence of an open context was read, or `problem` says why not."""

    def __init__(self, document: int, part: int, sequence: SequenceRecord | None, problem: str = "") -> None:
        self.document, self.part, self.sequence, self.problem = document, part, sequence, problem
        super().__init__()


class Exported(Message):
    """A file was written, or could not be: `notice` says where it is, or why not. `made`: for a browser, name and data
    of a file that is to be handed over."""

    def __init__(self, notice: str, *, bad: bool = False, made: tuple[str, bytes] | None = None) -> None:
        self.notice, self.bad, self.made = notice, bad, made
        super().__init__()
