"""Packed examples and samples come back as they went in, in as little room as promised."""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from indexer.database.bulk.arrays import ListArrays
from indexer.database.bulk.packing import (
    pack_examples,
    pack_samples,
    predict_acts,
    predict_codes,
)
from indexer.database.format.activations import ACTIVATIONS
from indexer.database.format.prediction import act_table, predict_act, predict_code
from indexer.database.read.inflate import DamagedValue
from indexer.database.read.unpacking import UNITS, unpack_examples, unpack_sample
from indexer.quadrants import QUADRANTS, Quadrant

from ..support.encoding import encode_lanes, encode_sample

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
WINDOW = (3, 2)
SLOTS = 6


@given(arrays.arrays(np.float32, (3, 8), elements=FLOATS), arrays.arrays(np.bool_, (3, 8)))
def test_a_code_is_off_by_less_than_the_promised_share_and_keeps_its_sign(values: Any, valid: Any) -> None:
    codes, scales = encode_lanes(values, valid)
    for window, known, row, scale in zip(values.tolist(), valid.tolist(), codes.tolist(), scales.tolist(), strict=True):
        counted = [abs(value) for value, is_known in zip(window, known, strict=True) if is_known]
        assert scale == max(counted, default=0.0)
        for value, is_known, code in zip(window, known, row, strict=True):
            unit = UNITS[code]
            if not is_known:
                assert unit is None
                continue
            assert unit is not None
            assert abs(unit * scale - value) <= 0.00394 * scale
            assert (unit > 0) == (value > 0)
            assert (unit < 0) == (value < 0)


def _lists(random: np.random.Generator, neurons: int, k: int, lanes: int, exact_post: bool) -> tuple[ListArrays, ...]:
    """Lists over few positions, so that they share peaks; equal positions have equal values, as in a real run."""
    sequences, positions = 5, 7
    post_of = random.normal(size=(sequences, positions, neurons, 4)).astype(np.float32)
    if exact_post:
        post_of[..., 3] = post_of[..., 2] * post_of[..., 1]
    windows = random.standard_t(2, (sequences, positions, neurons, lanes, SLOTS)).astype(np.float32)
    valid = random.random((sequences, positions, neurons, 1, SLOTS)) < 0.9
    codes, scale = encode_lanes(windows, valid)
    found = []
    for ranking in ("post", "random", "act"):
        for quadrant in QUADRANTS:
            sequence = random.integers(0, sequences, (neurons, k))
            position = random.integers(0, positions, (neurons, k)).astype(np.int32)
            for neuron in range(neurons):
                sequence[neuron, int(random.integers(0, k + 1)) :] = -1
            at = (np.maximum(sequence, 0), position, np.arange(neurons)[:, None])
            found.append(ListArrays(ranking, quadrant, sequence, position, post_of[at], scale[at], codes[at]))
    return tuple(found)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(1, 5),
    st.integers(1, 9),
    st.sampled_from(["silu", "gelu_tanh", "relu", "linear", "made-up"]),
    st.booleans(),
)
def test_examples_come_back_as_they_went_in(seed: int, neurons: int, k: int, activation: str, exact_post: bool) -> None:
    lanes = 4 if activation == "made-up" else 3
    lists = _lists(np.random.default_rng(seed), neurons, k, lanes, exact_post)
    copies = [ranked.lanes.copy() for ranked in lists]
    blobs = pack_examples(lists, slice(0, neurons), WINDOW, activation)
    assert all(np.array_equal(ranked.lanes, copy) for ranked, copy in zip(lists, copies, strict=True))
    for neuron, blob in enumerate(blobs):
        packed = unpack_examples(blob)
        assert (packed.before, packed.after) == WINDOW
        pairs = list(zip(packed.sequences, packed.positions, strict=True))
        assert len(set(pairs)) == len(pairs)
        for ranked in lists:
            _same_list(packed.lists[ranked.ranking, ranked.quadrant], packed, ranked, neuron, activation)


def _same_list(peaks: tuple[int, ...], packed: Any, ranked: ListArrays, neuron: int, activation: str) -> None:
    entries = [rank for rank, number in enumerate(ranked.sequence[neuron].tolist()) if number >= 0]
    assert len(peaks) == len(entries)
    for rank, peak in zip(entries, peaks, strict=True):
        assert packed.sequences[peak] == ranked.sequence[neuron, rank]
        assert packed.positions[peak] == ranked.position[neuron, rank]
        assert [values[peak] for values in packed.values] == ranked.values[neuron, rank].tolist()
        scale = ranked.scale[neuron, rank].tolist()
        assert [scales[peak] for scales in packed.scales] == scale
        codes = ranked.lanes[neuron, rank].tolist()
        expected = [[None if (unit := UNITS[code]) is None else unit * scale[i] for code in codes[i]]
                    for i in range(len(codes))]  # fmt: skip
        gate, in_, act, post = packed.window(peak, activation, slice(None))
        assert [gate, in_, post] == expected[:3]
        if len(codes) == 4:
            assert act == expected[3]


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(ACTIVATIONS), st.lists(st.tuples(FLOATS, FLOATS, FLOATS), min_size=1, max_size=30))
def test_writer_and_reader_predict_the_same_code_to_the_bit(name: str, rows: list[tuple[float, float, float]]) -> None:
    table = act_table(name)
    assert table is not None
    gate, in_, scale = (np.array(column) for column in zip(*rows, strict=True))
    scale = np.abs(scale)
    acts = predict_acts(np.array(table), gate)
    assert acts.tolist() == [predict_act(table, value) for value in gate.tolist()]
    codes = predict_codes(acts, in_, scale)
    assert codes.tolist() == [
        predict_code(*row) for row in zip(acts.tolist(), in_.tolist(), scale.tolist(), strict=True)
    ]


def test_the_tables_that_predictions_come_from_never_change() -> None:
    """An index packed with one table can't be read with another: after a change, raise unpacking.FORMAT."""
    digest = hashlib.sha256()
    for name in sorted({"silu", "gelu", "gelu_tanh", "relu", "quick_gelu"}):
        digest.update(struct.pack("<1025d", *(act_table(name) or ())))
    assert digest.hexdigest() == "923c3faa33d306175ec9da27b9a05113f20eb95236df1be02d3236e27635e15f"


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_no_entry_of_a_table_hangs_on_the_last_digit_of_a_mathematics_library(name: str) -> None:
    from indexer.database.format.activations import twin

    function = twin(name)
    assert function is not None
    for place in range(1025):
        scaled = function(place / 32 - 16) * 2.0**20
        assert abs(scaled % 1.0 - 0.5) > 1e-6


@given(arrays.arrays(np.float32, (2, 5, 3), elements=st.floats(-1e6, 1e6, width=32)))
def test_a_sample_comes_back_to_the_digits_of_float16(values: Any) -> None:
    for neuron, blob in enumerate(pack_samples(encode_sample(values))):
        for lane, found in enumerate(unpack_sample(blob)):
            expected = values[lane, :, neuron].tolist()
            assert found == pytest.approx(expected, rel=2**-10, abs=16 * 2**-24)


def test_a_damaged_blob_is_distinguished_from_a_good_one() -> None:
    lists = _lists(np.random.default_rng(1), 1, 9, 3, True)
    [blob] = pack_examples(lists, slice(0, 1), WINDOW, "silu")
    for cut in range(len(blob)):
        with pytest.raises(DamagedValue):
            unpack_examples(blob[:cut])
    for place in range(0, len(blob), 7):
        with pytest.raises(DamagedValue):
            unpack_examples(blob[:place] + bytes([blob[place] ^ 0x10]) + blob[place + 1 :])
    raw = bytearray(zlib.decompress(blob))
    raw[0] = 9
    with pytest.raises(DamagedValue, match="format 9"):
        unpack_examples(zlib.compress(bytes(raw)))
    with pytest.raises(DamagedValue):
        unpack_sample(zlib.compress(b""))


def test_lanes_that_disagree_on_what_was_counted_are_refused() -> None:
    [ranked, *_] = _lists(np.random.default_rng(2), 1, 4, 3, True)
    ranked.sequence[:] = 0
    ranked.lanes[..., 1, :] = -128
    ranked.lanes[..., 0, :] = 5
    with pytest.raises(ValueError, match="different positions"):
        pack_examples((ranked,), slice(0, 1), WINDOW, "silu")


def test_a_neuron_takes_at_most_21_kib_with_the_default_settings() -> None:
    """224 entries with 196 distinct peaks, as SmolLM2's neurons have, and windows as even as noise."""
    random = np.random.default_rng(0)
    neurons = 8
    lists = []
    for quadrant in QUADRANTS:
        post, gate, in_ = (_noise(random, ranking, quadrant, neurons, 16) for ranking in ("post", "gate", "in"))
        for shared in ("sequence", "position", "values", "scale", "lanes"):
            getattr(post, shared)[:, :7] = getattr(gate, shared)[:, :7]
        lists += [post, gate, in_, _noise(random, "random", quadrant, neurons, 8)]
    examples = pack_examples(lists, slice(0, neurons), (24, 7), "silu")
    samples = pack_samples(encode_sample(random.normal(size=(2, 1024, neurons))))
    sizes = [len(one) + len(other) for one, other in zip(examples, samples, strict=True)]
    assert len(unpack_examples(examples[0]).sequences) == 196
    assert max(sizes) <= 21 * 1024 - 1900  # a row takes 350, what pages waste 500, sequences 1,000


def _noise(random: np.random.Generator, ranking: str, quadrant: Quadrant, neurons: int, k: int) -> ListArrays:
    """A list whose peaks are three times as large as what is around them."""
    gate, in_ = (random.normal(size=(neurons, k, 32)).astype(np.float32) for _ in range(2))
    gate[..., 24], in_[..., 24] = 3 * quadrant.gate_sign, 3 * quadrant.in_sign
    act = (gate / (1 + np.exp(-gate))).astype(np.float32)
    windows = np.stack([gate, in_, act * in_], axis=2)  # neuron rank lane slot
    codes, scale = encode_lanes(windows, np.ones((1, 1, 1, 32), np.bool_))
    values = np.stack([gate, in_, act, act * in_], axis=3)[:, :, 24]
    sequence = random.choice(20_000, (neurons, k)).astype(np.int64)
    return ListArrays(ranking, quadrant, sequence, random.integers(0, 1024, (neurons, k)).astype(np.int32),
                      values, scale, codes)  # fmt: skip
