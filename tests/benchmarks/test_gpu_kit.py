"""The kit for CUDA devices: rehearsed whole on the CPU. A part that fails is reported and doesn't affect the rest."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import gpu
from benchmarks.gpu_parts.comparing import different, far
from benchmarks.gpu_parts.kit import Kit
from benchmarks.gpu_parts.one_pass import LAYOUT, batch, unlike
from indexer.database.reader import Index
from indexer.database.records import NeuronRecord, QuadrantRecord
from indexer.quadrants import Quadrant
from indexer.settings import Settings
from indexer.statistics.fuser import Fuser
from indexer.statistics.reduction import reduce_batch
from tests.support.naive import Computed
from tests.support.reference import Reference
from tests.support.small_runs import TEXTS, make, save_model, write_corpus

pytestmark = pytest.mark.usefixtures("one_thread")


def result(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "gpu.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.slow
def test_every_part_passes_its_rehearsal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main(["--cpu", "--inline", "--out", str(tmp_path)]) == 0, capsys.readouterr().out[-4000:]
    found = result(tmp_path)
    assert {part["name"] for part in found["parts"].values()} == {name for name, _, _ in gpu.PARTS.values()}
    assert all(part["state"] == "passed" and part["rows"] for part in found["parts"].values())
    assert found["software"]["torch"]
    assert found["machine"]["device"] == "cpu"
    cases = {row["case"]: row["figures"] for part in found["parts"].values() for row in part["rows"]}
    assert cases["SmolLM2-135M bfloat16"]["bare_tokens_per_s"] > 0
    assert set(cases["SmolLM2-135M bfloat16"]["time_steady"]) == {"s", "s_profiled", "busy_s", "top"}
    rows = sum(len(part["rows"]) for part in found["parts"].values())  # cases of two parts may have one name
    assert (tmp_path / "gpu.md").read_text(encoding="utf-8").count("| yes |") == rows


def test_the_limits_together_are_under_eight_minutes() -> None:
    assert sum(limit for _, _, limit in gpu.PARTS.values()) <= 8 * 60


def made_up(monkeypatch: pytest.MonkeyPatch, run: Callable[[Kit], None]) -> None:
    """Part 1 does this; part 2 tells that it ran."""
    monkeypatch.setattr(gpu, "PARTS", {1: ("made up", "made_up", 10), 2: ("the next", "the_next", 10)})
    for name, function in (("made_up", run), ("the_next", lambda kit: kit.row("here", True))):
        module = types.ModuleType(f"benchmarks.gpu_parts.{name}")
        module.run = function  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)


def test_a_case_that_fails_leaves_its_traceback_and_the_other_cases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks() -> None:
        raise ValueError("it broke here")

    def run(kit: Kit) -> None:
        with kit.case("first") as figures:
            figures["seen"] = 7
            breaks()
        with kit.case("second") as figures:
            figures |= {"passed": False, "why": "unequal"}
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Kit, "left", 1.0)
            assert not kit.room("third", 2.0)
        with kit.case("fourth"):
            pass
        raise KeyError("the part itself")

    made_up(monkeypatch, run)
    assert gpu.main(["--cpu", "--inline", "--parts", "1,2", "--out", str(tmp_path)]) == 1
    parts = result(tmp_path)["parts"]
    assert (parts["1"]["state"], parts["2"]["state"]) == ("failed", "passed")
    rows = {row["case"]: row for row in parts["1"]["rows"]}
    assert {case: row["passed"] for case, row in rows.items()} == {
        **{"first": False, "second": False, "third": False, "fourth": True, "the part itself": False}
    }
    assert rows["first"]["figures"]["seen"] == 7
    assert "it broke here" in rows["first"]["figures"]["error"]
    assert "it broke here" in (tmp_path / "part-1-first-error.txt").read_text(encoding="utf-8")
    assert "in run" in (tmp_path / "part-1-the-part-itself-error.txt").read_text(encoding="utf-8")


def test_a_part_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "PARTS", {1: ("statistics", "exact", 0), 2: ("the next", "the_next", 10)})
    monkeypatch.setattr(gpu, "_GRACE", 0.1)
    assert gpu.main(["--cpu", "--parts", "1", "--out", str(tmp_path)]) == 1
    assert result(tmp_path)["parts"]["1"]["state"] == "took longer than 0 s"


@pytest.mark.parametrize("parts", ["9", "", "one"])
def test_a_part_that_is_not_there_is_refused(parts: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        gpu.main(["--parts", parts, "--out", str(tmp_path)])
    assert "names no parts" in capsys.readouterr().err


# What it compares


SETTINGS = Settings(context=48, rank_by=("post", "gate", "in", "act", "random"), batch_tokens=1)
NEURON = 4


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> tuple[NeuronRecord, list[Computed]]:
    """A neuron as an index has it, and what plain transformers computes for it."""
    folder = tmp_path_factory.mktemp("right")
    model = save_model(folder / "model")
    texts = TEXTS[:16]
    db = make(model, write_corpus(folder / "texts.jsonl", texts), folder / "x.db", SETTINGS, compile="off")
    with Index(db) as index:
        return index.neuron(f"L1N{NEURON}", signs="raw"), Reference.of(model, texts, SETTINGS).layer(1)


def altered(record: NeuronRecord, **changes: Any) -> NeuronRecord:
    quadrants = dict(record.quadrants)
    quadrants[Quadrant.PP] = replace(quadrants[Quadrant.PP], **changes)
    return replace(record, quadrants=quadrants)


def faults(record: NeuronRecord) -> dict[str, NeuronRecord]:
    """A right record, and what it looks like with one fault each."""
    best: QuadrantRecord = record.quadrants[Quadrant.PP]
    examples = dict(best.examples)
    first, second, *others = examples["post"]
    window = list(first.gate)
    window[first.peak - 1] = -(window[first.peak - 1] or 1.0)
    return {
        "counted": replace(record, tokens_counted=record.tokens_counted + 1),
        "count": altered(record, count=best.count + 40),
        "mean": altered(record, mean=replace(best.mean, in_=(best.mean.in_ or 0.0) + 0.01)),
        "extreme": altered(record, extreme=replace(best.extreme, post=(best.extreme.post or 0.0) * 1.01)),
        "order": altered(record, examples={**examples, "post": (second, first, *others)}),
        "missing": altered(record, examples={**examples, "post": (first, *others)}),
        "value": altered(record, examples={**examples, "post": (replace(first, value=first.value * 1.01), second)}),
        "window": altered(record, examples={**examples, "post": (replace(first, gate=tuple(window)), second, *others)}),
    }


@pytest.mark.slow
def test_a_right_neuron_has_no_differences_and_every_fault_is_one(
    right: tuple[NeuronRecord, list[Computed]],
) -> None:
    record, computed = right
    assert list(different(record, computed, NEURON, SETTINGS)) == []
    for name, faulty in faults(record).items():
        assert list(different(faulty, computed, NEURON, SETTINGS)), name


@pytest.mark.slow
def test_two_indexes_are_far_apart_by_what_is_more_than_rounding(right: tuple[NeuronRecord, list[Computed]]) -> None:
    record, _ = right
    words, apart = far({"a": record}, {"a": record}, 1e-4)
    assert words == []
    assert set(apart.values()) == {0.0}
    for name, faulty in faults(record).items():
        if name in ("order", "missing", "window"):  # near ties may change them
            continue
        assert far({"a": record}, {"a": faulty}, 1e-4)[0], name
    extreme = record.quadrants[Quadrant.PP].extreme
    near = altered(record, extreme=replace(extreme, post=(extreme.post or 0.0) * (1 + 1e-6)))
    words, apart = far({"a": record}, {"a": near}, 1e-4)
    assert words == []
    assert 0 < apart["value"] < 1e-5


def test_two_reductions_are_unlike_by_what_differs() -> None:
    values, counted, priority = batch((2, 30, 5), torch.bfloat16, "cpu")
    assert int((values.gate == 0).sum()) > 0
    assert set(counted.flatten().tolist()) == {-1, 0}
    found = reduce_batch(values, counted, priority, LAYOUT, Fuser(False, pytest.fail))
    assert unlike(found, found) == []
    for name, tensor in found._asdict().items():
        other = tensor.clone()
        other[1, ..., 2] = ~other[1, ..., 2] if name == "finite" else other[1, ..., 2] + 1
        assert unlike(found, found._replace(**{name: other})) == [name]


def test_a_token_may_go_to_another_expert_only_where_rounding_allows_it(
    right: tuple[NeuronRecord, list[Computed]],
) -> None:
    record = replace(right[0], tokens_counted=550)
    moved = replace(record, tokens_counted=540)
    assert far({"L0E2N3": record}, {"L0E2N3": moved}, 6e-2)[0] == []
    assert far({"L0E2N3": record}, {"L0E2N3": moved}, 1e-4)[0] == ["L0E2N3 counted: 540, not 550"]
    assert far({"L0N3": record}, {"L0N3": moved}, 6e-2)[0] == ["L0N3 counted: 540, not 550"]
