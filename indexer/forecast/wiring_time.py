"""How long it takes to find which neurons feed which, measured on a small part of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from itertools import islice

from ..weights.gathered import Gathered
from ..weights.nearest import wanted_candidates
from ..weights.neighbours import MOST_COMPARED, tables
from ..weights.readers import Reader, decided
from ..weights.vectors import SiteVectors
from ..weights.wiring import READ, WIRES, Stack, stacks

_WARM, _BLOCKS = 2, 2  # blocks of neurons that don't count, and that do


def wiring_seconds(every: Sequence[SiteVectors], names: Iterable[str]) -> float:
    """Seconds to find the wiring of the sites of these names among `every` site, all of them comparable.

    Some neurons of the last layer are compared with as many others as fit into a table. The rest is assumed to take as
    long for each pair that is compared.
    """
    found = stacks(every, names)
    if sum(one.site.width for one in every) > MOST_COMPARED or not any(stack.pairs for stack in found):
        return 0.0
    begun = time.monotonic()
    by_pair, by_row = _comparing(max(found, key=lambda stack: stack.pairs))
    rows = sum(one.site.width for stack in found for one in stack.sites if one.site.address.name in stack.names)
    pairs = sum(stack.pairs for stack in found)
    return time.monotonic() - begun + len(READ) * (pairs * by_pair + rows * by_row)


def _comparing(stack: Stack) -> tuple[float, float]:
    """Seconds for each pair of neurons, and for the choice among the candidates of each."""
    last = stack.sites[-1]
    numbers, table = next(tables(stack.sites, _numbers(stack), "out"))
    reader = Reader(last, 0, 0)
    gathered = Gathered(len(numbers), wanted_candidates(WIRES), numbers.device)
    blocks = reader.queries(READ[0], table.block, numbers.device)
    pairs, seconds = 0, 0.0
    for number, (part, queries) in enumerate(islice(blocks, _WARM + _BLOCKS)):
        begun = time.monotonic()
        magnitudes = table.magnitudes(queries)
        table.largest(queries, magnitudes, min(WIRES, len(numbers))).rows.cpu()
        gathered.take(magnitudes[:, : len(numbers)], reader.numbers(part, numbers.device))
        gathered.numbers[-1].cpu()
        if number <= _WARM:  # these are slow, and count only if there is no other
            pairs, seconds = 0, 0.0
        pairs += len(queries) * len(numbers)
        seconds += time.monotonic() - begun
    begun = time.monotonic()
    decided(gathered, table, [(reader, len(numbers))], READ[0], WIRES).rows.cpu()
    return seconds / pairs, (time.monotonic() - begun) / len(numbers)


def _numbers(stack: Stack) -> dict[str, int]:
    """A number for each site's index 0."""
    found, first = {}, 0
    for one in stack.sites:
        found[one.site.address.name] = first
        first += one.site.width
    return found
