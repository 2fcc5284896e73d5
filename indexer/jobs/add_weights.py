"""Adds what weights say to an index that was made without them."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from ..database.bulk.stored import StoredIndex
from ..database.bulk.weight_writing import replace_weights
from ..errors import GluscopeError
from ..models.load import load
from ..models.loaded import LoadedModel
from ..progress import Progress, Report
from ..run.folder import discard, disk_errors, hold, run_folder, under_way, unmade
from ..settings import Execution
from ..weights.compute import model_weights


def add_weights(model: str, db: Path, execution: Execution, *, overwrite: bool, progress: Report) -> Path:
    """Compute what the weights of `model` say, put it into the index `db` that was made with it, and return its path.

    The index is replaced when the new one is complete. One that has weights is left as it is, unless `overwrite`.
    GluscopeError where there is no finished index, or it was made with other weights.
    """
    with StoredIndex(db) as stored:
        info = stored.info
        first_neuron = {site.address.name: site.first_neuron for site in stored.sites}
    folder = run_folder(db)
    if under_way(db) or not info.get("coverage", {}).get("finished", True):
        raise GluscopeError(f"the run that makes {db} is not finished", "finish it: it computes the weights at its end")
    if info.get("weights", {}).get("state") in ("computed", "partly") and not overwrite:
        progress(Progress("notice", message=f"{db} has its weights already; --overwrite computes them anew"))
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
    _demand_same_model(loaded, info, db)
    with hold(folder), disk_errors(folder):
        try:
            weights = model_weights(loaded, first_neuron, progress)
            made = unmade(folder / "index.db")
            shutil.copyfile(db, made)
            connection = sqlite3.connect(made)
            try:
                replace_weights(connection, weights, first_neuron)
            finally:
                connection.close()
            with open(made, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(made, db)
        finally:
            discard(folder)
    return db


def _demand_same_model(loaded: LoadedModel, info: dict[str, Any], db: Path) -> None:
    """GluscopeError where the index was made with other weights."""
    if loaded.fingerprint == info["model"]["fingerprint"]:
        return
    made_with = str(info["model"]["name"])
    other = f"other weights of {loaded.name}" if loaded.name == made_with else f"{made_with}, not with {loaded.name}"
    raise GluscopeError(f"{db} was made with {other}", f"name the model that it was made with: {made_with}")
