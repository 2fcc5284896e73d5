"""A variant of a run: which neurons' posts are altered, where, and to what. Raw signs: the model's own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from ...quadrants import QUADRANTS, Quadrant
from ...sites import Site


@dataclass(frozen=True, slots=True, eq=False)
class Edit:
    """One neuron's alteration: in these quadrants post becomes a value of the quadrant, or a multiple of itself."""

    site: Site
    index: int
    quadrants: frozenset[Quadrant]  # raw
    values: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)  # in the order of QUADRANTS
    factor: float | None = None  # instead of the values


@dataclass(frozen=True, eq=False)
class Variant:
    """One neuron, or a set of neurons, altered together, and the sequences in which it is measured."""

    edits: tuple[Edit, ...]
    wanted: frozenset[int] | None = None  # numbers of sequences; None: all
    marked: bool = False  # keep each position's change
    name: str = ""  # what tells it from the other variants of a run

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """The sites of its neurons, each once."""
        return tuple(dict.fromkeys(edit.site for edit in self.edits))

    @cached_property
    def blocks(self) -> dict[Site, Block]:
        """Its edits by site, as tensors."""
        return {site: Block.of([edit for edit in self.edits if edit.site is site]) for site in self.sites}

    def wants(self, number: int) -> bool:
        """Whether it is measured in the sequence of a number."""
        return self.wanted is None or number in self.wanted

    def without(self, measured: Iterable[int], all_numbers: Iterable[int]) -> Variant:
        """The same, not wanted where it is measured; `all_numbers`: of the sequences that there are."""
        if not (done := frozenset(measured)):
            return self
        return replace(self, wanted=(frozenset(all_numbers) if self.wanted is None else self.wanted) - done)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The edits of one site."""

    columns: Tensor  # edit: the neuron's index
    inside: Tensor  # edit quadrant, bool
    values: Tensor  # edit quadrant
    factors: Tensor  # edit; NaN: the values count

    @classmethod
    def of(cls, edits: Iterable[Edit]) -> Block:
        chosen = list(edits)
        return cls(
            torch.tensor([edit.index for edit in chosen]),
            torch.tensor([[quadrant in edit.quadrants for quadrant in QUADRANTS] for edit in chosen]),
            torch.tensor([edit.values for edit in chosen], dtype=torch.float64),
            torch.tensor(
                [float("nan") if edit.factor is None else edit.factor for edit in chosen], dtype=torch.float64
            ),
        )

    def to(self, like: Tensor) -> Block:
        """On a tensor's device, values and factors in its dtype."""
        return Block(
            self.columns.to(like.device),
            self.inside.to(like.device),
            self.values.to(like.device, like.dtype),
            self.factors.to(like.device, like.dtype),
        )

    def members(self, gate: Tensor, in_: Tensor) -> tuple[Tensor, Tensor]:
        """Which of these values (each # ... edit) lie in the edit's quadrants, and each one's place in QUADRANTS.

        A gate or in of exactly 0 lies in no quadrant.
        """
        place = 2 * (gate < 0).long() + (in_ < 0).long()  # ... edit
        edit = torch.arange(len(self.columns), device=gate.device)
        return self.inside[edit, place] & (gate != 0) & (in_ != 0), place

    def new(self, place: Tensor, post: Tensor) -> Tensor:
        """What takes post's place (# ... edit) in the quadrant of that place."""
        edit = torch.arange(len(self.columns), device=post.device)
        return torch.where(self.factors.isnan(), self.values[edit, place], self.factors * post)
