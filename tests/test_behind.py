"""Merging that follows behind the model, as on GPUs: it asks for no value too early, and the index is the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from indexer.behind import Behind, Steps
from indexer.capture_experts import Routed
from indexer.errors import GluscopeError
from indexer.expert_state import ExpertStack
from indexer.reduction import Activations, Fuser
from indexer.sample import PositionSample
from indexer.settings import Settings
from indexer.state import BatchView, SiteState, view_batch

from .long_runs import CutOff, Folder, close, cut_off, numbers
from .test_experts_again import Folder as ExpertFolder
from .test_experts_again import sampled
from .test_merge import shown, told

pytestmark = pytest.mark.usefixtures("one_thread")

ROWS, LENGTH, WIDTH = 3, 20, 7


def steps(done: list[str], name: str, number: int) -> Steps:
    """Says what it does, and asks so many times."""
    for place in range(number):
        done.append(f"{name}{place}")
        assert (yield torch.tensor([place, 7])).tolist() == [place, 7]
    done.append(f"{name} ends")


def test_steps_are_taken_as_others_begin_and_those_of_one_owner_in_turn() -> None:
    behind, done = Behind(), list[str]()
    behind.take("x", "", steps(done, "a", 1))
    behind.take("y", "", steps(done, "b", 2))
    assert done == ["a0", "b0", "a ends"]
    behind.take("z", "", steps(done, "c", 0))
    assert done[3:] == ["c ends", "b1"]
    behind.take("y", "", steps(done, "d", 1))
    assert done[5:] == ["b ends", "d0"]
    behind.finish()
    assert done[7:] == ["d ends"]


def test_what_began_before_a_mark_stays_and_what_failed_of_it_is_told() -> None:
    def failing() -> Steps:
        yield torch.tensor([1])
        raise MemoryError

    behind, done = Behind(), list[str]()
    behind.take("x", "x", steps(done, "a", 3))
    mark = behind.mark()
    behind.take("y", "y", failing())
    with pytest.raises(MemoryError):
        behind.take("z", "z", steps(done, "b", 1))
    assert behind.drop(mark) is None  # it began later: it can be begun again
    behind.take("y", "y took in batch 3", failing())
    mark = behind.mark()
    with pytest.raises(MemoryError):
        behind.take("z", "z", steps(done, "c", 1))
    assert behind.drop(mark) == "y took in batch 3"


class OnNothing:
    """A device that computes nothing: to ask for a value on it is an error."""

    device = torch.device("meta")
    settings = Settings(top_k=3, sample=5)
    fuse = Fuser(False, pytest.fail)

    def values(self, *shape: int) -> Activations:
        return Activations(*(torch.empty(shape, dtype=torch.bfloat16, device=self.device) for _ in range(4)))

    def view(self) -> BatchView:
        ids, number = np.zeros((ROWS, LENGTH), dtype=np.int64), np.arange(ROWS)
        sample = PositionSample(self.settings.sample)
        return view_batch(ids, number + LENGTH - ROWS, number, number, number, self.settings, sample).to(self.device)

    def drive(self, given: Steps, *replies: list[int]) -> None:
        """Take the steps, with made-up numbers in place of those that they ask for."""
        asked = next(given)
        for reply in replies[:-1]:
            assert asked.shape == (len(reply),)
            asked = given.send(np.array(reply))
        assert asked.shape == (len(replies[-1]),)
        with pytest.raises(StopIteration):
            given.send(np.array(replies[-1]))


@pytest.mark.parametrize("sign_preserving", [True, False])
def test_a_site_asks_its_device_for_nothing_but_the_numbers_of_offers(sign_preserving: bool) -> None:
    on = OnNothing()
    state = SiteState(WIDTH, on.settings, sign_preserving=sign_preserving, keep_act=True, device=on.device)
    given = state.steps(on.values(ROWS, LENGTH, WIDTH), on.view(), on.fuse)
    on.drive(given, [0, 0, 0, 5, 0, 9, 0, 2, 1])


@pytest.mark.parametrize("sign_preserving", [True, False])
def test_experts_ask_their_device_for_nothing_but_numbers_of_rows_and_offers(sign_preserving: bool) -> None:
    on, experts, rows = OnNothing(), 2, 2 * ROWS * LENGTH
    stack = ExpertStack(
        range(experts), WIDTH, on.settings, sign_preserving=sign_preserving, keep_act=True, device=on.device
    )
    places, width = torch.empty((rows,), dtype=torch.int64, device=on.device), on.values(rows, WIDTH)
    routed = Routed(places, places, places, places != 0, *width)
    given = stack.steps(width, routed, on.view(), on.fuse)
    offers = [0, 2, 0, 1, 0, 4], [3, 0, 0, 0, 0, 0]
    on.drive(given, [20, 19, 1, 0, 20, 17], [0] * 6 + offers[0] + offers[1] + [4, 0])


def test_nothing_is_known_of_a_device_that_computes_nothing() -> None:
    """Or the tests above would pass whatever was asked."""
    for ask in (torch.Tensor.nonzero, torch.Tensor.tolist, torch.Tensor.item, torch.Tensor.numpy, bool):
        with pytest.raises((NotImplementedError, RuntimeError, TypeError)):
            ask(torch.zeros((1,), device="meta"))
    with pytest.raises((NotImplementedError, RuntimeError)):
        torch.zeros((2,), device="meta")[torch.zeros((2,), dtype=torch.bool, device="meta")]


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
    """The CPU is taken for a device that works behind the host."""
    monkeypatch.setattr("indexer.run.follows", lambda _: True)


def same(one: Path, other: Path) -> bool:
    return shown(one) == shown(other) and sampled(one) == sampled(other)


@pytest.mark.usefixtures("following")
def test_the_index_is_the_same(folder: Folder, mixture: ExpertFolder) -> None:
    assert same(folder.make("a.db", compile="off"), folder.path / "whole.db")
    assert same(mixture.make("a.db", compile="off"), mixture.path / "plain.db")


@pytest.mark.usefixtures("following")
def test_a_run_that_was_cut_off_goes_on_to_the_same_index(
    folder: Folder, mixture: ExpertFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for runs, whole in ((folder, "whole.db"), (mixture, "plain.db")):
        cut_off(monkeypatch, after=4)
        with pytest.raises(CutOff):
            runs.make("b.db", compile="off", checkpoint_every=0.0)
        assert same(runs.make("b.db", compile="off"), runs.path / whole)


@pytest.mark.usefixtures("following")
@pytest.mark.parametrize("when", ["in its batch", "in the next one", "at a checkpoint"])
def test_memory_that_runs_out_behind_the_model_loses_nothing(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    late = when != "in its batch"
    steps, calls = SiteState.steps, [0]

    def failing(state: SiteState, values: Activations, batch: BatchView, fuse: Fuser) -> Steps:
        calls[0] += 1
        last = calls[0] == 6  # the last site of the third batch
        if last and not late:
            raise torch.OutOfMemoryError("CUDA out of memory")
        taken = steps(state, values, batch, fuse)
        reply = yield next(taken)
        if last:
            raise torch.OutOfMemoryError("CUDA out of memory")
        try:
            taken.send(reply)
        except StopIteration:
            return

    monkeypatch.setattr(SiteState, "steps", failing)
    name = f"{when}.db"
    if late:
        with pytest.raises(GluscopeError, match="memory ran out while L1 took in batch 2"):
            folder.make(name, compile="off", checkpoint_every=0.0 if when == "at a checkpoint" else None)
    db = folder.make(name, compile="off")
    assert close(numbers(db), numbers(folder.path / "whole.db"))
    assert [site.tokens_counted for site in told(db).sites] == [
        site.tokens_counted for site in told(folder.path / "whole.db").sites
    ]
    if late:
        assert same(db, folder.path / "whole.db")


@pytest.mark.usefixtures("following")
def test_a_value_that_is_not_finite_is_told_with_its_document(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    steps, calls = SiteState.steps, [0]

    def broken(state: SiteState, values: Activations, batch: BatchView, fuse: Fuser) -> Steps:
        calls[0] += 1
        if calls[0] == 6:
            gate = values.gate.clone()
            gate[1, batch.length[1] - 1, 4] = torch.nan
            values = values._replace(gate=gate)
        return (yield from steps(state, values, batch, fuse))

    monkeypatch.setattr(SiteState, "steps", broken)
    with pytest.raises(GluscopeError, match="L1: a value is NaN or infinite in document"):
        folder.make("infinite.db", compile="off")
