"""Adds the numbers computed from weights to an index that was made without them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..database.bulk.page_copies import write_page_copies
from ..database.bulk.stored import StoredIndex
from ..database.bulk.weight_writing import replace_weights
from ..database.bulk.wiring_storage import replace_wiring
from ..disk import refused
from ..errors import GluscopeError
from ..index_file.same_weights import demand_same_weights
from ..models.load import load
from ..progress import Progress, Report
from ..run.folder import under_way
from ..run.output_file import changed_copy
from ..settings import Execution
from ..weights.compute import model_weights
from ..weights.model_wiring import model_wiring


def add_weights(model: str, db: Path, execution: Execution, *, overwrite: bool, progress: Report) -> Path:
    """Add the numbers computed from the weights of `model` to the index `db`, which it made. Returns the index's path.

    The index is replaced when the new one is complete. One that has all that is computed today is left as it is, unless
    `overwrite`; if only the wiring is missing, it alone is added.
    GluscopeError if there is no finished index, or if other weights made it.
    """
    with StoredIndex(db) as stored:
        info = stored.info
        first_neuron = {site.address.name: site.first_neuron for site in stored.sites}
        whole = stored.has_all_weights and not overwrite
        unwired = stored.lacks_wiring and execution.wiring
        wiring = None if execution.wiring else stored.wiring()
    if info.get("imported", {}).get("missing"):
        raise GluscopeError(
            f"{db} was imported from a data set, which doesn't say which weights it is of",
            "import it again with gluscope import gluscope --model, which brings the weights",
        )
    if under_way(db) or not info.get("coverage", {}).get("finished", True):
        raise GluscopeError(f"the run that makes {db} is not finished", "finish it: it computes the weights at its end")
    if whole and not unwired:
        kept = f"{db} has its weights already, so {model} was not read; --overwrite computes them again"
        progress(Progress("notice", message=kept))
        return db
    progress(Progress("loading", message=f"loading {model}"))
    loaded = load(
        model,
        dtype=info["model"]["dtype"],
        revision=None if Path(model).exists() else info["model"].get("revision"),
        device=execution.device,
        device_map=execution.device_map,
        trust_remote_code=execution.trust_remote_code,
    )
    demand_same_weights(loaded, model, info["model"], db)
    with changed_copy(db, lambda message: progress(Progress("notice", message=message))) as made:
        if whole:
            put = partial(replace_wiring, wiring=model_wiring(loaded, first_neuron, progress))
        else:
            weights = model_weights(loaded, first_neuron, progress, execution.wiring)
            put = partial(replace_weights, weights=weights if wiring is None else replace(weights, wiring=wiring))
        try:
            with closing(sqlite3.connect(f"{made.absolute().as_uri()}?mode=rw&nolock=1", uri=True)) as sqlite:
                put(sqlite, first_neuron=first_neuron)
                write_page_copies(sqlite, made)
        except sqlite3.OperationalError as error:
            raise refused(made, error, "is its disk whole, and writable?") from error
    return db
