"""The model of an index, opened to be run again: where it is, whether it is the same, and how it read text."""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..capture.expert_proof import prove_expert_forms
from ..capture.proof import prove_forms
from ..database.records import IndexInfo
from ..errors import GluscopeError
from ..index_file.same_weights import demand_same_weights
from ..models.load import load
from ..models.loaded import LoadedModel
from ..models.probe import read_by_text
from ..models.special_tokens import Around, around
from ..progress import Progress, Report
from ..settings import Settings
from ..sites import Site, find_sites
from ..sites.experts import expert_layers
from ..sites.stacks import dense_sites


@dataclass(frozen=True, slots=True)
class Choice:
    """Which model to open, and how; None and "auto": as the index says."""

    model: str | None = None  # a Hugging Face id, a folder or a .gguf file
    dtype: str = "auto"
    device: str = "auto"
    device_map: str | None = None
    revision: str | None = None
    trust_remote_code: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class LiveModel:
    """A model ready to read texts as an index read them."""

    loaded: LoadedModel
    sites: tuple[Site, ...]  # those of the index, in its order; without an index all that text runs
    settings: Settings  # of the index; without one the defaults, with the model's own context

    @property
    def around(self) -> Around:
        """The tokens before and after every text."""
        return around(self.loaded, self.settings.bos)

    @property
    def names(self) -> dict[str, Site]:
        """The sites by name."""
        return {site.address.name: site for site in self.sites}


def silent(_progress: Progress) -> None:
    """Report nothing."""


def open_model(info: IndexInfo | None, choice: Choice, report: Report = silent) -> LiveModel:
    """Load the model that made an index; without an index, the model that `choice` names.

    Its weights are compared by their fingerprint in the index's dtype; if another dtype is asked for, it is loaded once
    more. GluscopeError for other weights, a model that isn't there, and every error of `gluscope index`.
    """
    named = choice.model or (None if info is None else _whereabouts(info))
    if named is None:
        raise GluscopeError("no model is named", "name one with --model, or an index that a model made with --db")
    report(Progress("loading", message=f"loading {named}"))
    dtype = choice.dtype if info is None else str(info.model.get("dtype") or "auto")
    loaded = _loaded(named, info, choice, dtype)
    if info is not None:
        demand_same_weights(loaded, named, info.model, info.path)
        if choice.dtype not in ("auto", dtype):
            report(Progress("notice", message=f"the index was made in {dtype}: its values differ by rounding"))
            report(Progress("loading", message=f"loading {named} in {choice.dtype}"))
            del loaded
            gc.collect()
            loaded = _loaded(named, info, choice, choice.dtype)
    for notice in () if info is not None else loaded.notices:  # an index's maker was told them
        report(Progress("notice", message=notice))
    sites = _sites(loaded, info, report)
    prove_forms(dense_sites(sites))
    prove_expert_forms(expert_layers(sites))
    own = Settings()
    settings = settings_of(info) if info is not None else replace(own, context=loaded.positions or own.context)
    return LiveModel(loaded, sites, settings)


def _whereabouts(info: IndexInfo) -> str:
    """Where an index's model is: a path that exists here, or a hub id. GluscopeError if it is neither."""
    name = str(info.model["name"])
    kept = info.model.get("location")
    location = kept if isinstance(kept, str) else None
    if location is not None and (not os.path.isabs(location) or Path(location).exists()):
        return location
    if location is None and (Path(name).exists() or "/" in name):
        return name
    where = f"is no longer at {location}" if location is not None else "was on the machine that made the index"
    raise GluscopeError(f"the model of {info.path}, {name}, {where}", "say where it is now with --model")


def _loaded(named: str, info: IndexInfo | None, choice: Choice, dtype: str) -> LoadedModel:
    own = info is not None and named in (info.model.get("location"), info.model["name"])
    here = Path(named).expanduser().exists()
    kept = info.model.get("revision") if info is not None and own and not here else None
    return load(
        named,
        dtype=dtype,
        revision=choice.revision or (None if kept is None else str(kept)),
        device=choice.device,
        device_map=choice.device_map,
        trust_remote_code=choice.trust_remote_code,
        layers=None if info is None else _layers(info),
    )


def _layers(info: IndexInfo) -> tuple[int, ...]:
    return tuple(sorted({site.address.layer for site in info.sites}))


def _sites(loaded: LoadedModel, info: IndexInfo | None, report: Report) -> tuple[Site, ...]:
    found = find_sites(loaded.model)
    chosen: Sequence[Site] = found
    if info is not None:
        by_name = {site.address.name: site for site in found}
        if missing := [one.address.name for one in info.sites if one.address.name not in by_name]:
            raise GluscopeError(
                f"the model has no {missing[0]}, which is in {info.path}", "the index is damaged: copy it again"
            )
        chosen = [by_name[one.address.name] for one in info.sites]
    sites, notices = read_by_text(loaded, chosen)
    for notice in notices:
        report(Progress("notice", message=notice))
    return sites


def settings_of(info: IndexInfo) -> Settings:
    """The settings of an index. GluscopeError if they are not gluscope's."""
    try:
        return Settings.from_json(info.settings)
    except (KeyError, TypeError, ValueError) as error:
        raise GluscopeError(f"{info.path} is damaged: its settings are not gluscope's", "copy it again") from error
