"""Merging that lags the model, as on GPUs: it asks for no value too early, and the index is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from indexer.errors import GluscopeError
from indexer.run.accumulator import _Waiting
from indexer.settings import Settings
from indexer.statistics.activations import Activations
from indexer.statistics.batch import BatchView, view_batch
from indexer.statistics.deferred import DeferredSteps, Steps
from indexer.statistics.engine import Filled
from indexer.statistics.placement import Placement, Routing
from indexer.statistics.sample import PositionSample
from indexer.statistics.stack import Stack
from indexer.statistics.tensors import Tensors

from ..support.expert_folder import Folder as ExpertFolder
from ..support.expert_folder import sampled
from ..support.long_runs import CutOff, Folder, close, cut_off, numbers
from ..support.outputs import shown, told
from ..support.small_runs import LAYERS
from ..support.stacks import plain_tensors, shape

pytestmark = pytest.mark.usefixtures("one_thread")

ROWS, LENGTH, WIDTH = 3, 20, 7


def steps(done: list[str], name: str, number: int) -> Steps:
    """Says what it does, and asks so many times."""
    for place in range(number):
        done.append(f"{name}{place}")
        assert (yield torch.tensor([place, 7])).tolist() == [place, 7]
    done.append(f"{name} ends")


def test_steps_are_taken_as_others_begin_and_those_of_one_owner_in_turn() -> None:
    deferred, done = DeferredSteps(), list[str]()
    deferred.take("x", "", steps(done, "a", 1), 0)
    deferred.take("y", "", steps(done, "b", 2), 0)
    assert done == ["a0", "b0", "a ends"]
    deferred.take("z", "", steps(done, "c", 0), 0)
    assert done[3:] == ["c ends", "b1"]
    deferred.take("y", "", steps(done, "d", 1), 0)
    assert done[5:] == ["b ends", "d0"]
    deferred.finish()
    assert done[7:] == ["d ends"]


def test_what_began_before_a_mark_stays_and_what_failed_of_it_is_reported() -> None:
    def failing() -> Steps:
        yield torch.tensor([1])
        raise MemoryError

    deferred, done = DeferredSteps(), list[str]()
    deferred.take("x", "x", steps(done, "a", 3), 0)
    mark = deferred.mark()
    deferred.take("y", "y", failing(), 0)
    with pytest.raises(MemoryError):
        deferred.take("z", "z", steps(done, "b", 1), 0)
    assert deferred.drop(mark) is None  # it began later: it can be begun again
    deferred.take("y", "y took in batch 3", failing(), 0)
    mark = deferred.mark()
    with pytest.raises(MemoryError):
        deferred.take("z", "z", steps(done, "c", 1), 0)
    with pytest.raises(MemoryError):  # again: what is missing is never taken for complete
        deferred.finish()
    assert deferred.drop(mark) == "y took in batch 3"


def test_steps_wait_for_their_numbers_only_if_much_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    deferred, done = DeferredSteps(), list[str]()
    monkeypatch.setattr("indexer.statistics.deferred._Arriving.arrived", lambda _: False)
    deferred.take("x", "", steps(done, "a", 1), 2**30)
    deferred.take("y", "", steps(done, "b", 1), 2**30)
    assert done == ["a0", "b0"]
    deferred.take("z", "", steps(done, "c", 1), 1)
    assert done == ["a0", "b0", "c0", "a ends"]
    deferred.finish()
    assert done[4:] == ["b ends", "c ends"]


class OnNothing:
    """A device that computes nothing: to ask for a value on it is an error."""

    device = torch.device("meta")
    settings = Settings(top_k=3, sample=5)

    def values(self, *shape: int) -> Activations:
        return Activations(*(torch.empty(shape, dtype=torch.bfloat16, device=self.device) for _ in range(4)))

    def view(self) -> BatchView:
        ids, number = np.zeros((ROWS, LENGTH), dtype=np.int64), np.arange(ROWS)
        sample = PositionSample(self.settings.sample)
        return view_batch(ids, number + LENGTH - ROWS, number, (number, number), self.settings, sample).to(self.device)

    def drive(self, given: Steps, *replies: list[int]) -> None:
        """Take the steps, with made-up numbers in place of those that they ask for."""
        asked = next(given)
        for reply in replies[:-1]:
            assert asked.shape == (len(reply),)
            asked = given.send(np.array(reply))
        assert asked.shape == (len(replies[-1]),)
        with pytest.raises(StopIteration):
            given.send(np.array(replies[-1]))


@pytest.mark.parametrize("ranked", [(4, 3, 2), (300, 250, 3)], ids=["few offers", "many offers"])
@pytest.mark.parametrize("sign_preserving", [True, False])
def test_a_site_asks_its_device_for_nothing_but_the_numbers_of_offers(
    sign_preserving: bool, ranked: tuple[int, int, int]
) -> None:
    on = OnNothing()
    of = shape(WIDTH, sign_preserving=sign_preserving, keep_act=True)
    given = Stack(of, on.settings, on.device, plain_tensors()).steps(on.values(ROWS, LENGTH, WIDTH), on.view())
    on.drive(given, [0, 0, 0, *ranked, *ranked, 4, 4, 1])


@pytest.mark.parametrize("sign_preserving", [True, False])
def test_experts_ask_their_device_for_nothing_but_numbers_of_rows_and_offers(sign_preserving: bool) -> None:
    on, experts, rows = OnNothing(), 2, 2 * ROWS * LENGTH
    of = shape(WIDTH, sign_preserving=sign_preserving, keep_act=True)
    stack = Stack(of, on.settings, on.device, plain_tensors(), range(experts))
    places = torch.empty((rows,), dtype=torch.int64, device=on.device)
    values = on.values(rows, WIDTH)
    given = stack.steps(values, on.view(), Routing(places, places, places != 0))
    offers = [0, 2, 0, 1, 0, 4]
    on.drive(given, [20, 19, 1, 0, 20, 17], [0] * 6 + offers + [7, 5, 2] + [3, 3, 1] + [4, 0])


def test_nothing_is_known_of_a_device_that_computes_nothing() -> None:
    """Or the tests above would pass whatever was asked."""
    for ask in (torch.Tensor.nonzero, torch.Tensor.tolist, torch.Tensor.item, torch.Tensor.numpy, bool):
        with pytest.raises((NotImplementedError, RuntimeError, TypeError)):
            ask(torch.zeros((1,), device="meta"))
    with pytest.raises((NotImplementedError, RuntimeError)):
        torch.zeros((2,), device="meta")[torch.zeros((2,), dtype=torch.bool, device="meta")]


class OffCpu:
    """As on a device with values that is not a CPU: they are read in the dtypes of the model."""

    def feed(self, experts: bool, dtype: torch.dtype, as_they_are: bool) -> dict[str, torch.Tensor]:
        settings, rows = Settings(top_k=3, sample=5), ROWS * LENGTH
        torch.manual_seed(3)
        size = (2 * rows, WIDTH) if experts else (ROWS, LENGTH, WIDTH)
        with pytest.MonkeyPatch.context() as patched:
            if as_they_are:
                patched.setattr(Activations, "readable", lambda values: values)
            of = shape(WIDTH, sign_preserving=False, keep_act=True)
            stack = Stack(of, settings, torch.device("cpu"), plain_tensors(), range(2) if experts else None)
            sample = PositionSample(settings.sample)
            for number in range(3):
                gate, in_ = torch.randn(size), torch.randn(size)
                act = torch.sin(gate)
                values = Activations(*(value.to(dtype) for value in (gate, in_, act, act * in_)))
                if not as_they_are:
                    values = Activations(*(value.to(torch.float32) for value in values))
                own = np.arange(ROWS) + ROWS * number
                ids = np.arange(rows).reshape(ROWS, LENGTH) % 5
                view = view_batch(ids, np.full(ROWS, LENGTH), own, (own, own), settings, sample)
                token = torch.arange(rows).repeat(2)
                routing = Routing(torch.arange(2).repeat_interleave(rows), token, token % 3 != 1)
                stack.add(values, view, routing if experts else None)
        return {f"{place}.{key}": t for place, each in enumerate(stack.states) for key, t in each.tensors().items()}


@pytest.mark.parametrize("experts", [False, True], ids=["dense", "experts"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_values_read_in_the_type_of_the_model_say_what_they_say_in_float32(dtype: torch.dtype, experts: bool) -> None:
    one, other = (OffCpu().feed(experts, dtype, as_they_are) for as_they_are in (True, False))
    assert all(torch.equal(one[key], other[key]) for key in other)
    assert int((one["0.ranked.key"] >= 0).sum()) > 0


# Whole runs


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    made = Folder(tmp_path_factory.mktemp("dense"))
    made.make("whole.db", compile="off")
    return made


@pytest.fixture(scope="module")
def mixture(tmp_path_factory: pytest.TempPathFactory) -> ExpertFolder:
    made = ExpertFolder(tmp_path_factory.mktemp("mixture"))
    made.make("plain.db", compile="off")
    return made


@pytest.fixture
def following(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU is treated as a device that lags the host; sites are merged one by one."""
    monkeypatch.setattr("indexer.run.accumulator.follows", lambda _: True)
    monkeypatch.setattr("indexer.run.accumulator._TOGETHER", 0)


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The same, but sites that are alike are merged at once: the shapes of what was merged."""
    monkeypatch.setattr("indexer.run.accumulator.follows", lambda _: True)
    steps, shapes = Tensors.steps, list[tuple[int, ...]]()

    def noted(self: Tensors, of: Any, values: Activations, *rest: Any) -> Any:
        shapes.append((len(of.count), *values.gate.shape))
        return steps(self, of, values, *rest)

    monkeypatch.setattr(Tensors, "steps", noted)
    return shapes


@pytest.mark.slow
def test_sites_that_are_alike_are_merged_at_once_to_the_same_index(
    folder: Folder, mixture: ExpertFolder, together: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert same(folder.make("t.db", compile="off"), folder.path / "whole.db")
    assert {sites for sites, *_ in together} == {LAYERS}
    assert same(mixture.make("t.db", compile="off"), mixture.path / "plain.db")
    cut_off(monkeypatch, after=4)
    with pytest.raises(CutOff):
        folder.make("u.db", compile="off", checkpoint_every=0.0)
    assert same(folder.make("u.db", compile="off"), folder.path / "whole.db")


@pytest.mark.slow
def test_if_memory_is_short_sites_that_are_alike_are_merged_in_pieces(
    folder: Folder, together: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_early(monkeypatch, {3, 4})
    db = folder.make("v.db", compile="off")
    assert any("memory ran out in batch 2" in notice for notice in told(db).run["notices"])
    assert close(numbers(db), numbers(folder.path / "whole.db"))
    assert len(together) > 5


@pytest.mark.slow
def test_a_value_that_is_not_a_number_is_reported_with_its_site_among_those_alike(
    folder: Folder, together: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoiled = _Waiting.put

    def put(self: _Waiting, place: int, values: Activations) -> bool:
        if place == 1:
            values.gate[0, 3] = float("nan")
        return spoiled(self, place, values)

    monkeypatch.setattr(_Waiting, "put", put)
    with pytest.raises(GluscopeError, match="L1: a value is NaN or infinite"):
        folder.make("w.db", compile="off")
    assert together


def same(one: Path, other: Path) -> bool:
    return shown(one) == shown(other) and sampled(one) == sampled(other)


@pytest.mark.slow
@pytest.mark.usefixtures("following")
def test_the_index_is_the_same(folder: Folder, mixture: ExpertFolder) -> None:
    assert same(folder.make("a.db", compile="off"), folder.path / "whole.db")
    assert same(mixture.make("a.db", compile="off"), mixture.path / "plain.db")


@pytest.mark.slow
@pytest.mark.usefixtures("following")
def test_a_run_that_was_cut_off_goes_on_to_the_same_index(
    folder: Folder, mixture: ExpertFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for runs, whole in ((folder, "whole.db"), (mixture, "plain.db")):
        cut_off(monkeypatch, after=4)
        with pytest.raises(CutOff):
            runs.make("b.db", compile="off", checkpoint_every=0.0)
        assert same(runs.make("b.db", compile="off"), runs.path / whole)


NO_MEMORY = torch.OutOfMemoryError("CUDA out of memory")


def fail_early(monkeypatch: pytest.MonkeyPatch, calls: set[int]) -> None:
    """At these calls of all, a site's first step finds no memory."""
    steps, count = Tensors.steps, [0]

    def failing(by: Tensors, of: Filled, values: Activations, placement: Placement, batch: BatchView) -> Steps:
        count[0] += 1
        if count[0] in calls:
            raise NO_MEMORY
        return (yield from steps(by, of, values, placement, batch))

    monkeypatch.setattr(Tensors, "steps", failing)


def fail_late(monkeypatch: pytest.MonkeyPatch, call: int) -> list[int]:
    """At this call of all, a site's last step finds no memory. Returns the number of calls."""
    enter, count = Stack.enter_sample, [0]

    def failing(stack: Stack, *given: Any) -> None:
        count[0] += 1
        if count[0] == call:
            raise NO_MEMORY
        enter(stack, *given)

    monkeypatch.setattr(Stack, "enter_sample", failing)
    return count


@pytest.mark.slow
@pytest.mark.usefixtures("following")
def test_if_memory_is_short_only_because_of_what_is_under_way_the_batch_runs_again(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_early(monkeypatch, {5, 11})  # the first site of the third batch, the second one of the fifth
    assert same(folder.make("c.db", compile="off"), folder.path / "whole.db")


@pytest.mark.slow
@pytest.mark.usefixtures("following")
def test_if_memory_is_short_twice_the_batch_is_run_in_pieces(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_early(monkeypatch, {6, 8})  # the second site of the third batch, and again
    db, whole = folder.make("d.db", compile="off"), folder.path / "whole.db"
    assert [name for name in told(db).run["notices"] if "memory ran out in batch 2" in name]
    assert close(numbers(db), numbers(whole))
    assert [site.tokens_counted for site in told(db).sites] == [site.tokens_counted for site in told(whole).sites]


@pytest.mark.slow
@pytest.mark.usefixtures("following")
@pytest.mark.parametrize("when", ["in the next batch", "at a checkpoint", "at the end"])
def test_memory_that_runs_out_while_merging_ends_the_run_and_loses_nothing(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    whole = folder.path / "whole.db"
    with monkeypatch.context() as counting:
        count = fail_late(counting, -1)
        folder.make("e.db", compile="off", overwrite=True)
    last = count[0] if when == "at the end" else 6
    with monkeypatch.context() as lacking:
        fail_late(lacking, last)
        every = 0.0 if when == "at a checkpoint" else None
        with pytest.raises(GluscopeError, match=f"memory ran out while L1 took in batch {last // 2 - 1} on cpu"):
            folder.make(f"{when}.db", compile="off", checkpoint_every=every)
    assert same(folder.make(f"{when}.db", compile="off"), whole)


@pytest.mark.usefixtures("following")
def test_a_value_that_is_not_finite_is_reported_with_its_document(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, calls = Tensors.steps, [0]

    def broken(by: Tensors, of: Filled, values: Activations, placement: Placement, batch: BatchView) -> Steps:
        calls[0] += 1
        if calls[0] == 6:
            gate = values.gate.clone()
            gate[1, batch.counted[1].nonzero().amax(), 4] = torch.nan
            values = values._replace(gate=gate)
        return (yield from steps(by, of, values, placement, batch))

    monkeypatch.setattr(Tensors, "steps", broken)
    with pytest.raises(GluscopeError, match="L1: a value is NaN or infinite in document"):
        folder.make("infinite.db", compile="off")
