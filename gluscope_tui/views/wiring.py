"""Which neurons feed a neuron and which it feeds: in words, as lines and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from indexer.database.records import WIRING_LISTS, NeuronRecord, Wire, Wiring

from ..text.cells import flow
from .numbers import exact, float32

HEADS = {
    "fed_gate": "its gate is fed by",
    "fed_in": "its in is fed by",
    "feeds_gate": "it feeds the gate of",
    "feeds_in": "it feeds the in of",
}
"""The lists of wiring, as people read them."""

_DOES = {
    "fed_gate": ("{quadrants} of {neuron}", "open", "opens", "its gate"),
    "fed_in": ("{quadrants} of {neuron}", "raise", "raises", "its in"),
    "feeds_gate": ("its {quadrants}", "open", "opens", "the gate of {neuron}"),
    "feeds_in": ("its {quadrants}", "raise", "raises", "the in of {neuron}"),
}
"""For each list: who, does what (several quadrants, one), to what."""


def drives_in_words(name: str, wire: Wire) -> str:
    """In which quadrants of the writing neuron it pushes the other's gate or in up: `++ and -- of L5N12 (post +) open
    its gate`."""
    who, several, one, what = _DOES[name]
    if not wire.drives:
        return "the sign of post is not known there" if wire.drives is None else "it pushes neither up nor down"
    quadrants = " and ".join(quadrant.value for quadrant in wire.drives)
    subject = who.format(quadrants=quadrants, neuron=wire.neuron)
    sign = "+" if wire.cosine > 0 else "-"
    verb = several if len(wire.drives) > 1 else one
    return f"{subject} (post {sign}) {verb} {what.format(neuron=wire.neuron)}"


def chance(band: float | None, *, ascii_only: bool = False) -> str:
    """The band of chance: `chance ±0.081`; "" without one."""
    return "" if band is None else f"chance {'+-' if ascii_only else '±'}{band:.3f}"


def of_record(record: NeuronRecord, width: int) -> Iterator[str]:
    """The lists of a neuron, in `width` cells, or that they are missing."""
    if record.weights is None or record.weights.wiring is None:
        yield "wiring: not in this index"
    else:
        yield from _lists(record.weights.wiring, width)


def _lists(wiring: Wiring, width: int) -> Iterator[str]:
    """Each list under its head and band, a neuron a line."""
    for name in WIRING_LISTS:
        band = chance(wiring.bands[name])
        if not wiring[name]:
            yield f"{HEADS[name]}: none"
            continue
        yield f"{HEADS[name]}{f'  ({band})' if band else ''}"
        for wire in wiring[name]:
            yield from flow((f"  {wire.neuron!s:<12} {wire.cosine:+.3f}", drives_in_words(name, wire)), width)


def plain(record: NeuronRecord) -> Iterator[str]:
    """A line for each neuron of each list: neuron, list, rank, the other neuron, cosine, quadrants that drive."""
    wiring = None if record.weights is None else record.weights.wiring
    for name in WIRING_LISTS if wiring is not None else ():
        assert wiring is not None
        for rank, wire in enumerate(wiring[name]):
            drives = " ".join(quadrant.value for quadrant in wire.drives or ())
            fields = (record.neuron.name, name, str(rank), wire.neuron.name, exact(wire.cosine), drives)
            yield "\t".join(fields)


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
