"""What workers tell the screens: they read and post, and change nothing themselves."""

from __future__ import annotations

from textual.message import Message

from indexer.addresses import SiteAddress
from indexer.database.records import NeuronRecord, NeuronRow, SequenceRecord
from indexer.errors import GluscopeError

from .opening import Opened
from .view import Wanted


class IndexOpened(Message):
    """The index is open and its first neuron read."""

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        super().__init__()


class OpeningFailed(Message):
    """There is nothing to show; the explorer ends with this error."""

    def __init__(self, error: GluscopeError) -> None:
        self.error = error
        super().__init__()


class LoadDue(Message):
    """No key came for a moment: what is wanted may be read. Only the last one matters."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, LoadDue)


class NeuronLoaded(Message):
    """A neuron was read, because it was wanted or `ahead` of a wish."""

    def __init__(self, wanted: Wanted, record: NeuronRecord, *, ahead: bool = False) -> None:
        self.wanted, self.record, self.ahead = wanted, record, ahead
        super().__init__()


class LoadFailed(Message):
    """A neuron could not be read."""

    def __init__(self, wanted: Wanted, error: GluscopeError) -> None:
        self.wanted, self.error = wanted, error
        super().__init__()


class RowsLoaded(Message):
    """The narrow rows of a site were read, for the list."""

    def __init__(self, site: SiteAddress, signs: str, rows: list[NeuronRow]) -> None:
        self.site, self.signs, self.rows = site, signs, rows
        super().__init__()


class SequenceLoaded(Message):
    """The whole sequence of an open context was read, or could not be (then `problem` says why)."""

    def __init__(self, document: int, part: int, sequence: SequenceRecord | None, problem: str = "") -> None:
        self.document, self.part, self.sequence, self.problem = document, part, sequence, problem
        super().__init__()
