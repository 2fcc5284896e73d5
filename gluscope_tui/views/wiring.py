"""Which neurons feed a neuron and which it feeds, as JSON."""

from __future__ import annotations

from typing import Any

from indexer.database.records import WIRING_LISTS, Wire, Wiring

from .numbers import float32


def as_json(wiring: Wiring | None) -> dict[str, Any] | None:
    """The JSON that docs/formats.md describes; None if the index has no wiring of the neuron."""
    if wiring is None:
        return None
    return {
        "band": {name: float32(wiring.bands[name]) for name in WIRING_LISTS},
        **{name: [_wire(one) for one in wiring[name]] for name in WIRING_LISTS},
    }


def _wire(wire: Wire) -> dict[str, Any]:
    drives = None if wire.drives is None else [quadrant.value for quadrant in wire.drives]
    return {"neuron": wire.neuron.name, "cos": float32(wire.cosine), "drives": drives}
