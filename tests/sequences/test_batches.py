"""The batch plan: every sequence once, sorted only inside blocks, the same whatever the moment."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.sequences.batches import BLOCK_BATCHES, Batch, plan
from indexer.sequences.sequences import TokenSequence

lengths_strategy = st.lists(st.integers(1, 40) | st.integers(1, 3), max_size=300)
batch_tokens_strategy = st.integers(1, 60)


def corpus(lengths: list[int]) -> list[TokenSequence]:
    return [
        TokenSequence(number, number // 2, number % 2, np.arange(1, length + 1, dtype=np.int32) + number, "")
        for number, length in enumerate(lengths)
    ]


def numbers(batches: list[Batch]) -> list[list[int]]:
    return [[sequence.number for sequence in batch.sequences] for batch in batches]


@given(lengths_strategy, batch_tokens_strategy)
def test_every_sequence_is_in_exactly_one_batch(lengths: list[int], batch_tokens: int) -> None:
    batches = list(plan(corpus(lengths), batch_tokens))
    assert sorted(number for batch in numbers(batches) for number in batch) == list(range(len(lengths)))
    assert [batch.number for batch in batches] == list(range(len(batches)))
    assert sum(batch.tokens for batch in batches) == sum(lengths)


@pytest.mark.slow
@given(lengths_strategy, batch_tokens_strategy)
def test_no_batch_is_larger_than_asked_except_for_a_sequence_alone(lengths: list[int], batch_tokens: int) -> None:
    for batch in plan(corpus(lengths), batch_tokens):
        rows, longest = batch.ids.shape
        assert rows == 1 or rows * longest <= batch_tokens


@given(lengths_strategy, batch_tokens_strategy)
def test_blocks_are_runs_closed_when_their_tokens_are_reached(lengths: list[int], batch_tokens: int) -> None:
    blocks: dict[int, list[TokenSequence]] = {}
    for batch in plan(corpus(lengths), batch_tokens):
        blocks.setdefault(batch.block, []).extend(batch.sequences)
    assert list(blocks) == list(range(len(blocks)))
    start = 0
    for number, members in blocks.items():
        assert sorted(sequence.number for sequence in members) == list(range(start, start + len(members)))
        tokens = [lengths[place] for place in range(start, start + len(members))]
        assert sum(tokens[:-1]) < BLOCK_BATCHES * batch_tokens
        assert number == len(blocks) - 1 or sum(tokens) >= BLOCK_BATCHES * batch_tokens
        start += len(members)


@given(lengths_strategy, batch_tokens_strategy)
def test_inside_a_block_the_longest_come_first_and_equal_ones_in_order(lengths: list[int], batch_tokens: int) -> None:
    blocks: dict[int, list[tuple[int, int]]] = {}
    for batch in plan(corpus(lengths), batch_tokens):
        blocks.setdefault(batch.block, []).extend((-sequence.length, sequence.number) for sequence in batch.sequences)
    for members in blocks.values():
        assert members == sorted(members)


@given(lengths_strategy, batch_tokens_strategy)
def test_the_last_batch_of_a_block_is_marked(lengths: list[int], batch_tokens: int) -> None:
    batches = list(plan(corpus(lengths), batch_tokens))
    ends = {batch.block: batch.number for batch in batches}
    assert [batch.number for batch in batches if batch.last] == list(ends.values())


@given(lengths_strategy, batch_tokens_strategy)
def test_ids_are_padded_on_the_right(lengths: list[int], batch_tokens: int) -> None:
    for batch in plan(corpus(lengths), batch_tokens):
        assert batch.lengths.tolist() == [len(sequence.ids) for sequence in batch.sequences]
        for row, sequence in zip(batch.ids.tolist(), batch.sequences, strict=True):
            assert row == sequence.ids.tolist() + [0] * (int(batch.lengths[0]) - sequence.length)


@given(lengths_strategy, lengths_strategy, batch_tokens_strategy)
def test_a_longer_corpus_has_the_same_batches_up_to_the_last_block(
    lengths: list[int], more: list[int], batch_tokens: int
) -> None:
    short = list(plan(corpus(lengths), batch_tokens))
    long = list(plan(corpus(lengths + more), batch_tokens))
    same = [batch for batch in short if batch.block < short[-1].block]
    assert numbers(long[: len(same)]) == numbers(same)


@given(lengths_strategy, lengths_strategy, batch_tokens_strategy)
def test_with_a_border_at_its_end_a_longer_corpus_has_all_the_batches_of_the_shorter(
    lengths: list[int], more: list[int], batch_tokens: int
) -> None:
    short = numbers(list(plan(corpus(lengths), batch_tokens)))
    long = numbers(list(plan(corpus(lengths + more), batch_tokens, [len(lengths)])))
    assert long[: len(short)] == short
    assert sorted(number for batch in long for number in batch) == list(range(len(lengths + more)))


@given(lengths_strategy, batch_tokens_strategy)
def test_no_more_than_a_block_is_read_ahead(lengths: list[int], batch_tokens: int) -> None:
    read = 0

    def watched() -> Iterator[TokenSequence]:
        nonlocal read
        for sequence in corpus(lengths):
            read += sequence.length
            yield sequence

    given_out = 0
    for batch in plan(watched(), batch_tokens):
        assert read - given_out < BLOCK_BATCHES * batch_tokens + 40
        given_out += batch.tokens


def test_a_known_plan() -> None:
    lengths = [3, 9, 3, 1, 20, 4]
    assert numbers(list(plan(corpus(lengths), 9))) == [[4], [1], [5, 0], [2, 3]]
