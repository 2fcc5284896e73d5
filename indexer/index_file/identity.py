"""What makes two runs the same: the weights, the corpus and every setting that their result depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from ..errors import GluscopeError
from ..models.loaded import LoadedModel
from ..settings import Settings

Identity = dict[str, Any]

CPU_BATCH_TOKENS = 2048
ACCELERATOR_BATCH_TOKENS = 32768

ENCODER_FOLD_AFTER = 7
"""Tokens after the peak that a fold key knows where the model has read them too."""


def resolve(settings: Settings, loaded: LoadedModel, layers: tuple[int, ...] | None) -> Settings:
    """The settings with everything that was left to the machine or the model filled in."""
    batch_tokens = settings.batch_tokens
    if batch_tokens is None:
        batch_tokens = CPU_BATCH_TOKENS if loaded.device == "cpu" else ACCELERATOR_BATCH_TOKENS
    return replace(
        settings,
        dtype=loaded.dtype,
        revision=loaded.revision,
        batch_tokens=batch_tokens,
        fold_after=0 if loaded.causal else ENCODER_FOLD_AFTER,
        layers=None if layers is None else tuple(sorted(set(layers))),
        experts=None if settings.experts is None else tuple(sorted(set(settings.experts))),
    )


def identity(settings: Settings, loaded: LoadedModel) -> Identity:
    """What a run is known by, ready for JSON; the corpus is known by its tokens as they are read."""
    plain = {key: _plain(value) for key, value in asdict(settings).items()}
    tables = {} if loaded.tables is None else {"tables": loaded.tables.names}  # they decide what a batch may be
    return {"weights": loaded.fingerprint, **plain, **tables}


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """The first setting in which two identities differ, in words; None where they are the same.

    The dtype comes before the weights, which are other ones in another dtype, and these before the model's revision.
    """
    known = {"fold_after": 0, **before}  # older runs don't name it
    for key in sorted(now, key=lambda key: (key == "revision", key == "weights")):
        if key in known and known[key] == now[key]:
            continue
        if key == "weights":
            return "it was made with other weights"
        if key == "tables":
            return "it was made when sequences took the rotary positions of the longest in their batch"
        if key == "processes":
            return f"it was begun with {_processes(before.get(key))}, not {_processes(now[key])}"
        option = "--" + key.replace("_", "-")
        return f"it was made with {option} {_shown(before.get(key))}, not {_shown(now[key])}"
    return None


def demand_same(before: Mapping[str, Any], now: Mapping[str, Any], what: str, fix: str) -> None:
    """GluscopeError naming the first difference, if there is one."""
    if (found := difference(before, now)) is not None:
        raise GluscopeError(f"{what} is another one: {found}", fix)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _processes(count: int | None) -> str:
    return "one process" if count is None else f"{count} processes"


def _shown(value: Any) -> str:
    if value is None:
        return "all"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
