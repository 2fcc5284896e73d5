"""Sorts a current list by a column. Runs in the reader."""

from __future__ import annotations

from indexer.database.reader import Index

from ..session.current_list import CurrentList, NumberedNeurons, SiteNeurons, site_list
from ..session.numbering import Numbering
from ..tables.query import Query


def sorted_list(index: Index, current: CurrentList, query: Query) -> CurrentList:
    """The same rows in the query's order, still at the list's current row. `query.where` is ignored.

    Neurons without a value in the column come last. An empty `sort` means the order of the index.
    """
    numbering = Numbering(index.sites)
    neurons = current.neurons
    if not query.sort and isinstance(neurons, SiteNeurons):
        return site_list(neurons.site, current.neuron.index)
    where = f"site = '{neurons.site.address}'" if isinstance(neurons, SiteNeurons) else None
    order = index.table.order(where, query.key or None, descending=query.descending, signs=query.signs)
    if current.sights:
        place_of = {number: place for place, number in enumerate(order)}
        rows = sorted(range(len(current)), key=lambda row: place_of[numbering.number(neurons[row])])
        in_order = tuple(neurons[row] for row in rows), rows.index(current.place), query.order
        return CurrentList(current.title, *in_order, tuple(current.sights[row] for row in rows))
    if where is None:
        held = set(neurons.numbers if isinstance(neurons, NumberedNeurons) else map(numbering.number, neurons))
        order = type(order)(order.typecode, [number for number in order if number in held])
    here = order.index(numbering.number(current.neuron))
    return CurrentList(current.title, NumberedNeurons(order, numbering), here, query.order)
