"""The sign quadrants of a gated neuron, its four quantities, and the rankings of its examples."""

from __future__ import annotations

from enum import Enum

from .errors import GluscopeError


class Quadrant(str, Enum):
    """A pair of signs, that of gate first, that of in second. Strict: 0 belongs to no quadrant."""

    PP = "++"
    PN = "+-"
    NP = "-+"
    NN = "--"

    @property
    def letters(self) -> str:
        """The spelling that column names use: pp, pn, np or nn."""
        return self.value.replace("+", "p").replace("-", "n")

    @property
    def gate_sign(self) -> int:
        return 1 if self.value[0] == "+" else -1

    @property
    def in_sign(self) -> int:
        return 1 if self.value[1] == "+" else -1

    @property
    def flipped(self) -> Quadrant:
        """The quadrant this one becomes when w_in and w_out are negated: the sign of in changes."""
        return _FLIPPED[self]

    def __str__(self) -> str:
        return self.value


QUADRANTS = (Quadrant.PP, Quadrant.PN, Quadrant.NP, Quadrant.NN)
_FLIPPED = {
    Quadrant.PP: Quadrant.PN,
    Quadrant.PN: Quadrant.PP,
    Quadrant.NP: Quadrant.NN,
    Quadrant.NN: Quadrant.NP,
}

QUANTITIES = ("gate", "in", "act", "post")
"""gate = x·w_gate; in = x·w_in; act = act_fn(gate); post = act * in. The order of every stored array."""

RANKINGS = ("post", "gate", "in", "act", "random")
"""By magnitude of a quantity (act in the gate-negative quadrants only), or by a seeded hash."""

DEFAULT_RANKINGS = ("post", "gate", "in", "random")
RANDOM_EXAMPLES = 8
"""Examples a quadrant that the random ranking keeps."""


def ranking_quadrants(ranking: str) -> tuple[Quadrant, ...]:
    """The quadrants in which a ranking keeps examples."""
    return (Quadrant.NP, Quadrant.NN) if ranking == "act" else QUADRANTS


def parse_quadrant(text: str) -> Quadrant:
    """Read `+-` or `pn` (any case); GluscopeError otherwise."""
    spelling = text.strip().lower()
    for quadrant in QUADRANTS:
        if spelling in (quadrant.value, quadrant.letters):
            return quadrant
    raise GluscopeError(
        f"unknown quadrant {text!r}", "use ++, +-, -+ or -- (or pp, pn, np, nn): the sign of gate, then that of in"
    )
