"""Decides when to read which neuron: at once after a pause, rarely while a key repeats, neighbours ahead of time."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future
from functools import partial
from typing import Any

from textual.widget import Widget

from indexer.addresses import NeuronAddress
from indexer.database.reader import Interrupted
from indexer.database.records import NeuronRecord
from indexer.errors import GluscopeError

from ..session.session import Reading
from ..session.view import Wanted
from .messages import IndexReplaced, LoadDue, LoadFailed, NeuronLoaded, RowsLoaded, SequenceLoaded
from .narrow_rows import narrow_rows
from .opening import Opened

PAUSE = 0.035
"""While keys come quickly: seconds without a key before the neuron is read."""
QUICK = 0.1
"""Keys less than this many seconds apart come quickly."""
PATIENCE = 0.15
"""Seconds after which the panes are updated even though keys keep coming."""
_KEPT = 64


class Loader:
    """Decides what to read next. Handlers call its methods; its workers only read and post messages."""

    def __init__(self, node: Widget, reading: Reading) -> None:
        self._node = node
        self._reading = reading
        self._kept: OrderedDict[Wanted, NeuronRecord] = OrderedDict()
        self._wanted: Wanted | None = None
        self._busy = False
        self._ahead: tuple[Wanted, Future[Any]] | None = None  # what is read ahead now
        self._last_key = self._last_shown = 0.0

    def want(self, wanted: Wanted) -> NeuronRecord | None:
        """Ask for a neuron. Returns it if it is cached and no key came just before; otherwise a message brings it."""
        now = time.monotonic()
        quick, self._last_key = now - self._last_key < QUICK, now
        self._wanted = wanted
        self._node.workers.cancel_group(self._node, "ahead")
        if not quick and (record := self._kept.get(wanted)) is not None:
            self._node.workers.cancel_group(self._node, "pause")
            return record
        pause = PAUSE if quick and now - self._last_shown < PATIENCE else 0.0
        self._start(self._node, partial(self._wait, pause), group="pause", exclusive=True)
        return None

    def due(self) -> NeuronRecord | None:
        """The wanted neuron if it is cached; otherwise starts reading it, unless a read is in progress."""
        wanted = self._wanted
        if wanted is None:
            return None
        if (record := self._kept.get(wanted)) is not None:
            return record
        if not self._busy:
            self._busy = True
            self._give_up_ahead(wanted)
            self._start(self._node, partial(self._read, wanted), group="read")
        return None

    def arrived(self, wanted: Wanted, record: NeuronRecord | None, *, ahead: bool) -> None:
        """Note that a read has ended; `record` is None if it failed."""
        if not ahead:
            self._busy = False
        if record is not None:
            self._kept[wanted] = record
            self._kept.move_to_end(wanted)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def _give_up_ahead(self, wanted: Wanted) -> None:
        """Stop what is read ahead, unless it is what is wanted now: a server may take long to answer."""
        if self._ahead is not None and self._ahead[0] != wanted:
            self._reading.give_up(self._ahead[1], lambda opened: opened.index.interrupt())

    def was_shown(self) -> None:
        self._last_shown = time.monotonic()

    def read_ahead(self, wishes: Iterable[Wanted]) -> None:
        """Read these one by one while nothing else is asked for."""
        missing = [wanted for wanted in wishes if wanted not in self._kept]
        if missing:
            self._start(self._node, partial(self._read_ahead, missing), group="ahead", exclusive=True)

    def read_rows(self, neurons: Iterable[NeuronAddress], signs: str) -> None:
        self._start(self._node, partial(self._read_rows, tuple(neurons), signs), group="rows", exclusive=True)

    # workers

    @staticmethod
    def _start(
        node: Widget, work: Callable[[], Coroutine[None, None, None]], group: str, exclusive: bool = False
    ) -> None:
        node.run_worker(work, group=group, exclusive=exclusive)  # type: ignore[arg-type]  # its alias hides the result

    async def _wait(self, pause: float) -> None:
        await asyncio.sleep(pause)
        self._node.post_message(LoadDue())

    async def _ask(self, wanted: Wanted, *, ahead: bool = False) -> NeuronRecord:
        def question(opened: Opened) -> tuple[NeuronRecord, str]:
            index = opened.index
            rankings = (wanted.ranking,) if wanted.ranking in opened.facts.rankings else ()
            record = index.neuron(wanted.neuron, signs=wanted.signs, rankings=rankings, sample=True, weights=True)
            return record, index.changed

        answer = self._reading.ask(question)
        if ahead:
            self._ahead = wanted, answer
        record, changed = await asyncio.wrap_future(answer)
        if changed:
            self._node.post_message(IndexReplaced())
        return record

    async def _read(self, wanted: Wanted) -> None:
        try:
            self._node.post_message(NeuronLoaded(wanted, await self._ask(wanted)))
        except GluscopeError as error:
            self._node.post_message(LoadFailed(wanted, error))

    async def _read_ahead(self, wishes: list[Wanted]) -> None:
        await asyncio.sleep(0.06)
        for wanted in wishes:
            try:
                self._node.post_message(NeuronLoaded(wanted, await self._ask(wanted, ahead=True), ahead=True))
            except (GluscopeError, Interrupted):
                return  # reported when the user asks for it

    async def _read_rows(self, neurons: tuple[NeuronAddress, ...], signs: str) -> None:
        try:
            rows = await asyncio.wrap_future(
                self._reading.ask(lambda opened: narrow_rows(opened.index, neurons, signs))
            )
        except GluscopeError:
            return  # the list shows the address alone
        self._node.post_message(RowsLoaded(signs, rows))


def read_sequence(node: Widget, reading: Reading, document: int, part: int) -> None:
    """Read a sequence for a screen, which gets SequenceLoaded. Only the last sequence asked for matters."""
    node.run_worker(partial(_read_sequence, node, reading, document, part), group="sequence", exclusive=True)  # type: ignore[arg-type]  # its alias hides the result


async def _read_sequence(node: Widget, reading: Reading, document: int, part: int) -> None:
    try:
        sequence = await asyncio.wrap_future(reading.ask(lambda opened: opened.index.sequence(document, part)))
    except GluscopeError as error:
        node.post_message(SequenceLoaded(document, part, None, error.cause))
        return
    node.post_message(SequenceLoaded(document, part, sequence))
