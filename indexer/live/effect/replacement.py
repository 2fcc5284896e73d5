"""What takes post's place: `--to zero`, `mean`, `quadrant`, a number, or a multiple of itself."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ...errors import GluscopeError

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE | re.ASCII)

_CHOICES = "write --to zero, mean, quadrant, a number such as 0.5, or a multiple such as x-1 or x3"


@dataclass(frozen=True, slots=True)
class Replacement:
    """One of: a number, a multiple of post, or a mean of the neuron, which is looked up (`mean`, `quadrant`)."""

    name: str
    number: float | None = None
    factor: float | None = None

    @property
    def mean(self) -> bool:
        """Whether it is a mean of the neuron."""
        return self.number is None and self.factor is None


def parse_replacement(text: str) -> Replacement:
    """Read the value of `--to`; GluscopeError for anything else."""
    word = text.strip().lower()
    if word == "zero":
        return Replacement("zero", number=0.0)
    if word in ("mean", "quadrant"):
        return Replacement(word)
    factor, digits = word.startswith("x"), word.removeprefix("x")
    if not _NUMBER.fullmatch(digits):
        raise GluscopeError(f"--to {text[:40]!a}: not a replacement", _CHOICES)
    number = float(digits)
    if not math.isfinite(number) or abs(number) > 1e30:
        raise GluscopeError(f"--to {text[:40]!a}: too large a number", _CHOICES)
    return Replacement(word, factor=number) if factor else Replacement(word, number=number)
