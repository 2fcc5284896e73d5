"""What makes two runs the same: the weights, the corpus and every setting that their result depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ..errors import GluscopeError
from ..settings import EVERY_TOKEN, ONE_A_SEQUENCE, Settings

Rules: TypeAlias = tuple[tuple[int, str], ...]
"""Tokens, each with the rule by which it is an attention sink."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of an index, apart from its corpus, which is identified by its tokens as they are read."""

    weights: str  # fingerprint
    settings: Settings  # nothing in them is left to the machine or the model
    tables: tuple[str, ...] = ()  # rotary positions that depend on the length: they decide what a batch may be
    left_out: Rules | None = None  # the attention sinks that are not counted; None: all are, or they aren't known yet

    def to_json(self) -> dict[str, Any]:
        """As an index keeps it."""
        tables = {"tables": list(self.tables)} if self.tables else {}
        left_out = {} if self.left_out is None else {"left_out": [list(rule) for rule in self.left_out]}
        return {"weights": self.weights, **self.settings.to_json(), **tables, **left_out}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Identity:
        """Read the result of `to_json`, of this version or an older one. ValueError if it can't be one."""
        weights = saved.get("weights")
        if not isinstance(weights, str):
            raise ValueError("the weights are not named")
        tables = saved.get("tables", [])
        if not isinstance(tables, list) or not all(isinstance(name, str) for name in tables):
            raise ValueError(f"tables is {tables!a:.60}")
        left_out = saved.get("left_out")
        try:
            rules = None if left_out is None else tuple((int(id_), str(rule)) for id_, rule in left_out)
        except TypeError as error:
            raise ValueError(f"left_out is {left_out!a:.60}") from error
        return cls(weights, Settings.from_json(saved), tuple(tables), rules)


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """The identity of an unfinished run: the index that it makes, and its part of the work."""

    index: Identity
    shard: str | None  # such as 2/8
    processes: int | None  # of torchrun; None: it is one process

    def to_json(self) -> dict[str, Any]:
        """As a run folder keeps it."""
        return {**self.index.to_json(), "shard": self.shard, "processes": self.processes}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> RunIdentity:
        """Read the result of `to_json`, of this version or an older one. ValueError if it can't be one."""
        shard, processes = saved.get("shard"), saved.get("processes")
        if not (shard is None or isinstance(shard, str)) or not (processes is None or type(processes) is int):
            raise ValueError("the part of the run is not named")
        return cls(Identity.from_json(saved), shard, processes)


_DRAWN = {EVERY_TOKEN: "from all tokens", ONE_A_SEQUENCE: "one a sequence, as older versions did"}


def difference(before: Identity, now: Identity) -> str | None:
    """The first setting in which two identities differ, in words; None if they are the same.

    The dtype comes before the weights, which are other ones in another dtype, and these before the model's revision.
    """
    old, new = ({"weights": one.weights, **one.settings.to_json()} for one in (before, now))
    for key in sorted(new, key=lambda key: (key == "revision", key == "weights", key)):
        if old[key] == new[key]:
            continue
        if key == "draw":
            if "random" in new["rank_by"]:
                return f"its random examples were drawn {_DRAWN[old[key]]}, not {_DRAWN[new[key]]}"
            continue
        if key == "weights":
            return "it was made with other weights"
        if key == "chat_template":
            return "it was made with another chat template"
        return f"it was made with --{key.replace('_', '-')} {_shown(old[key])}, not {_shown(new[key])}"
    if before.tables != now.tables:
        return "it was made when sequences took the rotary positions of the longest in their batch"
    if None not in (before.left_out, now.left_out) and before.left_out != now.left_out:
        return "other tokens were its attention sinks, which --sinks drop leaves out"
    return None


def run_difference(before: RunIdentity, now: RunIdentity) -> str | None:
    """The first thing in which two unfinished runs differ, in words; None if they are the same."""
    if before.processes != now.processes:
        return f"it was begun with {_processes(before.processes)}, not {_processes(now.processes)}"
    if before.shard != now.shard:
        return f"it was made with --shard {_shown(before.shard)}, not {_shown(now.shard)}"
    return difference(before.index, now.index)


def same_but(identity: Identity, **settings: Any) -> Identity:
    """The identity with other settings."""
    return replace(identity, settings=replace(identity.settings, **settings))


def demand_same(before: RunIdentity, now: RunIdentity, what: str, fix: str) -> None:
    """GluscopeError naming the first difference, if there is one."""
    if (found := run_difference(before, now)) is not None:
        raise GluscopeError(f"{what} is another one: {found}", fix)


def _processes(count: int | None) -> str:
    return "one process" if count is None else f"{count} processes"


def _shown(value: Any) -> str:
    if value is None:
        return "all"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
