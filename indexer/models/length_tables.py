"""Rotary positions whose frequencies depend on a sequence's length, and the batches in which they come out right.

The library chooses such frequencies by the longest sequence of a batch, and `dynamic` ones keep the state that earlier
batches left. Only in a batch of sequences with the same frequencies is a sequence read as if it ran alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from ..sites.refuse import refusal

_BY_LENGTH = ("dynamic", "longrope", "su", "ntk")
"""Parts of the names of kinds of rotary positions whose frequencies depend on the length."""


@dataclass(frozen=True, slots=True, eq=False)
class _Rotary:
    """One set of frequencies of a module that depends on the length."""

    module: Any
    prefix: str  # of the names of this set's attributes
    kind: str
    longest: int  # the longest length with the first frequencies

    @property
    def grows(self) -> bool:
        """Whether each length beyond `longest` has frequencies of its own."""
        return "dynamic" in self.kind

    def reset(self) -> None:
        """Undo the changes of earlier batches."""
        if self.grows:
            first = getattr(self.module, f"{self.prefix}original_inv_freq")
            buffer = getattr(self.module, f"{self.prefix}inv_freq")
            self.module.register_buffer(f"{self.prefix}inv_freq", first.to(buffer.device), persistent=False)
            setattr(self.module, f"{self.prefix}max_seq_len_cached", self.longest)


@dataclass(frozen=True, slots=True, eq=False)
class LengthTables:
    """The rotary positions of a model that depend on a sequence's length."""

    rotaries: tuple[_Rotary, ...]

    def table(self, length: int) -> tuple[int, ...]:
        """The property that the sequences of one batch must share: equal for lengths with the same frequencies."""
        return tuple(max(length, one.longest) if one.grows else int(length > one.longest) for one in self.rotaries)

    def reset(self) -> None:
        """Reset the model to its state before it read anything."""
        for one in self.rotaries:
            one.reset()

    @property
    def names(self) -> list[str]:
        """Kind and first length of each, as part of a run's identity, e.g. `longrope 4096`."""
        return sorted({f"{one.kind} {one.longest}" for one in self.rotaries})


def length_tables(body: nn.Module) -> LengthTables | None:
    """The rotary positions of a text body that depend on the length; None if it has none.

    GluscopeError if its configuration names such positions and no module of a known form has them.
    """
    found = tuple(rotary for module in body.modules() for rotary in _rotaries(module))
    wanted = {kind for kind in _kinds(getattr(body, "config", None)) if _by_length(kind)}
    if unknown := sorted(wanted - {one.kind for one in found}):
        raise refusal(body, f"its rotary positions ({unknown[0]}) depend on the length in a way gluscope doesn't know")
    return LengthTables(found) if found else None


def own_positions(body: nn.Module) -> int | None:
    """The number of tokens that the model is made for, by its configuration; None if that doesn't say."""
    positions = getattr(getattr(body, "config", None), "max_position_embeddings", None)
    return positions if isinstance(positions, int) and positions > 0 else None


def _rotaries(module: Any) -> Iterator[_Rotary]:
    kinds = getattr(module, "rope_type", None)
    for layer_type, kind in kinds.items() if isinstance(kinds, Mapping) else [(None, kinds)]:
        if not isinstance(kind, str) or not _by_length(kind):
            continue
        prefix = "" if layer_type is None else f"{layer_type}_"
        if "dynamic" in kind and hasattr(module, f"{prefix}original_inv_freq"):
            yield _Rotary(module, prefix, kind, int(module.original_max_seq_len))
        elif kind == "longrope":
            settings = module.config.rope_parameters
            own = settings if layer_type is None else settings[layer_type]
            yield _Rotary(module, prefix, kind, int(own["original_max_position_embeddings"]))


def _kinds(config: Any) -> Iterator[str]:
    """The kinds of rotary positions that a configuration names."""
    for name in ("rope_parameters", "rope_scaling"):
        settings = getattr(config, name, None)
        if not isinstance(settings, Mapping):
            continue
        for part in (settings, *(value for value in settings.values() if isinstance(value, Mapping))):
            kind = part.get("rope_type", part.get("type"))
            if isinstance(kind, str):
                yield kind


def _by_length(kind: str) -> bool:
    return any(part in kind for part in _BY_LENGTH)
