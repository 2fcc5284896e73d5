"""Shards and coverage: what a shard takes, how an array's task finds its own, and sets of batches kept compactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import GluscopeError
from indexer.index_file.coverage import NOTHING, Batches, Coverage, members, progressions
from indexer.run.shards import WHOLE, Shard, parse_shard


@given(st.integers(1, 20), st.integers(0, 100))
def test_every_batch_is_in_exactly_one_shard(count: int, batch: int) -> None:
    assert [Shard(index, count).takes(batch) for index in range(count)].count(True) == 1


def test_shards_are_counted_from_one() -> None:
    assert parse_shard("1/8", {}) == Shard(0, 8)
    assert parse_shard(" 8 / 8 ", {}) == Shard(7, 8)
    assert [parse_shard(f"{number}/3", {}).name for number in (1, 2, 3)] == ["1/3", "2/3", "3/3"]
    assert parse_shard(None, {}) == WHOLE
    assert WHOLE.name is None


@pytest.mark.parametrize("text", ["0/8", "9/8", "8", "1/0", "a/b", "-1/3", "1/8/2", ""])
def test_what_is_not_a_shard_is_refused(text: str) -> None:
    with pytest.raises(GluscopeError, match="--shard") as error:
        parse_shard(text, {})
    assert "1/8" in error.value.fix


def array(task: int, tasks: list[int]) -> dict[str, str]:
    """The variables that SLURM sets in one task of an array."""
    values = {"ID": task, "MIN": tasks[0], "MAX": tasks[-1], "COUNT": len(tasks)}
    return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in values.items()}


@pytest.mark.parametrize("tasks", [[0, 1, 2, 3], [1, 2, 3]])
def test_auto_finds_the_place_in_an_array_from_zero_or_from_one(tasks: list[int]) -> None:
    shards = [parse_shard("auto", array(task, tasks)) for task in tasks]
    assert shards == [Shard(index, len(tasks)) for index in range(len(tasks))]


@pytest.mark.parametrize("tasks", [[5], [0], [1], [5, 9], [3, 4, 5], [0, 2, 4], [10, 20, 30, 40], [0, 2, 7]])
def test_auto_is_refused_if_tasks_may_be_a_part_of_an_array_that_runs_again(tasks: list[int]) -> None:
    for task in tasks:
        with pytest.raises(GluscopeError, match="may be only a part of a SLURM array") as error:
            parse_shard("auto", array(task, tasks))
        assert "--shard auto/32" in error.value.fix


@pytest.mark.parametrize("tasks", [list(range(32)), [5], [0], [31], [5, 9], [0, 1, 2]])
def test_auto_with_a_count_takes_the_same_shard_whichever_tasks_run(tasks: list[int]) -> None:
    assert [parse_shard("auto/32", array(task, tasks)) for task in tasks] == [Shard(task, 32) for task in tasks]


def test_auto_with_a_count_refuses_an_array_that_does_not_begin_at_zero() -> None:
    for task in (1, 32):
        with pytest.raises(GluscopeError, match="task 32 is not in an array from 0 to 31") as error:
            parse_shard("auto/32", array(task, list(range(1, 33))))
        assert "$SLURM_ARRAY_TASK_ID/32" in error.value.fix


def test_auto_with_a_count_needs_the_tasks_number_alone() -> None:
    assert parse_shard("auto/3", {"SLURM_ARRAY_TASK_ID": "2"}) == Shard(2, 3)


def test_auto_without_an_array_is_refused() -> None:
    for text in ("auto", "auto/8"):
        with pytest.raises(GluscopeError, match=f"--shard {text}: SLURM_ARRAY_TASK_ID is not set"):
            parse_shard(text, {})
        with pytest.raises(GluscopeError, match="are not numbers"):
            parse_shard(text, dict.fromkeys(array(0, [0]), "x"))


@given(st.sets(st.integers(0, 200)))
def test_progressions_hold_exactly_the_numbers(numbers: set[int]) -> None:
    runs = progressions(np.array(sorted(numbers), np.int64))
    assert sorted(number for start, stop, step in runs for number in range(start, stop, step)) == sorted(numbers)
    assert members(runs).tolist() == sorted(numbers)


@pytest.mark.parametrize(
    ("numbers", "runs"),
    [
        ([], []),
        (list(range(100)), [[0, 100, 1]]),
        (list(range(2, 100, 8)), [[2, 99, 8]]),
        ([n for n in range(96) if n % 8 in (0, 1)], [[0, 89, 8], [1, 90, 8]]),
        ([*range(40), *range(60, 90)], [[0, 40, 1], [60, 90, 1]]),
    ],
)
def test_what_shards_cover_is_a_short_list(numbers: list[int], runs: list[list[int]]) -> None:
    assert progressions(np.array(numbers, np.int64)) == runs


def batches(*numbers: int) -> Batches:
    return Batches(np.array(numbers, np.int64), 10 * len(numbers))


def test_coverage_comes_back_from_json_and_is_complete_if_every_site_has_every_batch() -> None:
    for sites, complete in (
        ({"L0": batches(0, 1, 2), "L1": batches(0, 1, 2)}, True),
        ({"L0": batches(0, 1, 2), "L1": batches(0, 2)}, False),
        ({"L0": NOTHING, "L1": NOTHING}, False),
    ):
        coverage = Coverage(3, (7,), True, "1/2", sites)
        again = Coverage.from_json(coverage.to_json(), sites)
        assert again.to_json() == coverage.to_json()
        assert {name: found.numbers.tolist() for name, found in again.sites.items()} == {
            name: found.numbers.tolist() for name, found in sites.items()
        }
        assert coverage.complete is complete
    assert not Coverage(None, (), False, None, {"L0": batches(0)}).complete


def test_sites_that_cover_the_same_batches_are_reported_once() -> None:
    cells = Coverage(2, (), True, None, {"L0": batches(0, 1), "L1": batches(0), "L2": batches(0, 1)}).to_json()["cells"]
    assert cells == [
        {"sites": ["L0", "L2"], "batches": [[0, 2, 1]], "count": 2, "tokens": 20},
        {"sites": ["L1"], "batches": [[0, 1, 1]], "count": 1, "tokens": 10},
    ]
