"""Promises of the uniform sample: all four quantities, quantiles by quadrant, places of values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import indexer
from indexer.database.read.sampled import LEAST, PROBABILITIES, SAME, Magnitudes, quantiles, split
from indexer.database.reader import Index
from indexer.database.records import Sample
from indexer.quadrants import QUADRANTS, QUANTITIES, Quadrant

from ..support.index_fixture import DEAD, Truth, make_index

NUMBERS = st.lists(st.tuples(*[st.integers(-300, 300).map(lambda n: n / 16)] * 2), max_size=80)


@pytest.fixture(scope="module", params=["silu", "gelu_tanh", "relu", "made_up"])
def truth(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Truth:
    path: Path = tmp_path_factory.mktemp("sampled") / "tiny.db"
    return make_index(path, sample=400, layers=1, activation=request.param)


@pytest.fixture(scope="module")
def index(truth: Truth) -> Iterator[Index]:
    with indexer.open(truth.path) as opened:
        yield opened


def exact(truth: Truth, index: Index, neuron: int, signs: str) -> npt.NDArray[np.float64]:
    """quantity rank: what the simulated model had at the drawn positions."""
    values: npt.NDArray[np.float64] = np.array(
        [truth.values["L0"][s][:, p, neuron] for s, p in truth.sample], np.float64
    ).T
    if signs == "aligned" and index.neuron(f"L0N{neuron}").flipped:
        values[[1, 3]] *= -1
    return values


def made(pairs: list[tuple[float, float]]) -> Sample:
    """A sample with act = gate / 2."""
    gate, in_ = tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)
    act = tuple(value / 2 for value in gate)
    return Sample(gate, in_, act, tuple(a * b for a, b in zip(act, in_, strict=True)))


def lies(gate: float, in_: float) -> Quadrant | None:
    if gate == 0 or in_ == 0:
        return None
    return Quadrant(("+" if gate > 0 else "-") + ("+" if in_ > 0 else "-"))


@pytest.mark.slow
@pytest.mark.parametrize("signs", ["aligned", "raw"])
def test_a_sample_holds_the_four_quantities_at_the_drawn_positions(truth: Truth, index: Index, signs: str) -> None:
    for neuron in range(24):
        sample = index.sample(f"L0N{neuron}", signs=signs)
        assert len(sample) == 400
        for quantity, values in zip(QUANTITIES, exact(truth, index, neuron, signs), strict=True):
            # act of a gate far below 0 changes faster than gate does
            assert sample[quantity] == pytest.approx(values, rel=0.02, abs=2e-3), quantity
        assert not any(str(value) == "-0.0" for quantity in QUANTITIES for value in sample[quantity])


@pytest.mark.parametrize("signs", ["aligned", "raw"])
def test_a_neuron_brings_its_sample_only_on_request(index: Index, signs: str) -> None:
    assert index.neuron("L0N5", signs=signs).sample is None
    assert index.neuron("L0N5", signs=signs, sample=True).sample == index.sample("L0N5", signs=signs)


@pytest.mark.slow
@pytest.mark.parametrize("signs", ["aligned", "raw"])
def test_quantiles_are_numpys_over_the_sampled_positions_of_the_quadrant(
    truth: Truth, index: Index, signs: str
) -> None:
    told = 0
    for neuron in range(24):
        values = exact(truth, index, neuron, signs)
        found = quantiles(index.sample(f"L0N{neuron}", signs=signs))
        for quadrant in QUADRANTS:
            inside = (np.sign(values[0]) == quadrant.gate_sign) & (np.sign(values[1]) == quadrant.in_sign)
            assert found[quadrant].n == inside.sum()
            if inside.sum() < 20:
                assert found[quadrant].values is None
                continue
            numbers = found[quadrant].values
            assert numbers is not None
            told += 1
            for place, quantity in enumerate(QUANTITIES):
                expected = np.quantile(values[place, inside], [0.05, 0.25, 0.5, 0.75, 0.95])
                assert numbers[quantity] == pytest.approx(expected, rel=0.02, abs=2e-3)
    assert told > 24


def test_a_neuron_that_is_always_0_has_no_position_in_any_quadrant(index: Index) -> None:
    assert {q.n for q in quantiles(index.sample(f"L0N{DEAD}")).values()} == {0}


@given(NUMBERS)
def test_the_quadrants_share_out_the_sample_except_for_zeros(pairs: list[tuple[float, float]]) -> None:
    sample = made(pairs)
    parts = split(sample)
    for quadrant, part in parts.items():
        expected = [pair for pair in pairs if lies(*pair) is quadrant]
        assert list(zip(part.gate, part.in_, strict=True)) == expected
        assert part.post == tuple(gate / 2 * in_ for gate, in_ in expected)


@pytest.mark.slow
@given(NUMBERS)
def test_quantiles_are_numpys(pairs: list[tuple[float, float]]) -> None:
    for quadrant, found in quantiles(made(pairs)).items():
        gates = [gate for gate, in_ in pairs if lies(gate, in_) is quadrant]
        assert found.n == len(gates)
        assert (found.values is None) == (len(gates) < LEAST)
        if found.values is not None:
            np.testing.assert_allclose(found.values["gate"], np.quantile(gates, PROBABILITIES), rtol=1e-12)


@given(NUMBERS, st.integers(-400, 400).map(lambda n: n / 16), st.sampled_from(QUADRANTS))
def test_the_place_of_a_value_is_its_midrank_among_the_magnitudes(
    pairs: list[tuple[float, float]], value: float, quadrant: Quadrant
) -> None:
    # sixteenths up to 25 are further apart than what counts as equal
    assert SAME < 1 / 16 / 25
    place = Magnitudes(made(pairs)).place(quadrant, "gate", value)
    every = [abs(gate) for gate, _ in pairs]
    inside = [abs(gate) for gate, in_ in pairs if lies(gate, in_) is quadrant]
    if len(every) >= LEAST and all(abs(value) > other for other in every):
        assert place is not None
        assert (place.beyond, place.n, place.percent) == (True, len(every), 100)
    elif len(inside) < LEAST:
        assert place is None
    else:
        assert place is not None
        below, equal = sum(other < abs(value) for other in inside), sum(other == abs(value) for other in inside)
        assert place.n == len(inside)
        assert place.beyond == (below == len(inside))
        assert place.percent == pytest.approx(100 * (below + equal / 2) / len(inside))


def test_a_value_that_only_rounding_lifts_above_the_sample_is_not_beyond_it() -> None:
    sample = made([(float(number), 1.0) for number in range(1, 101)])
    place = Magnitudes(sample).place(Quadrant.PP, "gate", 100.04)
    assert place is not None
    assert (place.beyond, place.percent) == (False, 99.5)
    beyond = Magnitudes(sample).place(Quadrant.PP, "gate", 101.0)
    assert beyond is not None
    assert (beyond.beyond, beyond.n) == (True, 100)
