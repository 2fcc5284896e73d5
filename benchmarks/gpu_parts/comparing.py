"""Compares an index with a loop over tokens, and two indexes with each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from indexer.database.records import Example, NeuronRecord, QuadrantRecord, Quantities
from indexer.settings import Settings
from tests.support import naive
from tests.support.naive import Computed

_SHARE = 0.5
"""Share of positions that may change their quadrant, gate or in being within rounding of 0; per unit of rounding."""


def different(
    record: NeuronRecord, computed: Sequence[Computed], number: int, settings: Settings, rounding: float = 0.0
) -> Iterator[str]:
    """Every number, list and window of a neuron that differs from the loop over tokens, in words.

    `number`: the neuron's column in the computed values. `rounding`: by how much examples of experts may differ, whose
    products depend in their last bit on which rows the library groups; near ties may then stand in another order.
    """
    want = naive.statistics(
        computed,
        number,
        rankings=[name for name in settings.rank_by if name != "random"],
        k=settings.top_k,
        count_first=settings.count_first,
        fold=settings.duplicates == "fold",
        random_hash=lambda *place: naive.position_hash(settings.seed, *place),
    )
    yield from _unequal("counted", record.tokens_counted, want.counted)
    yield from _unequal("zero", record.zero, want.zero)
    sequences = {(one.document, one.part): one for one in computed}
    for quadrant, found in record.quadrants.items():
        right = want.quadrants[quadrant.value]
        yield from _unequal(f"{quadrant} count", found.count, right.count)
        for quantity in naive.QUANTITIES:
            yield from _unequal(f"{quadrant} extreme {quantity}", found.extreme[quantity], right.extreme(quantity))
            mean, expected = found.mean[quantity], right.mean(quantity)
            if mean is None or expected is None:
                yield from _unequal(f"{quadrant} mean {quantity}", mean, expected)
            elif abs(mean - expected) > 2e-7 * abs(expected) + 1e-30:
                yield f"{quadrant} mean {quantity}: {mean!r}, not {expected!r}"
        for ranking, examples in found.examples.items():
            listed = [(one.value, one.document, one.part, one.position) for one in examples]
            expected_list = right.lists[ranking]
            if (
                rounding
                and len(listed) == len(expected_list)
                and all(
                    abs(one[0] - other[0]) <= rounding * max(1.0, abs(other[0]))
                    for one, other in zip(listed, expected_list, strict=True)
                )
            ):
                continue
            if listed != expected_list:
                at = next((i for i, (a, b) in enumerate(zip(listed, expected_list, strict=False)) if a != b), -1)
                told = f"{listed[at : at + 2]}, not {expected_list[at : at + 2]}" if at >= 0 else "another length"
                yield f"{quadrant} {ranking}, rank {at} of {len(expected_list)}: {told}"
                continue
            for example in examples:
                yield from _window(example, sequences[example.document, example.part], number, settings)


def _unequal(what: str, found: float | None, expected: float | None) -> Iterator[str]:
    if found != expected:
        yield f"{what}: {found!r}, not {expected!r}"


def _window(example: Example, sequence: Computed, number: int, settings: Settings) -> Iterator[str]:
    start = example.position - example.peak
    counted = set(sequence.counted(settings.count_first))
    for quantity in ("gate", "in", "post"):
        found = example.values(quantity)
        places = range(start, start + len(found))
        exact = {place: sequence.value(quantity, place, number) for place in places if place in counted}
        scale = max(map(abs, exact.values()))
        for place, value in zip(places, found, strict=True):
            right = exact.get(place)
            missing = value is None or right is None
            off = value is not right if missing else abs(value - right) > 0.005 * scale  # type: ignore[operator]
            if off or (place == example.position and value != right):
                yield f"window {example.ranking} rank {example.rank} {quantity} at {place}: {value!r}, not {right!r}"
                return


def far(
    one: Mapping[str, NeuronRecord], other: Mapping[str, NeuronRecord], rounding: float
) -> tuple[list[str], dict[str, float]]:
    """The differences between two indexes beyond rounding, in words, and the largest difference.

    `rounding`: a share of the largest value of the quantity. Positions whose gate or in is that near 0 may change
    their quadrant, and a share of them may be lost where they do. At most that share of an expert's tokens may have
    gone to another one, whose score is nearly as large; the values of such an expert can't be compared.
    """
    words: list[str] = []
    apart = {"count": 0.0, "value": 0.0, "listed": 0.0, "routed": 0.0}
    for address, mine in one.items():
        theirs = other[address]
        if mine.tokens_counted != theirs.tokens_counted:
            routed = abs(mine.tokens_counted - theirs.tokens_counted) / max(1, mine.tokens_counted)
            apart["routed"] = max(apart["routed"], routed)
            if "E" not in address or routed > rounding:
                words.append(f"{address} counted: {theirs.tokens_counted}, not {mine.tokens_counted}")
            continue
        scale = {
            quantity: max((abs(found.extreme[quantity] or 0.0) for found in mine.quadrants.values()), default=0.0)
            for quantity in naive.QUANTITIES
        }
        for quadrant, left in mine.quadrants.items():
            right = theirs.quadrants[quadrant]
            moved = abs(left.count - right.count) / max(1, mine.tokens_counted)
            apart["count"] = max(apart["count"], moved)
            if moved > 2.0 / max(1, mine.tokens_counted) + _SHARE * rounding:
                words.append(f"{address} {quadrant} count: {right.count}, not {left.count}")
            for value, text in _values(left, right, scale):
                apart["value"] = max(apart["value"], value)
                if value > rounding:
                    words.append(f"{address} {quadrant} {text}, {value:.2g} of the largest")
            for value, text in _lists(left, right, scale):
                apart["listed"] = max(apart["listed"], value)
                if value > rounding:
                    words.append(f"{address} {quadrant} {text}, {value:.2g} of the largest")
    return words, {name: float(f"{value:.3g}") for name, value in apart.items()}


def _values(one: QuadrantRecord, other: QuadrantRecord, scale: Mapping[str, float]) -> Iterator[tuple[float, str]]:
    """The difference of sums and extremes, as a share of the largest value of the quantity.

    A position that changed its quadrant adds its values there: up to the largest value to a sum.
    """
    for quantity in naive.QUANTITIES:
        unit = scale[quantity] or 1.0
        a, b = one.mean[quantity] or 0.0, other.mean[quantity] or 0.0
        moved = abs(one.count - other.count) * unit
        off = max(0.0, abs(a * one.count - b * other.count) - moved) / max(1, one.count, other.count)
        yield off / unit, f"mean {quantity}: {b!r}, not {a!r}"
        if one.count == other.count:
            first, second = one.extreme[quantity] or 0.0, other.extreme[quantity] or 0.0
            yield abs(abs(first) - abs(second)) / unit, f"extreme {quantity}: {second!r}, not {first!r}"


def _lists(one: QuadrantRecord, other: QuadrantRecord, scale: Mapping[str, float]) -> Iterator[tuple[float, str]]:
    """The difference between lists by magnitude, rank by rank, for examples that both have."""
    for ranking, examples in one.examples.items():
        theirs = other.examples[ranking]
        if ranking == "random" or not examples or one.count != other.count:
            continue
        mine = {(e.document, e.part): e for e in examples}
        both = [(mine[key], e) for e in theirs if (key := (e.document, e.part)) in mine]
        if len(both) < 0.7 * len(examples):  # equal but for rounding, they may be others
            for a, b in zip(examples, theirs, strict=False):
                off = abs(abs(a.value) - abs(b.value)) / (scale[ranking] or 1.0)
                yield off, f"{ranking} rank {a.rank}: {b.value!r}, not {a.value!r}"
            continue
        for a, b in both:
            off = abs(abs(a.value) - abs(b.value)) / (scale[ranking] or 1.0)
            yield off, f"{ranking} of document {a.document}: {b.value!r}, not {a.value!r}"


def without_last_digits(record: NeuronRecord) -> NeuronRecord:
    """The record with its means rounded to seven digits: their sums may be added in another order."""
    quadrants = {
        name: replace(
            quadrant,
            mean=Quantities(
                *(
                    None if mean is None else float(f"{mean:.6e}")
                    for mean in (quadrant.mean[quantity] for quantity in naive.QUANTITIES)
                )
            ),
        )
        for name, quadrant in record.quadrants.items()
    }
    return replace(record, quadrants=quadrants)
