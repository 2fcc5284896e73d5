"""The names in GLUScope's published data sets, and what they mean here."""

from __future__ import annotations

from ..quadrants import QUADRANTS, Quadrant, Quantity

KEPT = 16
"""Examples of a list."""

HOOKS = {Quantity.POST: "hook_post", Quantity.IN: "hook_pre_linear", Quantity.GATE: "hook_pre", Quantity.ACT: "swish"}
"""Its name of each quantity, in the order of its columns."""


def case(quadrant: Quadrant) -> str:
    """Its name of a quadrant: `gate+_in-`."""
    return f"gate{quadrant.value[0]}_in{quadrant.value[1]}"


def listed(quadrant: Quadrant) -> tuple[Quantity, ...]:
    """The quantities by which it keeps examples in a quadrant: act only where the gate is negative."""
    ranked = (Quantity.POST, Quantity.IN, Quantity.GATE)
    return (*ranked, Quantity.ACT) if quadrant.gate_sign < 0 else ranked


def column(quadrant: Quadrant, quantity: Quantity, what: str) -> str:
    """`gate+_in-_hook_post_mean`; `what` is mean, max_values or max_indices."""
    return f"{case(quadrant)}_{HOOKS[quantity]}_{what}"


def frequency(quadrant: Quadrant) -> str:
    """`gate+_in-_freq`."""
    return f"{case(quadrant)}_freq"


def columns() -> tuple[str, ...]:
    """The 50 columns."""
    found = ["layer", "neuron"]
    for quadrant in QUADRANTS:
        found.append(frequency(quadrant))
        for quantity in HOOKS:
            if quantity in listed(quadrant):
                found += [column(quadrant, quantity, what) for what in ("max_values", "max_indices")]
            found.append(column(quadrant, quantity, "mean"))
    return tuple(found)
