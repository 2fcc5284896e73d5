"""An index compared with the reference, number by number."""

from __future__ import annotations

import sqlite3
import struct
from pathlib import Path

import numpy as np
import pytest

from indexer.addresses import NeuronAddress, SiteAddress
from indexer.database.reader import Index
from indexer.database.records import Example, NeuronRecord
from indexer.settings import Settings

from . import naive
from .reference import Reference


def stored_dot(db: Path, layer: int, number: int) -> float:
    with sqlite3.connect(db) as connection:
        query = 'SELECT dot_gate_in FROM neuron_raw WHERE layer = ? AND "index" = ?'
        (dot,) = connection.execute(query, (layer, number)).fetchone()
    return float(dot)


def compare(
    record: NeuronRecord, computed: list[naive.Computed], number: int, settings: Settings, rounding: float = 0.0
) -> None:
    """Every number and every list of a neuron, exactly, and its windows as closely as the contract promises.

    `number` is the neuron's column in what was computed; `rounding`: how far the values computed may be from those of
    the model, in a share of the largest.
    """
    rankings = [name for name in settings.rank_by if name != "random"]
    expected = naive.statistics(
        computed,
        number,
        rankings=rankings,
        k=settings.top_k,
        count_first=settings.count_first,
        fold=settings.duplicates == "fold",
        random_hash=(lambda *place: naive.position_hash(settings.seed, *place))
        if "random" in settings.rank_by
        else None,
    )
    assert record.tokens_counted == expected.counted
    assert record.zero == expected.zero
    sequences = {(one.document, one.part): one for one in computed}
    for quadrant, found in record.quadrants.items():
        want = expected.quadrants[quadrant.value]
        assert found.count == want.count
        assert found.frequency == (want.count / expected.counted if expected.counted else None)
        for quantity in naive.QUANTITIES:
            assert same_float(found.extreme[quantity], want.extreme(quantity), rounding), (quadrant, quantity)
            mean = want.mean(quantity)
            if mean is None:
                assert found.mean[quantity] is None
            else:
                assert found.mean[quantity] == pytest.approx(mean, rel=2**-23 + 4 * rounding, abs=1e-30 + rounding)
        assert set(found.examples) == set(want.lists)
        for ranking, examples in found.examples.items():
            wanted = want.lists[ranking]
            if rounding and ranking != "random":  # which is first of two that are nearly equal is for rounding to say
                assert len(set(places(examples))) == len(examples) == len(wanted), (quadrant, ranking)
                for (document, part, position), (value, *_) in zip(places(examples), wanted, strict=True):
                    own = sequences[document, part].value(ranking, position, number)
                    assert same_float(own, value, rounding), (quadrant, ranking)
                    for quantity, sign in zip(("gate", "in"), naive.SIGNS[quadrant.value], strict=True):
                        assert sequences[document, part].value(quantity, position, number) * sign > -rounding
            else:
                assert places(examples) == [place[1:] for place in wanted], (quadrant, ranking)
            for rank, example in enumerate(examples):
                assert example.rank == rank
                assert same_float(example.value, want.lists[ranking][rank][0], rounding)
                compare_window(example, sequences[example.document, example.part], number, settings, rounding)


def places(examples: tuple[Example, ...]) -> list[tuple[int, int, int]]:
    return [(example.document, example.part, example.position) for example in examples]


def compare_window(
    example: Example, sequence: naive.Computed, neuron: int, settings: Settings, rounding: float = 0.0
) -> None:
    before, after = settings.window
    start = max(0, example.position - before)
    stop = min(len(sequence.ids), example.position + after + 1)
    assert example.peak == example.position - start
    assert example.source.endswith(f"texts.jsonl:{example.document + 1}")
    counted = [position for position in sequence.counted(settings.count_first) if start <= position < stop]
    scale: dict[str, float] = {}
    for quantity in naive.QUANTITIES:
        values = example.values(quantity)
        assert len(values) == stop - start == len(example.tokens)
        exact = {position: sequence.value(quantity, position, neuron) for position in counted}
        scale[quantity] = max(map(abs, exact.values()))
        for position, value in enumerate(values, start):
            if position not in exact:
                assert value is None
                continue
            assert value is not None
            if position == example.position:
                assert same_float(value, exact[position], rounding)
            elif quantity != "act":
                assert abs(value - exact[position]) <= 0.005 * scale[quantity]
                assert np.sign(value) == np.sign(exact[position])
            else:  # computed from a gate that is 0.5 % of its scale off, by a function that is nowhere steeper than 1.2
                assert abs(value - exact[position]) <= 0.005 * 1.2 * scale["gate"] + 0.005 * scale["act"]


def same_float(found: float | None, expected: float | None, rounding: float = 0.0) -> bool:
    """Equal to the bit, except for the sign of zero, which is never printed; with `rounding` nearly equal."""
    if found is None or expected is None:
        return found is expected
    if rounding:
        return abs(found - expected) <= rounding * max(1.0, abs(expected))
    return struct.pack("<d", found) == struct.pack("<d", expected + 0.0)


def compare_sample(db: Path, index: Index, reference: Reference, settings: Settings, layers: list[int]) -> None:
    """The sample is what the seeded hash draws from the counted positions, with the values there."""
    first = 0 if settings.count_first else 1
    drawn = sorted(
        (naive.position_hash(settings.seed, one.document, one.part, position), one.document, one.part, position)
        for one in reference.cuts
        for position in range(first, len(one.ids))
    )[: settings.sample]
    with sqlite3.connect(db) as connection:
        stored = connection.execute(
            "SELECT s.document, s.part, p.position FROM sample_positions AS p JOIN sequences AS s ON s.id = p.sequence "
            "ORDER BY p.sample, p.rank"
        ).fetchall()
    assert stored == [place[1:] for place in drawn]
    for layer in layers:
        sequences = {(one.document, one.part): one for one in reference.layer(layer)}
        for neuron in (0, 7):
            sample = index.sample(NeuronAddress(SiteAddress("", layer), neuron), signs="raw")
            for quantity, values in (("gate", sample.gate), ("in", sample.in_)):
                exact = [sequences[d, p].value(quantity, position, neuron) for _, d, p, position in drawn]
                np.testing.assert_allclose(values, exact, rtol=2**-11, atol=16 * 2**-25)
