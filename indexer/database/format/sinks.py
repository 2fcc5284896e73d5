"""Attention sinks beside position 0: the tokens at which the residual stream is far larger than elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

EVERY, FIRST, SOME = "every", "first", "some"
"""Where a token is a sink: wherever it stands; where it stands first in a sequence; here and there, by no rule."""

RULES = (EVERY, FIRST, SOME)


@dataclass(frozen=True, slots=True)
class SinkToken:
    """A token that was a sink in some of the documents that were looked at. Position 0 is never counted."""

    id: int
    text: str  # its bytes, decoded
    sinks: int  # where it was one
    seen: int  # where it stood
    rule: str  # of RULES

    def __str__(self) -> str:
        """For people: `"." where it is first (14 of 16)`; its text must be cleaned before it reaches a terminal."""
        where = {EVERY: "", FIRST: " where it is first", SOME: " now and then"}[self.rule]
        return f'"{self.text}"{where} ({self.sinks:,} of {self.seen:,})'


@dataclass(frozen=True, slots=True)
class Sinks:
    """The attention sinks of a model, as some documents show them."""

    layer: int  # whose input was measured
    sequences: int  # looked at
    tokens: int  # in them
    found: tuple[SinkToken, ...]  # the most frequent first
    positions: int | None = None  # of the whole corpus that the rules `every` and `first` name

    def ids(self, rule: str) -> frozenset[int]:
        """The tokens with a rule."""
        return frozenset(token.id for token in self.found if token.rule == rule)

    @property
    def rules(self) -> tuple[tuple[int, str], ...]:
        """The tokens that are sinks by a rule, in the order of their ids."""
        return tuple(sorted((token.id, token.rule) for token in self.found if token.rule != SOME))

    def holds(self, ids: Sequence[int], position: int) -> bool:
        """Whether a position of a sequence is a sink by the rules."""
        if not position:
            return False
        token = ids[position]
        if token in self.ids(FIRST):
            return token not in ids[1:position]
        return token in self.ids(EVERY)

    def to_json(self) -> dict[str, Any]:
        """As an index keeps it."""
        found = [{name: getattr(token, name) for name in SinkToken.__slots__} for token in self.found]
        measured = {name: getattr(self, name) for name in ("layer", "sequences", "tokens", "positions")}
        return {**measured, "found": found}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Sinks | None:
        """Read the result of `to_json`; None if nothing was looked for. ValueError if it can't be one."""
        if "found" not in saved:
            return None
        try:
            found = tuple(SinkToken(**{name: one[name] for name in SinkToken.__slots__}) for one in saved["found"])
            return cls(**{name: saved[name] for name in ("layer", "sequences", "tokens", "positions")}, found=found)
        except (TypeError, KeyError) as error:
            raise ValueError("they are not attention sinks") from error
