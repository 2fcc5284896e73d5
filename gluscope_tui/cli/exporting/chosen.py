"""The neurons that an export is asked for, and the command line that asks for them again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer.addresses import NeuronAddress, parse_neuron
from indexer.database.reader import Index
from indexer.errors import GluscopeError

from ...kept.files import index_folder, name_for_others
from ...kept.marks import Mark
from ...kept.marks_file import MarksFile
from ..asked import Addresses
from ..marked import of_index


@dataclass(frozen=True, slots=True)
class Request:
    """The options that several kinds of export share."""

    neurons: tuple[str, ...] = ()
    where: str | None = None
    rank_by: str | None = None
    limit: int | None = None
    signs: str = "aligned"
    db: str | None = None
    marks: bool = False

    @property
    def names_some(self) -> bool:
        """Whether it names neurons, rather than none, which some formats take for all."""
        return bool(self.neurons) or self.where is not None or self.marks


@dataclass(frozen=True, slots=True)
class Chosen:
    """The neurons, each once, and how many of the addresses were refused."""

    neurons: tuple[NeuronAddress, ...]
    refused: int = 0
    marks: tuple[Mark, ...] = ()

    def note(self, neuron: NeuronAddress) -> str:
        """What the marks of a neuron say, those of a quadrant after its name."""
        own = [mark for mark in self.marks if mark.neuron == neuron]
        return "; ".join(
            " ".join(filter(None, ("" if mark.quadrant is None else mark.quadrant.value, mark.text))) for mark in own
        )

    def alone(self) -> Chosen:
        """The same. GluscopeError unless it is one neuron."""
        if len(self.neurons) == 1:
            return self
        raise GluscopeError(
            f"this is for one neuron, and {len(self.neurons):,} are named",
            "gluscope export html NEURON... --out DIR makes a folder of them",
        )


def chosen(index: Index, request: Request) -> Chosen:
    """The neurons of a request. GluscopeError if it names none, or names them in two ways."""
    if bool(request.neurons) + (request.where is not None) + request.marks > 1:
        named = "neurons are named" if request.neurons else "--marks is given"
        other = "--where" if request.where is not None else "--marks"
        raise GluscopeError(f"{named} and {other} is given", "give one of them")
    if request.marks:
        return _marked(index)
    if request.where is not None:
        rows = index.rows(("neuron",), where=request.where, signs=request.signs)
        return _some(Chosen(tuple(parse_neuron(str(name)) for (name,) in rows)), "no neuron meets the condition")
    if not request.neurons:
        example = index.telling_neuron or NeuronAddress(index.sites[0].address, 0)
        raise GluscopeError("no neuron is named", f"name some, such as {example}, or - or --where CONDITION or --marks")
    addresses = Addresses(index, request.neurons)
    found = tuple(dict.fromkeys(address for address, _ in addresses))
    return _some(Chosen(found, addresses.refused), "none of the neurons is in this index")


def _marked(index: Index) -> Chosen:
    """The neurons marked in the explorer or by `gluscope marks`, in the order of the file.

    Those that the index lacks are left out; a notice names them.
    """
    marks = MarksFile(index_folder(index.path) / "marks.tsv").read()
    there = of_index(index, marks)
    otherwise = "none of the marked neurons is in this index" if marks else "nothing is marked in this index yet"
    return _some(Chosen(tuple(dict.fromkeys(mark.neuron for mark in there)), marks=there), otherwise)


def ranking(index: Index, request: Request) -> str:
    """The ranking asked for, else post, else the first that the index keeps. GluscopeError if it keeps none."""
    kept = index.rankings
    if request.rank_by is not None and request.rank_by not in kept:
        raise GluscopeError(f"this index has no ranking {request.rank_by!a}", f"use one of {', '.join(kept)}")
    return request.rank_by or ("post" if "post" in kept or not kept else kept[0])


def command_line(kind: str, request: Request, out: str, *more: str) -> str:
    """The command that makes the same, with files by their names only."""
    return shlex.join(["gluscope", "export", kind, *_words(request), *more, "--out", Path(out).name])


def _words(request: Request) -> Iterator[str]:
    yield from request.neurons
    if request.marks:
        yield "--marks"
    for option, value in (
        ("--where", request.where),
        ("--rank-by", request.rank_by),
        ("--limit", None if request.limit is None else str(request.limit)),
        ("--signs", None if request.signs == "aligned" else request.signs),
        ("--db", None if request.db is None else name_for_others(request.db)),
    ):
        if value is not None:
            yield from (option, value)


def _some(found: Chosen, otherwise: str) -> Chosen:
    if not found.neurons:
        raise GluscopeError(otherwise, "gluscope neurons lists what there is")
    return found
