"""Opens an index for the explorer and chooses the neuron to start at. Runs in the reader."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace

import indexer
from indexer.addresses import NeuronAddress, parse_neuron
from indexer.database.read.weights_state import come_by_import
from indexer.database.reader import Index
from indexer.database.records import NeuronRecord
from indexer.errors import GluscopeError
from indexer.quadrants import Quadrant

from ...kept.files import index_folder
from ...kept.marks_file import MarksFile
from ...kept.remembered import Remembered, StateFile
from ..error_text import REOPEN
from ..keymap import Keymap
from ..own_keys import own_keys
from ..session.current_list import CurrentList, site_list
from ..session.facts import Facts
from ..session.goto import checked, find_site
from ..session.list_file import read_list
from ..session.tried import LiveOptions
from ..session.view import View
from .thread import ReadingThread


@dataclass(frozen=True, slots=True)
class Request:
    """The request of the command line. `neurons`: the user's own list, with its title."""

    path: str | os.PathLike[str]  # or an address
    neuron: str = ""
    neurons: tuple[str, ...] | None = None
    title: str = ""
    notice: str = ""
    again: bool = False  # reopening: the place where the explorer was
    beside: str | os.PathLike[str] | None = None  # another index of the same shape
    live: LiveOptions = field(default_factory=LiveOptions)  # how the model is opened for texts of the user's own

    def anew(self, lost: str = "") -> Request:
        """The request that reopens the same path at the same place. `lost`: the list that can't be restored."""
        without = f", without the list {lost}" if lost else ""
        return replace(self, neuron="", notice=f"the index is open again{without}", again=True)


@dataclass(frozen=True, slots=True)
class Opened:
    """An open index and its first neuron, so that the first paint is complete."""

    request: Request
    index: Index
    facts: Facts
    current: CurrentList
    view: View
    record: NeuronRecord
    remembered: Remembered
    state: StateFile
    marks: MarksFile
    keys: Keymap
    notices: tuple[str, ...]
    beside: Index | None = None

    def check(self) -> None:
        """Raise GluscopeError if the file was overwritten: what is read no longer belongs together."""
        if self.index.changed == "overwritten":
            raise GluscopeError(f"{self.facts.name} was overwritten since it was opened", REOPEN)

    def close(self) -> None:
        self.index.close()
        if self.beside is not None:
            self.beside.close()


def read_index(request: Request) -> ReadingThread[Opened]:
    """A thread that opens the index and then answers questions about it."""
    return ReadingThread(lambda: open_index(request), Opened.check)


def open_index(request: Request) -> Opened:
    """Open the index, and the one beside it if asked for, and read the neuron to start at.

    Raises GluscopeError if one of them is missing, or if the two indexes are not of the same shape.
    """
    with ExitStack() as stack:
        index = stack.enter_context(indexer.open(request.path))
        beside = None
        if request.beside is not None:
            from ...views.compare_reading import demand_same_shape  # seldom needed: a start needn't import it

            beside = stack.enter_context(indexer.open(request.beside))
            demand_same_shape(index, beside)
        opened = replace(_opened(index, request), beside=beside)
        stack.pop_all()
        return opened


def _opened(index: Index, request: Request) -> Opened:
    facts = _facts(index, request)
    folder = index_folder(request.path)
    state = StateFile(folder / "state.json")
    remembered, problem = state.read()
    start, known = _start(index, facts, request.neuron, remembered)
    view = View(
        focused=Quadrant(remembered.quadrant) if remembered.quadrant and known else Quadrant.PP,
        ranking=remembered.ranking if remembered.ranking in facts.rankings else _first_ranking(facts),
        signs=remembered.signs,
        scale=remembered.scale,
        wrap=remembered.wrap,
    )
    current, refused = site_list(find_site(start.site, facts.sites), start.index), ""
    if request.neurons is not None:
        current, refused = _own_list(request, facts, start if request.neuron else None)
        current = (current.find(start) if request.again else None) or current
    sight = current.sight
    view = view if sight is None else replace(view, ranking=sight.ranking)
    rankings = (view.ranking,) if facts.rankings else ()
    record = index.neuron(current.neuron, signs=view.signs, rankings=rankings, sample=True, weights=True)
    if sight is not None:
        view = view.looking_at(sight.quadrant_under(view.signs, record.flipped), sight.context)
    own = own_keys()
    keys = own.keys
    as_last_time = "" if request.again else keys.filled(_as_last_time(view, remembered, facts))
    missed = f"{remembered.neuron} is not in it" if request.again and remembered.neuron and not known else ""
    imported = "imported: a text stands for a place in it that is not known" if index.imported else ""
    notices = (request.notice, imported, missed, problem, own.notice, as_last_time, refused)
    kept = tuple(notice for notice in notices if notice)
    marks = MarksFile(folder / "marks.tsv")
    return Opened(request, index, facts, current, view, record, remembered, state, marks, keys, kept)


def _facts(index: Index, request: Request) -> Facts:
    info, path = index.info(), os.fspath(request.path)
    if not info.sites:
        raise GluscopeError(f"{path} holds no site", "make it again with gluscope index")
    settings = info.settings
    return Facts(
        path=path,
        model=index.model,
        sites=info.sites,
        rankings=index.rankings,
        top_k=int(settings.get("top_k", 16)),
        complete=info.complete,
        bos_counted=bool(settings.get("count_first")) and settings.get("bos") != "never",
        no_weights=str(info.weights.get("reason") or ""),
        adds_weights=not come_by_import(info.weights),
        no_wiring=str(info.wiring.get("reason") or ""),
        weights=index.table.has_weights,
        columns=index.table.columns,
        beside="" if request.beside is None else os.fspath(request.beside),
    )


def _start(index: Index, facts: Facts, asked: str, remembered: Remembered) -> tuple[NeuronAddress, bool]:
    """The neuron to start at, and whether it is the remembered one."""
    if asked:
        return index.address(asked), False
    if remembered.neuron:
        try:
            return checked(parse_neuron(remembered.neuron), facts.sites), True
        except GluscopeError:
            pass  # another index is now at this path
    telling = index.telling_neuron
    return telling or NeuronAddress(facts.sites[0].address, 0), False


_LOOKS = {
    "signs": ("show.signs", "{} signs"),
    "ranking": ("show.ranking", "rank {}"),
    "scale": ("show.scale", "a scale a {}"),
    "wrap": ("pane.wrap", "wrapped"),
}
"""The parts of a view that the state file keeps: the action that changes each, and the words for it."""


def _as_last_time(view: View, remembered: Remembered, facts: Facts) -> str:
    """A notice of the remembered parts of the view that differ from those of a first start; "" if none do."""
    first = {**asdict(Remembered()), "ranking": _first_ranking(facts)}
    kept = {name: getattr(view, name) for name in _LOOKS if getattr(view, name) == getattr(remembered, name)}
    other = {name: look for name, look in kept.items() if look != first[name]}
    words = [f"{_LOOKS[name][1].format(look)} ({{{_LOOKS[name][0]}}})" for name, look in other.items()]
    return f"as last time: {', '.join(words)}" if words else ""


def _first_ranking(facts: Facts) -> str:
    """The ranking of a first start."""
    ranking = Remembered().ranking
    return ranking if ranking in facts.rankings else next(iter(facts.rankings), ranking)


def _own_list(request: Request, facts: Facts, start: NeuronAddress | None) -> tuple[CurrentList, str]:
    """The user's own list, and a notice about entries that are not neurons of this index."""
    current, refused = read_list(request.title, request.neurons or (), facts.sites, facts.rankings)
    if current is None:
        raise GluscopeError(f"{request.title} names no neuron of this index", "write addresses such as L12N345 in it")
    if start is not None and (found := current.find(start)) is not None:
        current = found
    elif start is not None:
        sights = (None, *current.sights) if current.sights else ()
        current = CurrentList(request.title, (start, *current.neurons), sights=sights)
    if not refused:
        return current, ""
    lines = "1 line is not a neuron" if len(refused) == 1 else f"{len(refused)} lines are not neurons"
    return current, f"{lines} of this index, first {refused[0]!a}"
