"""The files of a neuron's page in GLUScope's form."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from ..addresses import NeuronAddress
from ..database.records import Example, NeuronRecord
from ..quadrants import QUADRANTS, Quadrant, Quantity
from .gluscope_columns import HOOKS, case, listed

_AFTER = 2  # tokens after the peak
_SHOWN = (Quantity.POST, Quantity.IN, Quantity.GATE, Quantity.ACT)


def page_files(record: NeuronRecord) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file: `L3/N5/gate+_in-_hook_post_example_0.json`, and `vis.html`."""
    place = f"L{record.neuron.site.layer}/N{record.neuron.index}"
    for name, quadrant in record.quadrants.items():
        for quantity in listed(name):
            for number, example in enumerate(quadrant.examples.get(quantity.value, ())):
                file = f"{place}/{case(name)}_{HOOKS[quantity]}_example_{number}.json"
                yield file, json.dumps(example_object(example, name, quantity), allow_nan=False).encode()
    yield f"{place}/vis.html", statistics(record).encode()


def example_object(example: Example, quadrant: Quadrant, quantity: Quantity) -> dict[str, Any]:
    """Tokens from the window's start to two after the peak, and a row of values for each.

    A value that the index lacks, at positions that were not counted, is 0.
    """
    stop = example.peak + 1 + _AFTER
    hooks = [HOOKS[one] for one in _SHOWN]
    own = [f"{case(quadrant)}_{HOOKS[quantity]}"]
    if quantity is Quantity.GATE and quadrant.gate_sign > 0:
        own.append(f"{case(quadrant)}_swish")
    rows = []
    for token in range(len(example.tokens[:stop])):
        values = {one: example.values(one.value)[token] or 0.0 for one in _SHOWN}
        inside = values[Quantity.GATE] * quadrant.gate_sign > 0 and values[Quantity.IN] * quadrant.in_sign > 0
        firsts = [values[quantity], values[Quantity.ACT]][: len(own)]
        rows.append([value if inside else 0.0 for value in firsts] + [values[one] for one in _SHOWN])
    return {"tokens": list(example.tokens[:stop]), "values": rows, "labels": [*own, *hooks]}


def statistics(record: NeuronRecord) -> str:
    """The text of `vis.html`: frequencies of the four cases, then maximum, minimum and mean of each quantity."""
    parts = []
    for name in QUADRANTS:
        parts.append(f"Frequency: <b>{100 * (record.quadrants[name].frequency or 0.0):.2f}%</b>.")
    for name in QUADRANTS:
        found = record.quadrants[name]
        for quantity in _SHOWN:
            extreme, mean = found.extreme[quantity] or 0.0, found.mean[quantity] or 0.0
            parts.append(
                f"<b>{HOOKS[quantity]}</b>:<br> Max: <b>{max(extreme, 0.0):.2f}</b>;<br> "
                f"Min: <b>{min(extreme, 0.0):.2f}</b>;<br> Avg: <b>{mean:.2f}</b>."
            )
    return '<!doctype html>\n<meta charset="utf-8">\n' + "\n".join(f"<p>{part}</p>" for part in parts) + "\n"


def pages_list(model: str, neurons: Iterable[NeuronAddress]) -> bytes:
    """`pages.json`: the pages of a model by layer."""
    layers: dict[int, list[dict[str, str]]] = {}
    for neuron in neurons:
        layer = neuron.site.layer
        url = f"L{layer}/N{neuron.index}/vis.html"
        layers.setdefault(layer, []).append({"title": f"N{neuron.index}", "url": url})
    children = [{"title": f"L{layer}", "children": layers[layer]} for layer in sorted(layers)]
    return json.dumps([{"title": model, "children": children}]).encode()
