"""What a variant changes in the predictions of a batch, position by position and in all."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import torch
from torch import Tensor

from ..head import Head
from .alter import Part
from .intervals import interval
from .predictions import Predictions, blocks, log_probabilities
from .result import Interval


class Reach(IntEnum):
    """The positions whose predictions an alteration can change."""

    HERE = 0  # the altered ones
    LATER = 1  # those after them too
    ALL = 2  # those before them too: an encoder's


MEASURED = ("nll_at", "kl_at", "entropy_at", "top1_changed", "nll_all")
"""The sums of a tally."""

_COUNTS = {"nll_at": "predicting", "nll_all": "following", "kl_at": "altered", "entropy_at": "altered"}
"""What each measure is a mean over."""


@dataclass
class Tally:
    """The sums of one variant, sequence by sequence; a sequence without an altered position has zeros."""

    sequences: list[int] = field(default_factory=list)  # numbers
    altered: list[int] = field(default_factory=list)  # positions
    predicting: list[int] = field(default_factory=list)  # of those, with a next token
    following: list[int] = field(default_factory=list)  # positions >= 1 with a next token, altered or not
    sums: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in MEASURED})
    shift: float = 0.0  # of post
    tokens: Tensor | None = None  # token: summed changes of log-probabilities at altered positions, float32
    marks: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)  # sequence -> altered, change of nll

    def mean(self, name: str) -> Interval | None:
        """One of `sums` as a mean over its positions; None if nothing is altered."""
        counts: list[int] = getattr(self, _COUNTS[name])
        return interval(self.sums[name], counts) if sum(self.altered) else None

    def add(self, number: int, following: int) -> None:
        """A sequence in which nothing is altered."""
        self.sequences.append(number)
        self.altered.append(0)
        self.predicting.append(0)
        self.following.append(following)
        for values in self.sums.values():
            values.append(0.0)


class Measured:
    """The measures of the rows of one altered batch."""

    def __init__(self, head: Head, plain: Predictions, source: Tensor, altered: Tensor, reach: Reach) -> None:
        """`source`: the row of the plain batch that each row repeats; `altered`: row position, bool, real ones only."""
        self._head, self._plain = head, plain
        device = plain.target.device
        length = altered.shape[1]
        self.altered = altered.to(device)
        reached = self._reached(reach)
        self.follows = plain.follows.to(device)[source.to(device)]  # row position
        self._asked = (self.altered | (reached & self.follows)).reshape(-1)
        self._place = (source.to(device)[:, None] * length + torch.arange(length, device=device)).reshape(-1)
        # row position: the change; 0 where nothing changes
        self.nll, self.kl, self.entropy, self.top = (torch.zeros(altered.shape, device=device) for _ in range(4))

    def _reached(self, reach: Reach) -> Tensor:
        """Where a prediction can have changed (# row position, bool)."""
        if reach is Reach.HERE:
            return self.altered
        begun = self.altered.cumsum(1) if reach is Reach.LATER else self.altered.sum(1, keepdim=True)
        return (begun > 0).expand_as(self.altered)

    def run(self, hidden: Tensor, parts: list[Part], tallies: dict[int, Tally]) -> None:
        """Fill the measures from last states (# row position d_model), and the tallies' token changes, by part."""
        flat = hidden.reshape(-1, hidden.shape[-1])
        altered = self.altered.reshape(-1)
        owner = self._owner(parts, hidden.shape[:2])
        sums: Tensor | None = None
        for part in blocks((self._asked & altered).nonzero()[:, 0], len(self._head.rows)):
            change = self._whole(flat, part)  # row token
            if sums is None:
                sums = change.new_zeros(len(parts), change.shape[1])
            sums.index_add_(0, owner[part], change)
        for part in blocks((self._asked & ~altered).nonzero()[:, 0], len(self._head.rows)):
            self._target_only(flat, part)
        if sums is not None:
            for number in range(len(parts)):
                tally = tallies[number]
                tally.tokens = sums[number] if tally.tokens is None else tally.tokens.to(sums.device) + sums[number]

    def _owner(self, parts: list[Part], shape: torch.Size) -> Tensor:
        """The number of the part that each flat place is of."""
        owner = torch.zeros(shape, dtype=torch.int64)
        for number, part in enumerate(parts):
            owner[part.rows] = number
        return owner.reshape(-1).to(self.altered.device)

    def _whole(self, flat: Tensor, part: Tensor) -> Tensor:
        """Everything at some flat places; gives the change of log-probabilities (# row token).

        kl is summed as p (log p - log p') + p' - p, whose terms beyond the first sum to 0 but for rounding: so a shift
        of all log-probabilities by rounding drops out.
        """
        place = self._place[part]
        new = log_probabilities(self._head, flat[part])
        target = self._plain.target[place, None]
        self._put(self.nll, part, -new.gather(1, target)[:, 0] - self._plain.nll[place])
        self._put(self.top, part, (new.argmax(1) != self._plain.top[place]).float())
        after = new.exp()
        self._put(self.entropy, part, -torch.linalg.vecdot(after, new) - self._plain.entropy[place])
        old = self._plain.log_probabilities(place)
        before = old.exp()
        change = old.sub_(new)  # old - new
        kl = torch.linalg.vecdot(before, change) + after.sub_(before).sum(1)
        self._put(self.kl, part, kl.clamp_(min=0))
        return change.neg_()

    def _target_only(self, flat: Tensor, part: Tensor) -> None:
        place = self._place[part]
        new = log_probabilities(self._head, flat[part])
        self._put(self.nll, part, -new.gather(1, self._plain.target[place, None])[:, 0] - self._plain.nll[place])

    def _put(self, where: Tensor, part: Tensor, values: Tensor) -> None:
        where.view(-1)[part] = values

    def rows(self) -> Rows:
        """The measures on the CPU."""
        return Rows(*(each.cpu() for each in (self.altered, self.follows, self.nll, self.kl, self.entropy, self.top)))


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The measures of the rows of a batch, each # row position, on the CPU."""

    altered: Tensor  # bool
    follows: Tensor  # bool: a token follows
    nll: Tensor
    kl: Tensor
    entropy: Tensor
    top: Tensor

    def add_to(self, tally: Tally, row: int, number: int, counted: Tensor, *, marked: bool) -> None:
        """Add the sums of a row, which is of the sequence of a number; `counted`: position, bool."""
        altered, follows = self.altered[row], self.follows[row]
        tally.sequences.append(number)
        tally.altered.append(int(altered.sum()))
        tally.predicting.append(int((altered & follows).sum()))
        tally.following.append(int((counted & follows).sum()))
        for name, values, where in (
            ("nll_at", self.nll, altered & follows),
            ("nll_all", self.nll, counted & follows),
            ("kl_at", self.kl, altered),
            ("entropy_at", self.entropy, altered),
            ("top1_changed", self.top, altered),
        ):
            tally.sums[name].append(float(values[row][where].double().sum()))
        if marked:
            tally.marks[number] = altered, torch.where(follows, self.nll[row], torch.nan)
