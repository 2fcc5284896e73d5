"""Invariants of every index, whatever the model, the text and the settings, checked on the output of `show`."""

from __future__ import annotations

import json
import math
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gluscope_tui.cli.app import run
from indexer.settings import Settings

from ..support.small_runs import LAYERS, WIDTH, make, make_odd, save_model, write_corpus

pytestmark = pytest.mark.usefixtures("one_thread")

SIGNS = {  # post, in, gate, act
    "++": (1, 1, 1, 1),
    "+-": (-1, -1, 1, 1),
    "-+": (-1, 1, -1, -1),
    "--": (1, -1, -1, -1),
}
FLIPPED = {"++": "+-", "+-": "++", "-+": "--", "--": "-+"}
ADDRESSES = [f"L{layer}N{number}" for layer in range(LAYERS) for number in range(WIDTH)]
MODELS = ("llama", "odd", "gemma3", "phi3")

Ids = dict[tuple[int, int], list[int]]
"""Token ids of a document's part."""

WORDS = st.sampled_from(["the cat", " sat", "猫が座った", "🙂", "\n", "\x00\x1b[31m", "<s>", " a", "é"])
TEXTS = st.lists(st.lists(WORDS, max_size=20).map("".join), min_size=1, max_size=12).filter(any)
SETTINGS = st.builds(
    Settings,
    context=st.sampled_from([2, 9, 30, 1024]),
    long=st.sampled_from(["split", "truncate"]),
    tokens=st.none() | st.integers(1, 100),
    bos=st.sampled_from(["auto", "never"]),
    count_first=st.booleans(),
    top_k=st.integers(1, 5),
    rank_by=st.sets(st.sampled_from(["post", "gate", "in", "act", "random"])).map(lambda names: tuple(sorted(names))),
    duplicates=st.sampled_from(["fold", "keep"]),
    window=st.tuples(st.integers(0, 30), st.integers(0, 30)),
    sample=st.integers(0, 40),
    dtype=st.sampled_from(["float32", "float32", "bfloat16", "float16"]),
    seed=st.integers(-(2**63), 2**63 - 1),
    batch_tokens=st.sampled_from([1, 50, 4096]),
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    saved = {name: save_model(folder / name, "llama" if name == "odd" else name) for name in MODELS}
    make_odd(saved["odd"])
    return saved


@pytest.mark.slow
@hypothesis_settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(name=st.sampled_from(MODELS), texts=TEXTS, settings=SETTINGS)
def test_invariants_hold_in_every_index(
    models: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    name: str,
    texts: list[str],
    settings: Settings,
) -> None:
    db = tmp_path / "x.db"
    db.unlink(missing_ok=True)
    make(models[name], write_corpus(tmp_path / "texts.jsonl", texts), db, settings)
    shown = {signs: show(db, signs, capsys) for signs in ("raw", "aligned")}
    for raw, aligned in zip(shown["raw"], shown["aligned"], strict=True):
        assert aligned == (flip(raw) if raw["flipped"] else {**raw, "signs": "aligned"})
    with sqlite3.connect(db) as connection:
        ids = stored_ids(connection)
        for signs, neurons in shown.items():
            for neuron in neurons:
                check_neuron(neuron, settings, ids)
                check_activation(neuron, gelu_tanh if name == "gemma3" else silu, settings)
                check_view(connection, f"neuron_{signs}", neuron)


def show(db: Path, signs: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """All neurons as `gluscope show` prints them, without what the weights say: other tests flip that."""
    capsys.readouterr()
    assert run(["show", *ADDRESSES, "-f", "json", "--signs", signs, "--db", str(db)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    neurons: list[dict[str, Any]] = json.loads(out, parse_constant=lambda constant: pytest.fail(constant))
    for neuron in neurons:
        neuron.pop("weights", None)
    return neurons


def stored_ids(connection: sqlite3.Connection) -> Ids:
    """The token ids that the index keeps of each sequence; fewer than 65,536 tokens: two bytes each."""
    rows = connection.execute("SELECT document, part, tokens FROM sequences")
    return {(document, part): np.frombuffer(zlib.decompress(data), "<u2").tolist() for document, part, data in rows}


def check_neuron(neuron: dict[str, Any], settings: Settings, ids: Ids) -> None:
    quadrants = neuron["quadrants"]
    assert sum(cell["count"] for cell in quadrants.values()) + neuron["zero"] == neuron["tokens_counted"]
    assert all(math.copysign(1, number) == 1 for number in numbers(neuron) if number == 0)
    for name, cell in quadrants.items():
        counted = neuron["tokens_counted"]
        assert cell["frequency"] == (cell["count"] / counted if counted else None)
        for quantity, sign in zip(("post", "in", "gate", "act"), SIGNS[name], strict=True):
            mean, extreme = cell["mean"][quantity], cell["extreme"][quantity]
            if cell["count"] == 0:
                assert mean is extreme is None
                continue
            assert sign * mean >= 0
            assert sign * extreme >= 0
            assert abs(mean) <= abs(extreme) * (1 + 2**-22)
            assert mean != 0 or quantity in ("post", "act")  # which may underflow
        for ranking, examples in cell["examples"].items():
            check_list(ranking, examples, name, cell, settings, ids)


def check_list(
    ranking: str, examples: list[dict[str, Any]], quadrant: str, cell: dict[str, Any], settings: Settings, ids: Ids
) -> None:
    if ranking != "random":
        extreme = cell["extreme"][ranking]
        assert (examples[0]["value"] if examples else 0.0) == (extreme or 0.0)
        order = [(-abs(e["value"]), e["document"], e["part"]) for e in examples]
        assert all(one < other for one, other in pairwise(order))
    else:
        assert bool(examples) == (cell["count"] > 0)
    assert len(examples) <= (8 if ranking == "random" else settings.top_k)
    # the others take one position of each sequence, a draw takes any
    place = ("document", "part", "position") if ranking == "random" else ("document", "part")
    assert len({tuple(e[name] for name in place) for e in examples}) == len(examples)
    folds = {tuple(ids[e["document"], e["part"]][max(0, e["position"] - 24) : e["position"] + 1]) for e in examples}
    assert settings.duplicates == "keep" or len(folds) == len(examples)
    for rank, example in enumerate(examples):
        assert example["rank"] == rank
        assert "".join(example["tokens"]) == example["text"]
        check_peak(ranking, example, quadrant, settings)


def check_peak(ranking: str, example: dict[str, Any], quadrant: str, settings: Settings) -> None:
    peak, position = example["peak"], example["position"]
    gate, in_, act, post = (np.float32(example[name][peak]) for name in ("gate", "in", "act", "post"))
    assert example["value"] == example["post" if ranking == "random" else ranking][peak]
    assert (np.sign(gate), np.sign(in_)) == (SIGNS[quadrant][2], SIGNS[quadrant][1])
    ulp, least = {"float32": (0.0, 0.0), "bfloat16": (2**-8, 0.0), "float16": (2**-11, 2**-25)}[settings.dtype]
    assert abs(act * in_ - post) <= ulp * abs(post) + least
    start = position - peak
    assert peak == min(position, settings.window[0])
    assert position > 0 or settings.count_first
    for name in ("gate", "in", "act", "post"):
        assert len(example[name]) == len(example["tokens"]) <= sum(settings.window) + 1
        for place, value in enumerate(example[name], start):
            assert (value is None) == (place == 0 and not settings.count_first)
    for gate, in_, post in zip(example["gate"], example["in"], example["post"], strict=True):
        if gate is not None and post != 0:
            assert np.sign(post) == np.sign(gate) * np.sign(in_)


def check_activation(neuron: dict[str, Any], activation: Callable[[float], float], settings: Settings) -> None:
    """At every peak act is the activation of gate, as exactly as the model computes."""
    rounding = {"float32": 1e-6, "bfloat16": 2**-7, "float16": 2**-10}[settings.dtype]
    for cell in neuron["quadrants"].values():
        for example in (example for examples in cell["examples"].values() for example in examples):
            gate, act = example["gate"][example["peak"]], example["act"][example["peak"]]
            assert abs(act - activation(gate)) <= rounding * min(1.0, abs(gate)) + rounding * abs(act)


def silu(gate: float) -> float:
    return gate / (1 + math.exp(-gate)) if gate > -700 else 0.0


def gelu_tanh(gate: float) -> float:
    return gate / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (gate + 0.044715 * gate**3)))


def numbers(value: Any) -> Iterator[float]:
    """All floats in a parsed JSON."""
    if isinstance(value, float):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from numbers(inner)


def flip(neuron: dict[str, Any]) -> dict[str, Any]:
    """The neuron with w_in and w_out negated: the quadrants' names change, in and post change sign."""

    def negated(values: dict[str, Any]) -> dict[str, Any]:
        return {name: minus(value) if name in ("in", "post") else value for name, value in values.items()}

    def minus(value: Any) -> Any:
        if isinstance(value, list):
            return [minus(inner) for inner in value]
        return None if value is None else 0.0 - value

    def example(ranking: str, one: dict[str, Any]) -> dict[str, Any]:
        return {**negated(one), "value": one["value"] if ranking in ("gate", "act") else minus(one["value"])}

    def cell(one: dict[str, Any]) -> dict[str, Any]:
        examples = {ranking: [example(ranking, e) for e in listed] for ranking, listed in one["examples"].items()}
        return {**one, "mean": negated(one["mean"]), "extreme": negated(one["extreme"]), "examples": examples}

    quadrants = {name: cell(neuron["quadrants"][FLIPPED[name]]) for name in FLIPPED}
    return {**neuron, "signs": "aligned", "quadrants": quadrants}


def check_view(connection: sqlite3.Connection, view: str, neuron: dict[str, Any]) -> None:
    """A row of the view says what `show` says."""
    cursor = connection.execute(f"SELECT * FROM {view} WHERE neuron = ?", (neuron["neuron"],))
    names = [column[0] for column in cursor.description]
    row = dict(zip(names, cursor.fetchone(), strict=True))
    assert (row["tokens_counted"], row["zero"]) == (neuron["tokens_counted"], neuron["zero"])
    assert None if row["flipped"] is None else bool(row["flipped"]) == neuron["flipped"]
    for name, cell in neuron["quadrants"].items():
        letters = name.replace("+", "p").replace("-", "n")
        assert row[f"count_{letters}"] == cell["count"]
        assert (row[f"frequency_{letters}"] or 0.0) == cell["frequency"]
        for quantity in ("gate", "in", "act", "post"):
            assert row[f"extreme_{quantity}_{letters}"] == cell["extreme"][quantity]
            mean = row[f"mean_{quantity}_{letters}"]
            assert cell["mean"][quantity] == (None if mean is None else float(np.float32(mean)))


@pytest.mark.slow
@pytest.mark.parametrize("family", ["llama", "llama_bias", "gemma3", "phi3"])
def test_reading_aligned_equals_indexing_a_model_whose_weights_were_aligned(
    family: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = write_corpus(tmp_path / "texts.jsonl")
    settings = Settings(context=48, rank_by=("post", "gate", "in", "act", "random"))
    as_saved = save_model(tmp_path / "model", family)
    raw = make(as_saved, corpus, tmp_path / "raw.db", settings)
    turned = align(as_saved)
    assert 0 < turned < LAYERS * WIDTH
    aligned = make(as_saved, corpus, tmp_path / "aligned.db", settings)
    found, expected = show(raw, "aligned", capsys), show(aligned, "raw", capsys)
    assert sum(neuron["flipped"] for neuron in found) == turned
    assert not any(neuron["flipped"] for neuron in expected)
    for mine, theirs in zip(found, expected, strict=True):
        assert mine == {**theirs, "flipped": mine["flipped"], "signs": "aligned"}
    for address in ADDRESSES:
        assert sample(raw, "aligned", address) == sample(aligned, "raw", address)


def sample(db: Path, signs: str, address: str) -> object:
    from indexer import open as open_index

    with open_index(db) as index:
        return index.sample(address, signs=signs)


def align(model: Path) -> int:
    """Negate w_in, its bias and w_out where w_gate · w_in < 0, in the files of a model; how often."""
    import torch
    from safetensors.torch import load_file, save_file

    file = model / "model.safetensors"
    weights = load_file(file)
    turned = 0
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}.mlp."
        down = weights[f"{prefix}down_proj.weight"]
        if (fused := weights.get(f"{prefix}gate_up_proj.weight")) is not None:
            gate, in_ = fused.chunk(2)
            bias = None
        else:
            gate, in_ = weights[f"{prefix}gate_proj.weight"], weights[f"{prefix}up_proj.weight"]
            bias = weights.get(f"{prefix}up_proj.bias")
        for number in range(WIDTH):
            if float(gate[number].double() @ in_[number].double()) < 0:
                turned += 1
                in_[number] *= -1.0
                down[:, number] *= -1.0
                if bias is not None:
                    bias[number] *= -1.0
    save_file({name: torch.clone(weight) for name, weight in weights.items()}, file, metadata={"format": "pt"})
    return turned
