"""Neurons as pictures: one on stdout, or several in a folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import typer

from indexer.addresses import NeuronAddress
from indexer.database.reader import Index
from indexer.export_folder import export_folder, refuse_foreign
from indexer.quadrants import QUADRANTS, Quadrant

from ...views.info import warning
from ...views.numbers import full_count
from ...views.svg.panes import WIDTH, Picture, picture
from ..opening import open_index
from ..output import tell
from .chosen import Request, chosen, ranking

_KIND = "svg"
_CONTEXTS = 3


def single(request: Request, quadrants: tuple[Quadrant, ...], width: int | None) -> str:
    """The picture of one neuron."""
    with open_index(request.db) as index:
        found = chosen(index, request).alone()
        if found.refused:
            raise typer.Exit(2)
        return _picture(index, found.neurons[0], request, Picture(ranking(index, request), quadrants, width or WIDTH))


def write(request: Request, out: Path) -> int:
    """Write a folder of pictures. Returns how many addresses were refused."""
    refuse_foreign(out, _KIND)
    with open_index(request.db) as index:
        found = chosen(index, request)
        wanted = Picture(ranking(index, request), QUADRANTS)
        with export_folder(out, _KIND) as folder:
            for neuron in found.neurons:
                folder.write(f"{neuron.name}.svg", _picture(index, neuron, request, wanted).encode())
    tell(f"{full_count(len(found.neurons))} picture{'' if len(found.neurons) == 1 else 's'} in {out}")
    return found.refused


def _picture(index: Index, neuron: NeuronAddress, request: Request, wanted: Picture) -> str:
    rankings = (wanted.ranking,) if wanted.ranking in index.rankings else ()
    limit = _CONTEXTS if request.limit is None else request.limit
    record = index.neuron(neuron, signs=request.signs, rankings=rankings, limit=limit, weights=True)
    return picture(record, replace(wanted, warning=warning(index.info())))
