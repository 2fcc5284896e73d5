"""Wiring in an index: packed and unpacked, under either signs, with the quadrants that drive."""

from __future__ import annotations

import sqlite3
import zlib
from pathlib import Path

import numpy as np
import pytest

import indexer
from indexer.database.bulk.arrays import WiringArrays
from indexer.database.bulk.wiring_packing import pack_wiring, unpack_site
from indexer.database.format.activations import ACTIVATIONS, sign_preserving
from indexer.database.read.inflate import DamagedValue
from indexer.database.read.wiring import post_sign, unpack_wiring
from indexer.database.reader import Index
from indexer.database.records import WIRING_LISTS, Wiring
from indexer.quadrants import QUADRANTS, Quadrant, Quantity
from tests.support.index_fixture import make_index
from tests.support.weights_fixture import packed_wiring, with_weights

WIRES = 3


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_index(tmp_path_factory.mktemp("index") / "a.db", layers=3, width=8, documents=6, length=24).path


@pytest.fixture(scope="module")
def wired(bare: Path) -> Path:
    return with_weights(bare, bare.with_name("wired.db"), wires=WIRES)


def test_what_is_packed_is_unpacked() -> None:
    random = np.random.default_rng(0)
    neurons = random.integers(0, 2**31, (4, 5, 6))
    cosines = random.uniform(-1, 1, (4, 5, 6)).astype(np.float32)
    neurons[0] = -1
    neurons[2, 3, 4:] = -1
    cosines[neurons < 0] = np.nan
    found, values = unpack_site(list(pack_wiring(WiringArrays(neurons, cosines, (None, 0.1, 0.2, None)))))
    np.testing.assert_array_equal(found, neurons)
    np.testing.assert_allclose(values, cosines, atol=0.5 / 32767 + 1e-7)


def test_lists_are_packed_as_the_schema_says() -> None:
    lists = [[(7, 0.5)], [], [(2**32 - 2, -1.0), (9, 0.25)], [(0, 0.125), (1, -0.125)]]
    for one, wanted in zip(unpack_wiring(packed_wiring(lists, 2)), lists, strict=True):
        assert [2 * number + flipped for number, flipped, _ in one] == [number for number, _ in wanted]
        assert [cosine for *_, cosine in one] == pytest.approx([cosine for _, cosine in wanted], abs=1e-4)


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x02\x00", b"\x01\x01" + bytes(23), b"\x01\x01" + bytes(25)])
def test_other_bytes_are_not_wiring(data: bytes) -> None:
    with pytest.raises(DamagedValue):
        unpack_wiring(zlib.compress(data))
    assert unpack_wiring(zlib.compress(b"\x01\x00")) == ((), (), (), ())


def _wiring(index: Index, neuron: str, signs: str) -> Wiring:
    weights = index.weights(neuron, signs=signs)
    assert weights is not None
    assert weights.wiring is not None
    return weights.wiring


@pytest.mark.slow
def test_each_cosine_follows_the_flips_of_both_ends(wired: Path) -> None:
    seen = set()
    with indexer.open(wired) as index:
        flips = {f"L{layer}N{n}": bool(index.neuron(f"L{layer}N{n}").flipped) for layer in range(3) for n in range(8)}
        for name, flipped in flips.items():
            raw, aligned = (_wiring(index, name, signs) for signs in ("raw", "aligned"))
            for key in WIRING_LISTS:
                assert len(raw[key]) == (WIRES if (name[1] > "0" if key.startswith("fed") else name[1] < "2") else 0)
                for one, other in zip(raw[key], aligned[key], strict=True):
                    assert one.neuron == other.neuron
                    theirs = flips[str(one.neuron)]
                    writer, reader = (theirs, flipped) if key.startswith("fed") else (flipped, theirs)
                    sign = (-1 if writer else 1) * (-1 if reader and key.endswith("in") else 1)
                    assert other.cosine == sign * one.cosine
                    seen.add((key, writer, reader))
    assert len(seen) == 16


def test_a_neuron_drives_where_its_output_lies_along_what_is_read(wired: Path) -> None:
    with indexer.open(wired) as index:
        for key in WIRING_LISTS:
            for wire in _wiring(index, "L1N3", "aligned")[key]:
                positive = (Quadrant.PP, Quadrant.NN)  # of post: gate and in have one sign
                negative = (Quadrant.PN, Quadrant.NP)
                assert wire.drives == (positive if wire.cosine > 0 else negative)
        assert _wiring(index, "L1N3", "raw").bands == {
            "fed_gate": 0.0625,
            "fed_in": 0.125,
            "feeds_gate": 0.25,
            "feeds_in": None,
        }


def test_the_activation_of_the_writer_decides_where_it_drives(wired: Path, tmp_path: Path) -> None:
    copy = tmp_path / "relu.db"
    copy.write_bytes(wired.read_bytes())
    with sqlite3.connect(copy) as sqlite:
        sqlite.execute("UPDATE sites SET activation = CASE layer WHEN 0 THEN 'relu' WHEN 1 THEN 'sigmoid' ELSE '?' END")
    sqlite.close()
    with indexer.open(copy) as index:
        for wire in _wiring(index, "L1N3", "raw").fed_gate:  # of layer 0: post is 0 where gate is negative
            assert wire.drives == ((Quadrant.PP,) if wire.cosine > 0 else (Quadrant.PN,))
        for wire in _wiring(index, "L1N3", "raw").feeds_in:  # its own: act is positive everywhere
            assert wire.drives == ((Quadrant.PP, Quadrant.NP) if wire.cosine > 0 else (Quadrant.PN, Quadrant.NN))
    with sqlite3.connect(copy) as sqlite:
        sqlite.execute("UPDATE sites SET activation = 'unheard_of'")
    sqlite.close()
    with indexer.open(copy) as index:
        assert {wire.drives for wire in _wiring(index, "L1N3", "raw").fed_gate} == {None}


def test_signs_of_post_are_those_of_quantities_where_the_activation_keeps_signs() -> None:
    for name in filter(sign_preserving, ACTIVATIONS):
        assert [post_sign(name, q) for q in QUADRANTS] == [Quantity.POST.sign_in(q) for q in QUADRANTS]
    assert [post_sign("relu2", quadrant) for quadrant in QUADRANTS] == [1, -1, 0, 0]


def test_an_index_without_wiring_opens_and_says_how_to_add_it(bare: Path, tmp_path: Path) -> None:
    without = with_weights(bare, tmp_path / "without.db")
    with sqlite3.connect(without) as sqlite:
        sqlite.execute("DROP TABLE wiring")
        sqlite.execute("DROP TABLE wiring_sites")
    sqlite.close()
    with indexer.open(without) as index:
        weights = index.weights("L1N3")
        assert weights is not None
        assert weights.wiring is None
        told = index.info().wiring
        assert told["state"] == "missing"
        assert "gluscope index --weights-only MODEL --db FILE" in told["reason"]
    with indexer.open(bare) as index:  # without weights, the reason is theirs
        assert index.info().wiring == index.info().weights
