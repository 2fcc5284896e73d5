"""The state of a site, fed batch by batch, says what the naive loop over tokens says."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from indexer.quadrants import QUADRANTS, QUANTITIES
from indexer.settings import Settings
from indexer.statistics.rankings import BestK
from indexer.statistics.reduction import Activations, Fuser
from indexer.statistics.sample import PositionSample
from indexer.statistics.site_state import NonFiniteError, SiteState, view_batch

from ..support import naive

WIDTH = 21
CPU = torch.device("cpu")
EITHER_WAY = pytest.mark.parametrize("loops", [False, True], ids=["tensors", "loops"])
"""Both as tensor operations, which all devices have, and as numba's loops."""


def no_notice(message: str) -> None:
    raise AssertionError(message)


def make_sequences(seed: int, number: int = 30, longest: int = 40) -> list[naive.Computed]:
    """Sequences with duplicates, exact ties, exact zeros and quadrants that are hardly visited."""
    generator = np.random.default_rng(seed)
    made: list[naive.Computed] = []
    for index in range(number):
        length = int(generator.integers(1, longest))
        if index % 7 == 6:  # a duplicate of an earlier document
            twin = made[-3]
            made.append(naive.Computed(index // 2, index % 2, twin.ids, twin.gate, twin.in_, twin.act, twin.post))
            continue
        ids = [1, *generator.integers(0, 4, length - 1).tolist()]
        # A coarse grid makes ties and zeros common.
        gate = (generator.integers(-8, 9, (length, WIDTH)) / 4).astype(np.float32)
        in_ = (generator.integers(-8, 9, (length, WIDTH)) / 8).astype(np.float32)
        gate[:, 0] = np.abs(gate[:, 0])  # neuron 0 never closes its gate
        act = torch.nn.functional.silu(torch.from_numpy(gate)).numpy()
        post = act * in_
        document, part = index // 2, index % 2
        rows = (gate.tolist(), in_.tolist(), act.tolist(), post.tolist())
        made.append(naive.Computed(document, part, ids, *rows))
    return made


def feed(
    sequences: list[naive.Computed], settings: Settings, batch_size: int, *, loops: bool = True
) -> tuple[SiteState, PositionSample]:
    return feed_part(sequences, settings, batch_size, 0, 1, loops=loops)


def feed_part(
    sequences: list[naive.Computed], settings: Settings, batch_size: int, part: int, parts: int, *, loops: bool
) -> tuple[SiteState, PositionSample]:
    """The state fed with every `parts`-th batch."""
    state = SiteState(WIDTH, settings, sign_preserving=True, keep_act=False, device=CPU)
    sample = PositionSample(settings.sample)
    for start in range(part * batch_size, len(sequences), parts * batch_size):
        batch = sequences[start : start + batch_size]
        longest = max(len(s.ids) for s in batch)

        def padded(rows: list[Any], fill: float, longest: int = longest) -> npt.NDArray[Any]:
            shape = (len(rows), longest, *np.shape(rows[0])[1:])
            array = np.full(shape, fill, dtype=np.float32)
            for place, row in enumerate(rows):
                array[place, : len(row)] = row
            return array

        view = view_batch(
            padded([s.ids for s in batch], 3).astype(np.int64),
            np.array([len(s.ids) for s in batch]),
            np.arange(start, start + len(batch)),
            np.array([s.document for s in batch]),
            np.array([s.part for s in batch]),
            settings,
            sample,
        )
        # Padding holds large values: none of them may be seen.
        lanes = [torch.from_numpy(padded([getattr(s, q) for s in batch], 99.0)) for q in ("gate", "in_", "act", "post")]
        state.add(Activations(*lanes), view, Fuser(loops, no_notice))
    return state, sample


def listed(best: BestK, sequences: list[naive.Computed]) -> dict[tuple[str, str, int], list[tuple[int, int, int]]]:
    """(ranking, quadrant, neuron) -> (document, part, position), best first."""
    order = best.order()
    lists: dict[tuple[str, str, int], list[tuple[int, int, int]]] = {}
    for place, (ranking, quadrant) in enumerate(best.lists):
        for neuron in range(WIDTH):
            column = place * WIDTH + neuron
            slots = order[column]
            kept = [int(s) for s in slots if best.sequence[column, s] >= 0]
            lists[ranking, quadrant.value, neuron] = [
                (
                    sequences[int(best.sequence[column, s])].document,
                    sequences[int(best.sequence[column, s])].part,
                    int(best.position[column, s]),
                )
                for s in kept
            ]
    return lists


@EITHER_WAY
@pytest.mark.parametrize("batch_size", [1, 4, 30])
@pytest.mark.parametrize("count_first", [False, True])
@pytest.mark.parametrize("duplicates", ["fold", "keep"])
def test_state_equals_the_naive_loop(batch_size: int, count_first: bool, duplicates: str, loops: bool) -> None:
    sequences = make_sequences(7)
    settings = Settings(
        top_k=4,
        count_first=count_first,
        duplicates=duplicates,
        rank_by=("post", "gate", "in", "act", "random"),
        sample=16,
        seed=3,
    )
    state, _ = feed(sequences, settings, batch_size, loops=loops)
    lists = {**listed(state.ranked, sequences), **listed(state.random, sequences)}
    for neuron in range(WIDTH):
        expected = naive.statistics(
            sequences,
            neuron,
            rankings=("post", "gate", "in", "act"),
            k=4,
            count_first=count_first,
            fold=duplicates == "fold",
            random_hash=lambda document, part, position: naive.position_hash(3, document, part, position),
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
    for best in (state.ranked, state.random):
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
    state, _ = feed(sequences, settings, 3, loops=loops)
    before = state.count.clone()
    length = len(sequences[1].ids)
    gate = torch.ones(2, length, WIDTH)
    gate[1, length - 1, 2] = float("nan")
    ids = np.ones((2, length), dtype=np.int64)
    both = np.array([0, 1])
    view = view_batch(ids, np.array([length, length]), both, both, both * 0, settings, PositionSample(4))
    assert length > 1
    with pytest.raises(NonFiniteError) as error:
        state.add(Activations(gate, gate, gate, gate), view, Fuser(loops, no_notice))
    assert error.value.row == 1
    assert torch.equal(state.count, before)


@EITHER_WAY
def test_values_that_do_not_count_may_be_infinite(loops: bool) -> None:
    settings = Settings(sample=4)
    state = SiteState(WIDTH, settings, sign_preserving=True, keep_act=False, device=CPU)
    value = torch.ones(2, 5, WIDTH)  # sequence position neuron
    value[0, 0, 1] = float("inf")  # the first token
    value[1, 3:, 2] = float("nan")  # padding
    both = np.array([0, 1])
    ids = np.ones((2, 5), dtype=np.int64)
    view = view_batch(ids, np.array([5, 3]), both, both, both * 0, settings, PositionSample(4))
    state.add(Activations(value, value, value, value), view, Fuser(loops, no_notice))
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
        state.merge(other, *sample.merge(other_sample))
    assert state.tokens_counted == whole.tokens_counted
    assert torch.equal(state.count, whole.count)
    assert torch.equal(state.extreme, whole.extreme)
    torch.testing.assert_close(state.total, whole.total, rtol=1e-14, atol=1e-14)
    for mine, theirs in ((state.ranked, whole.ranked), (state.random, whole.random)):
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
    twin = SiteState(WIDTH, settings, sign_preserving=True, keep_act=False, device=CPU)
    twin.restore({name: tensor.clone() for name, tensor in state.tensors().items()})
    assert twin.tokens_counted == state.tokens_counted
    for name, tensor in state.tensors().items():
        assert torch.equal(tensor, twin.tensors()[name]), name
