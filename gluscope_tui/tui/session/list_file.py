"""The user's own list: lines that begin with a neuron, typed by hand or printed by `gluscope search`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from indexer.addresses import NeuronAddress, parse_neuron
from indexer.database.records import SiteRecord
from indexer.errors import GluscopeError
from indexer.quadrants import QUADRANTS

from .current_list import CurrentList, Sight
from .goto import checked


def read_list(
    title: str, lines: Sequence[str], sites: Sequence[SiteRecord], rankings: Sequence[str] = ()
) -> tuple[CurrentList | None, list[str]]:
    """The neurons at the start of each line as a list, and the lines without one. Skips blank lines and # comments.

    A line may be plain output of `gluscope search` or `show`: neuron, quadrant, ranking, rank, with aligned signs. Its
    row then stands for that context. Duplicates are dropped. The list is None if no line names a neuron.
    """
    rows: dict[tuple[NeuronAddress, Sight | None], None] = {}
    refused = []
    for line in lines:
        fields = line.split(maxsplit=1)
        if not fields or fields[0].startswith("#"):
            continue
        try:
            rows[checked(parse_neuron(fields[0]), sites), _sight(line, rankings)] = None
        except GluscopeError:
            refused.append(fields[0][:40])
    if not rows:
        return None, refused
    sights = tuple(sight for _, sight in rows)
    neurons = tuple(neuron for neuron, _ in rows)
    return CurrentList(title, neurons, sights=sights if any(sights) else ()), refused


def _sight(line: str, rankings: Sequence[str]) -> Sight | None:
    """The context that a line names after its neuron, if any."""
    quadrants = {quadrant.value: quadrant for quadrant in QUADRANTS}
    _, quadrant, ranking, rank, *_ = *line.split("\t", 4), "", "", ""
    known = quadrant in quadrants and ranking in rankings and re.fullmatch(r"\d{1,6}", rank, re.ASCII)
    return Sight(quadrants[quadrant], ranking, int(rank)) if known else None
