"""Neurons as data for other tools: Parquet, Neuronpedia's JSON lines, GLUScope's data sets."""

from __future__ import annotations

from pathlib import Path

from indexer.addresses import NeuronAddress
from indexer.database.reader import Index
from indexer.errors import GluscopeError
from indexer.exchange.selection import Selection
from indexer.export_folder import export_folder, refuse_foreign
from indexer.progress import Meter

from ...views.numbers import full_count
from ..extras import require
from ..opening import open_index
from ..output import tell
from ..progress import narrator
from .chosen import Chosen, Request, chosen

KINDS = ("parquet", "neuronpedia", "gluscope")


def write(kind: str, request: Request, out: Path, model_id: str | None, creator: str) -> int:
    """Write a folder of data. Returns how many addresses were refused."""
    if kind != "neuronpedia":
        require(f"export {kind}", "pyarrow")
    refuse_foreign(out, kind)
    with open_index(request.db) as index:
        found = chosen(index, request) if request.names_some else None
        neurons = None if found is None else found.neurons
        with narrator() as report, export_folder(out, kind) as folder:
            meter = Meter(report, kind)
            if kind == "parquet":
                from indexer.exchange.parquet import write_parquet

                write_parquet(index, _selection(index, request, neurons, None), folder, meter)
            elif kind == "neuronpedia":
                from indexer.exchange.neuronpedia import labels, write_neuronpedia

                names = labels(index, model_id, creator)
                notes = () if found is None else tuple((m.neuron, m.quadrant, m.text) for m in found.marks if m.text)
                write_neuronpedia(index, _selection(index, request, neurons, "post"), names, folder, meter, notes)
            else:
                from indexer.exchange.gluscope_export import write_gluscope

                if request.rank_by or request.limit is not None or request.signs != "aligned":
                    raise GluscopeError(
                        "GLUScope's data set has 16 examples of each of its rankings, with aligned signs",
                        "leave out --rank-by, -n and --signs",
                    )
                write_gluscope(index, neurons or (), folder, meter)
        count = index.neuron_count if neurons is None or kind == "gluscope" else len(neurons)
    tell(f"{full_count(count)} neuron{'' if count == 1 else 's'} in {out}")
    return _refused(found)


def _selection(
    index: Index, request: Request, neurons: tuple[NeuronAddress, ...] | None, usual: str | None
) -> Selection:
    """What the request asks for; without --rank-by the usual ranking if the index keeps it, or all for None."""
    if request.rank_by is not None and request.rank_by not in index.rankings:
        raise GluscopeError(f"this index has no ranking {request.rank_by!a}", f"use one of {', '.join(index.rankings)}")
    ranking = request.rank_by or usual
    rankings = None if ranking is None else (ranking,) if ranking in index.rankings else ()
    return Selection(neurons, rankings, request.limit, request.signs)


def _refused(found: Chosen | None) -> int:
    return 0 if found is None else found.refused
