"""The state of a site, fed batch by batch, says what the naive loop over tokens says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from indexer.quadrants import QUADRANTS, QUANTITIES
from indexer.settings import EVERY_TOKEN, ONE_A_SEQUENCE, Settings
from indexer.statistics.activations import Activations
from indexer.statistics.batch import NonFiniteError, view_batch
from indexer.statistics.sample import PositionSample

from ..support import naive
from ..support.fed import WIDTH, feed, feed_part, listed, make_sequences
from ..support.stacks import dense, engine, shape

EITHER_WAY = pytest.mark.parametrize("loops", [False, True], ids=["tensors", "loops"])
"""Both as tensor operations, which all devices have, and as numba's loops."""


@EITHER_WAY
@pytest.mark.parametrize("batch_size", [1, 4, 30])
@pytest.mark.parametrize("count_first", [False, True])
@pytest.mark.parametrize("duplicates", ["fold", "keep"])
@pytest.mark.parametrize("draw", [EVERY_TOKEN, ONE_A_SEQUENCE])
def test_state_equals_the_naive_loop(
    batch_size: int, count_first: bool, duplicates: str, draw: str, loops: bool
) -> None:
    sequences = make_sequences(7)
    settings = Settings(
        top_k=4,
        count_first=count_first,
        duplicates=duplicates,
        rank_by=("post", "gate", "in", "act", "random"),
        sample=16,
        seed=3,
        draw=draw,
    )
    state, _ = feed(sequences, settings, batch_size, loops=loops)
    lists = {**listed(state.ranked, sequences), **listed(state.drawn, sequences)}
    for neuron in range(WIDTH):
        expected = naive.statistics(
            sequences,
            neuron,
            rankings=("post", "gate", "in", "act"),
            k=4,
            count_first=count_first,
            fold=duplicates == "fold",
            random_hash=lambda document, part, position: naive.position_hash(3, document, part, position),
            one_a_sequence=draw == ONE_A_SEQUENCE,
        )
        assert state.tokens_counted == expected.counted
        for place, quadrant in enumerate(QUADRANTS):
            want = expected.quadrants[quadrant.value]
            assert int(state.count[place, neuron]) == want.count
            for row, quantity in enumerate(QUANTITIES):
                if want.count:
                    mean = float(state.total[row * 4 + place, neuron]) / want.count
                    assert mean == pytest.approx(want.mean(quantity), rel=1e-12)
                    assert float(state.extreme[row * 4 + place, neuron]) == want.extreme(quantity)
            for ranking, entries in want.lists.items():
                assert lists[ranking, quadrant.value, neuron] == [entry[1:] for entry in entries], ranking


@EITHER_WAY
def test_windows_hold_the_values_around_each_peak(loops: bool) -> None:
    sequences = make_sequences(11)
    settings = Settings(top_k=3, window=(5, 2), sample=4)
    state, _ = feed(sequences, settings, 4, loops=loops)
    checked = 0
    for best in (state.ranked, state.drawn):
        for column, k in (best.sequence >= 0).nonzero().tolist():
            neuron = column % WIDTH
            sequence, peak = sequences[int(best.sequence[column, k])], int(best.position[column, k])
            exact = [sequence.value(quantity, peak, neuron) for quantity in QUANTITIES]
            assert best.values[column, k].tolist() == exact
            for lane, quantity in enumerate(("gate", "in", "post")):
                places = [peak - 5 + w for w in range(8)]
                inside = [sequence.value(quantity, t, neuron) for t in places if 1 <= t < len(sequence.ids)]
                scale = max(abs(v) for v in inside)
                assert float(best.scale[column, k, lane]) == scale
                for w, t in enumerate(places):
                    code = int(best.lanes[column, k, lane, w])
                    if not 1 <= t < len(sequence.ids):
                        assert code == -128
                        continue
                    value = sequence.value(quantity, t, neuron)
                    decoded = 0.0 if code == 0 else (abs(code) - 0.5) / 127 * scale * (1 if code > 0 else -1)
                    assert abs(decoded - value) <= 0.004 * scale
                    assert np.sign(decoded) == np.sign(value)
                    checked += 1
    assert checked > 1000


@EITHER_WAY
def test_the_sample_is_the_positions_of_smallest_hash(loops: bool) -> None:
    sequences = make_sequences(5)
    settings = Settings(sample=20, seed=9)
    state, sample = feed(sequences, settings, 7, loops=loops)
    everything = sorted(
        (naive.position_hash(9, s.document, s.part, t), number, t)
        for number, s in enumerate(sequences)
        for t in range(1, len(s.ids))
    )[:20]
    order = sample.order()
    assert [(int(sample.sequence[o]), int(sample.position[o])) for o in order] == [e[1:] for e in everything]
    for slot, (_, number, t) in zip(order, everything, strict=True):
        for lane, quantity in enumerate(("gate", "in")):
            expected = [sequences[number].value(quantity, t, neuron) for neuron in range(WIDTH)]
            np.testing.assert_allclose(state.sample[lane, slot].float().numpy() * 16, expected, rtol=1e-3, atol=1e-6)


@EITHER_WAY
def test_a_nan_names_its_row_and_leaves_the_state_as_it_was(loops: bool) -> None:
    sequences = make_sequences(2, number=3)
    settings = Settings(sample=4)
    stack = dense(shape(WIDTH), settings, engine(loops=loops))
    stack.states[0].restore(feed(sequences, settings, 3)[0].tensors())
    before = stack.count.clone()
    length = len(sequences[1].ids)
    gate = torch.ones(2, length, WIDTH)
    gate[1, length - 1, 2] = float("nan")
    ids = np.ones((2, length), dtype=np.int64)
    both = np.array([0, 1])
    view = view_batch(ids, np.array([length, length]), both, (both, both * 0), settings, PositionSample(4))
    assert length > 1
    with pytest.raises(NonFiniteError) as error:
        stack.add(Activations(gate, gate, gate, gate), view)
    assert error.value.row == 1
    assert torch.equal(stack.count, before)
    assert not stack.states[0].torn


@EITHER_WAY
def test_values_that_do_not_count_may_be_infinite(loops: bool) -> None:
    settings = Settings(sample=4)
    stack = dense(shape(WIDTH), settings, engine(loops=loops))
    value = torch.ones(2, 5, WIDTH)  # sequence position neuron
    value[0, 0, 1] = float("inf")  # the first token
    value[1, 3:, 2] = float("nan")  # padding
    both = np.array([0, 1])
    ids = np.ones((2, 5), dtype=np.int64)
    view = view_batch(ids, np.array([5, 3]), both, (both, both * 0), settings, PositionSample(4))
    stack.add(Activations(value, value, value, value), view)
    state = stack.states[0]
    assert state.count[0].tolist() == [6] * WIDTH
    assert state.total[0].tolist() == [6.0] * WIDTH


@EITHER_WAY
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_states_of_disjoint_batches_merge_to_the_state_of_all(order: tuple[int, ...], loops: bool) -> None:
    sequences = make_sequences(17, number=36)
    settings = Settings(top_k=4, rank_by=("post", "gate", "in", "act", "random"), sample=16, seed=3)
    whole, whole_sample = feed(sequences, settings, 4, loops=loops)
    parts = [feed_part(sequences, settings, 4, part, 3, loops=loops) for part in order]
    state, sample = parts[0]
    for other, other_sample in parts[1:]:
        state.merge(other, sample.merge(other_sample))
    assert state.tokens_counted == whole.tokens_counted
    assert torch.equal(state.count, whole.count)
    assert torch.equal(state.extreme, whole.extreme)
    torch.testing.assert_close(state.total, whole.total, rtol=1e-14, atol=1e-14)
    for mine, theirs in ((state.ranked, whole.ranked), (state.drawn, whole.drawn)):
        assert listed(mine, sequences) == listed(theirs, sequences)
        columns = torch.arange(len(mine.key))[:, None]
        for name in ("key", "values", "scale", "lanes"):
            one, other_tensor = getattr(mine, name), getattr(theirs, name)
            filled = mine.key[columns, mine.order()] >= 0
            assert torch.equal(one[columns, mine.order()][filled], other_tensor[columns, theirs.order()][filled]), name
    mine_order, whole_order = sample.order(), whole_sample.order()
    for name in ("hash", "sequence", "position"):
        assert getattr(sample, name)[mine_order].tolist() == getattr(whole_sample, name)[whole_order].tolist()
    assert torch.equal(state.sample[:, mine_order], whole.sample[:, whole_order])


def test_a_restored_state_goes_on_as_the_first_would() -> None:
    sequences = make_sequences(4)
    settings = Settings(top_k=4, sample=8)
    state, _ = feed(sequences, settings, 4)
    twin = dense(shape(WIDTH), settings).states[0]
    twin.restore({name: tensor.clone() for name, tensor in state.tensors().items()})
    assert twin.tokens_counted == state.tokens_counted
    for name, tensor in state.tensors().items():
        assert torch.equal(tensor, twin.tensors()[name]), name


@EITHER_WAY
def test_a_sampled_value_too_small_for_its_type_keeps_its_sign(loops: bool) -> None:
    settings = Settings(sample=8)
    stack = dense(shape(WIDTH), settings, engine(loops=loops))
    gate = torch.full((1, 9, WIDTH), 1e-9)
    in_ = torch.full((1, 9, WIDTH), -1e-30)
    in_[0, 4] = 0.0
    none = np.zeros(1, dtype=np.int64)
    view = view_batch(np.ones((1, 9), dtype=np.int64), none + 9, none, (none, none), settings, PositionSample(8))
    stack.add(Activations(gate, in_, gate, in_), view)
    state = stack.states[0]
    signs = torch.sign(state.sample[:, :, 0].float())  # lane slot
    assert signs[0].tolist() == [1.0] * 8
    assert sorted(signs[1].tolist()) == [-1.0] * 7 + [0.0]
    assert int((signs == 0).any(0).sum()) == state.tokens_counted - int(state.count[:, 0].sum()) == 1
