"""The sign quadrants of a gated neuron, and its four quantities."""

from __future__ import annotations

from enum import Enum

from .errors import GluscopeError


class Quadrant(str, Enum):
    """A pair of signs: gate first, in second. Strict: 0 belongs to no quadrant."""

    PP = "++"
    PN = "+-"
    NP = "-+"
    NN = "--"

    @property
    def letters(self) -> str:
        """The spelling that column names use: pp, pn, np or nn."""
        return self.value.replace("+", "p").replace("-", "n")

    @property
    def place(self) -> int:
        """Its place in QUADRANTS."""
        return QUADRANTS.index(self)

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


class Quantity(str, Enum):
    """What a gated neuron computes at a token: gate = x·w_gate; in = x·w_in; act = act_fn(gate); post = act * in.

    Every stored array and column has their order. To add one: see CONTRIBUTING.md.
    """

    GATE = "gate"
    IN = "in"
    ACT = "act"
    POST = "post"

    @property
    def place(self) -> int:
        """Its place in QUANTITIES."""
        return QUANTITIES.index(self)

    @property
    def negated_by_flip(self) -> bool:
        """Whether its sign changes when w_in and w_out are negated."""
        return changes_sign(*_VECTORS[self])

    def sign_in(self, quadrant: Quadrant) -> int:
        """Its sign inside a quadrant, where the activation keeps the sign of its input."""
        gate = 1 if self is Quantity.IN else quadrant.gate_sign
        return gate * (quadrant.in_sign if self in (Quantity.IN, Quantity.POST) else 1)

    def __str__(self) -> str:
        return self.value


QUANTITIES = (Quantity.GATE, Quantity.IN, Quantity.ACT, Quantity.POST)

_NEGATED_VECTORS = frozenset({"in", "out"})
_VECTORS = {
    Quantity.GATE: ("gate",),
    Quantity.IN: ("in",),
    Quantity.ACT: ("gate",),  # of act_fn(gate)
    Quantity.POST: ("gate", "in"),
}
"""The vectors that make a quantity of x."""


def changes_sign(*vectors: str) -> bool:
    """Whether a product of these vectors (`gate`, `in`, `out`) changes its sign with a flip.

    The alignment rule: in a flipped neuron w_in and w_out count as negated. Every effect of a flip follows from this:
    on quantities, and through them on the view neuron_aligned, records and samples; on cosines, and on lists of tokens.
    """
    return sum(vector in _NEGATED_VECTORS for vector in vectors) % 2 == 1


LANES = (Quantity.GATE, Quantity.IN, Quantity.POST, Quantity.ACT)
"""The quantities that a window keeps, in the order of its lanes: act only where it can't be computed from gate."""


def parse_quadrant(text: str) -> Quadrant:
    """Read `+-` or `pn` (any case); GluscopeError otherwise."""
    spelling = text.strip().lower()
    for quadrant in QUADRANTS:
        if spelling in (quadrant.value, quadrant.letters):
            return quadrant
    raise GluscopeError(
        f"unknown quadrant {text!r}", "use ++, +-, -+ or -- (or pp, pn, np, nn): the sign of gate, then the sign of in"
    )
