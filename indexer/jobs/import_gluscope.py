"""Makes an index of GLUScope's data set with the model that it is of: the texts are run again.

1. The statistics are those of the data set, made raw again by the flips of the weights.
2. The texts are read as the data set's model read them: by its own token ids where gluscope wrote the data set, else
   encoded, with BOS in front and cut to a context.
3. Each text that a list names is run once: `found_again` tells where its values are.
4. If the texts are the whole corpus (their tokens are the data set's), all of them are run, for the sample.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import __version__
from ..beside import folder_beside
from ..database.read.shapes import wrong_key
from ..errors import GluscopeError
from ..exchange.gluscope_columns import KEPT
from ..exchange.gluscope_data import LISTS, Source
from ..forecast.estimate import memory_free
from ..index_file.provenance import of_model
from ..index_file.write import SamplePositions, write_index
from ..live.data_set_texts import DataSetTexts
from ..live.found_again import FoundAgain
from ..live.model import Choice, LiveModel, open_model
from ..progress import Meter, Report
from ..sequences.sequences import TokenSequence
from ..sequences.tokenizer import token_bytes
from ..settings import COUNT_SINKS, Settings
from ..sites.stacks import dense_sites
from ..sites.weights import gate_in_dot
from ..weights.compute import model_weights

THEIRS = Settings(
    long="truncate",
    bos="always",
    count_first=True,
    top_k=KEPT,
    rank_by=("post", "gate", "in", "act"),
    duplicates="keep",
)
"""How GLUScope's own data sets were made."""

_WHOLE = 0.01
"""The share of the tokens by which the texts of the whole corpus may differ: GLUScope tells a round number."""
_ENOUGH = 0.9
"""The share of entries that must be found, else the model or the texts are others."""
_BYTES_AN_ENTRY = 200


@dataclass(frozen=True, slots=True)
class Found:
    """What became of the lists."""

    sought: int
    found: int
    tokens: int  # of the texts
    whole: bool  # they are the corpus: there is a sample


def settings_of(about: Mapping[str, Any], context: int | None) -> Settings:
    """How the texts of a data set are read: as gluscope says that it read them, else as GLUScope does.

    GluscopeError for a context that is no number of tokens.
    """
    try:
        own = Settings.from_json(about["settings"]) if "settings" in about else THEIRS
    except (KeyError, ValueError):
        own = THEIRS
    ranked = tuple(name for name in own.rank_by if name in THEIRS.rank_by)
    own = replace(own, top_k=KEPT, rank_by=ranked, layers=None, experts=None, tokens=None)
    return own if context is None else replace(own, context=context)


def import_with_model(
    source: Source, db: Path, model: Choice, settings: Settings, about: Mapping[str, Any], report: Report
) -> Found:
    """Write the index `db`. `about`: what the data set says of its weights (`fingerprint`).

    GluscopeError if `db` exists, if the files are not such a data set, or if it isn't one of this model and these
    texts: fewer than 90 % of its values are found.
    """
    if os.path.lexists(db):
        raise GluscopeError(f"{db} is already there", "remove it or name another file with --db")
    started = time.time()
    source.check()
    settings = _countable(settings)
    live = replace(open_model(None, model, report), settings=settings)
    _demand_same(live, source, about)
    _demand_memory(source, live)
    dots = [gate_in_dot(site) for site in live.sites]
    meter = Meter(report, "importing")
    kept = set(settings.rank_by)
    arrays = []
    for layer, dot in enumerate(dots):
        site = source.site(layer, dot)
        arrays.append(replace(site, lists=tuple(one for one in site.lists if one.ranking in kept)))
        meter.update(layer + 1, len(dots), "reading layers")
    texts = DataSetTexts(source, live)
    wanted = np.unique(np.concatenate([one.sequence.ravel() for site in arrays for one in site.lists]))
    numbers: list[int] = wanted[wanted >= 0].tolist()
    counted = texts.counted()
    whole = abs(counted - source.tokens) <= _WHOLE * source.tokens
    again = FoundAgain(live, arrays, sample=whole)
    to_run = texts.lengths if whole else {number: texts.lengths[number] for number in numbers}
    _run(again, texts.used(to_run), sum(to_run.values()), report)
    found = Found(again.sought, again.found, counted, whole)
    _demand_found(found, live)
    info = _info(live, source, settings, found, started) | {"complete": bool(about.get("complete", True))}
    if "sinks" in about and wrong_key({"sinks": about["sinks"]}) is None:
        info["sinks"] = about["sinks"]
    _write(db, again, texts, live, info, report)
    return found


def _countable(settings: Settings) -> Settings:
    """The settings. GluscopeError if what they leave out can't be told from the texts."""
    if settings.roles is not None or settings.sinks != COUNT_SINKS:
        left_out = "messages of some roles" if settings.roles is not None else "attention sinks"
        raise GluscopeError(f"the data set leaves out {left_out}, and doesn't say where they are", "leave --model out")
    return settings


def _demand_same(live: LiveModel, source: Source, about: Mapping[str, Any]) -> None:
    """GluscopeError unless the data set can be of this model."""
    name, made = live.loaded.name, about.get("fingerprint")
    if made is not None and made != live.loaded.fingerprint:
        raise GluscopeError(
            f"{name} has other weights ({live.loaded.fingerprint}) than {source.model} ({made}), which the data set is "
            "of",
            "name that model with --model",
        )
    if dense_sites(live.sites) != tuple(live.sites) or any(site.address.stack for site in live.sites):
        raise GluscopeError(f"{name} is not a model of plain gated MLPs, as GLUScope's are", "leave --model out")
    if len(live.sites) != (layers := len(source.layers())):
        raise GluscopeError(
            f"the data set has {layers} layers, {name} has {len(live.sites)}", "name the model that the data set is of"
        )


def _demand_memory(source: Source, live: LiveModel) -> None:
    """GluscopeError if the lists don't fit in memory."""
    entries = sum(site.width for site in live.sites) * KEPT * len(LISTS)
    free = memory_free(torch.device("cpu"))
    if free is not None and entries * _BYTES_AN_ENTRY > free:
        raise GluscopeError(
            f"the lists of {source.model} take {entries * _BYTES_AN_ENTRY / 2**30:,.0f} GiB of memory, and "
            f"{free / 2**30:,.0f} GiB are free",
            "leave --model out, or use a machine with more memory",
        )


def _demand_found(found: Found, live: LiveModel) -> None:
    if found.found < _ENOUGH * found.sought:
        raise GluscopeError(
            f"{live.loaded.name} gives {found.found:,} of the data set's {found.sought:,} values on these texts",
            "is it the model, in its revision, and are these the texts? without --model nothing is run",
        )


def _run(again: FoundAgain, sequences: Iterator[TokenSequence], total: int, report: Report) -> None:
    meter, tokens = Meter(report, "running"), 0
    for sequence in sequences:
        again.run(sequence)
        tokens += sequence.length
        meter.update(tokens, total, "running tokens again")


def _write(
    db: Path,
    again: FoundAgain,
    texts: DataSetTexts,
    live: LiveModel,
    info: Mapping[str, Any],
    report: Report,
) -> None:
    order = again.sample.order()
    sample = SamplePositions(again.sample.sequence[order], again.sample.position[order])
    weights = model_weights(live.loaded, [site.address.name for site in live.sites], report)
    meter, total = Meter(report, "writing"), sum(site.width for site in live.sites)
    with folder_beside(db, "name another file with --db") as aside:
        write_index(
            aside / db.name,
            again.arrays(),
            {0: sample},
            texts,
            partial(token_bytes, live.loaded.tokenizer),
            info,
            lambda neurons: meter.update(neurons, total, "writing neurons"),
            weights,
        )
        os.rename(aside / db.name, db)


def _info(live: LiveModel, source: Source, settings: Settings, found: Found, started: float) -> dict[str, Any]:
    """What `gluscope info` shows of the index."""
    loaded = live.loaded
    notices = [
        "the statistics are those of GLUScope's data set; positions, windows and weights are the model's, run again",
        *told_of(found),
    ]
    front, back = live.around
    return {
        "imported": {"from": "GLUScope", "missing": ""},
        "model": {**of_model(loaded, len(live.sites)), "name": source.model},
        "corpus": {
            "inputs": [file.name for file in source.texts],
            "tokens": source.tokens,
            "bos": front,
            "eos": back,
        },
        "settings": replace(settings, sample=settings.sample if found.whole else 0, dtype=loaded.dtype).to_json(),
        "software": {"gluscope": __version__},
        "run": {
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
            "seconds": time.time() - started,
            "notices": notices,
        },
    }


def told_of(found: Found) -> list[str]:
    """What became of the lists, and of the sample, a line each."""
    lines = [f"{found.found:,} of {found.sought:,} examples were found again"]
    if found.found < found.sought:
        lines[0] += "; the others are left out: the model gives other values there"
    if not found.whole:
        lines.append(f"there is no sample: the texts have {found.tokens:,} tokens, not all that the data set counts")
    return lines
