"""Indexes of the real SmolLM2 and Gemma 3 say what plain transformers says."""

from __future__ import annotations

import pydoc_data.topics
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from indexer.database.read.statistics import COLUMNS
from indexer.database.reader import Index
from indexer.jobs import prepare
from indexer.models.load import load
from indexer.models.loaded import LoadedModel
from indexer.settings import Settings

from ..support.compare import compare
from ..support.naive import QUANTITIES, SIGNS
from ..support.real_models import gemma3_path, smollm2_path
from ..support.reference import Reference
from ..support.rounding import Values
from ..support.small_runs import make, write_corpus

Floats = npt.NDArray[np.float64]
NEURONS = (0, 77, 345, 901, 1500)
TEXTS = [text for text in pydoc_data.topics.topics.values() if len(text) < 2500]


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[LoadedModel]:
    """The models that are loaded for indexing: the reference runs them too, since a GGUF file takes long to read."""
    found: list[LoadedModel] = []

    def keeping(*arguments: Any, **options: Any) -> LoadedModel:
        found.append(load(*arguments, **options))
        return found[-1]

    monkeypatch.setattr(prepare, "load", keeping)
    return found


def reference_of(loaded: list[LoadedModel], settings: Settings) -> Reference:
    """The model as transformers runs it; that its weights are those of the file is checked elsewhere."""
    (one,) = loaded
    return Reference(one.model, one.tokenizer, TEXTS, settings)


def counted(reference: Reference, layer: int) -> dict[str, Floats]:
    """Each quantity at all counted positions: position neuron."""
    sequences = reference.values(layer)
    return {
        name: np.concatenate([values[place].numpy()[1:] for values in sequences]).astype(np.float64)
        for place, name in enumerate(QUANTITIES)
    }


def stored(db: Path, layer: int) -> dict[str, npt.NDArray[Any]]:
    """The columns of a layer's neurons."""
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    with sqlite3.connect(db) as connection:
        rows = connection.execute(f"SELECT {names} FROM neurons WHERE layer = ? ORDER BY id", (layer,)).fetchall()
    return {name: np.array(column) for name, column in zip(COLUMNS, zip(*rows, strict=True), strict=True)}


@pytest.mark.real
@pytest.mark.usefixtures("one_thread")
def test_smollm2_is_indexed_as_plain_transformers_computes_it(loaded: list[LoadedModel], tmp_path: Path) -> None:
    settings = Settings(context=512, tokens=2000, layers=(0, 15, 29), batch_tokens=1)  # alone: exact
    corpus = write_corpus(tmp_path / "texts.jsonl", TEXTS)
    db = make(smollm2_path(), corpus, tmp_path / "x.db", settings, weights=False)
    reference = reference_of(loaded, settings)
    assert reference.tokens >= 2000
    with Index(db) as index:
        assert [site.address.layer for site in index.sites] == [0, 15, 29]
        assert index.info().corpus["tokens"] == reference.tokens
        for site in index.sites:
            layer = site.address.layer
            found, values = stored(db, layer), counted(reference, layer)
            gates, ins = reference.weights(layer)
            np.testing.assert_allclose(found["dot_gate_in"], (gates * ins).sum(1), rtol=1e-9, atol=1e-12)
            assert site.tokens_counted == len(values["gate"])
            for quadrant, (gate_sign, in_sign) in SIGNS.items():
                letters = quadrant.replace("+", "p").replace("-", "n")
                inside = (values["gate"] * gate_sign > 0) & (values["in"] * in_sign > 0)  # position neuron
                assert np.array_equal(found[f"count_{letters}"], inside.sum(0))
                for quantity in QUANTITIES:
                    within = np.where(inside, values[quantity], 0.0)
                    np.testing.assert_allclose(found[f"sum_{quantity}_{letters}"], within.sum(0), rtol=1e-9, atol=1e-9)
                    extreme = np.take_along_axis(within, np.abs(within).argmax(0)[None], 0)[0]
                    extreme[~inside.any(0)] = np.nan
                    extremes = found[f"extreme_{quantity}_{letters}"].astype(float)
                    assert np.array_equal(extremes, extreme, equal_nan=True)
            computed = reference.layer(layer, NEURONS)
            for column, number in enumerate(NEURONS):
                compare(index.neuron(f"L{layer}N{number}", signs="raw"), computed, column, settings)


@pytest.mark.real
@pytest.mark.usefixtures("one_thread")
def test_gemma_3_is_indexed_as_plain_transformers_computes_it_except_for_rounding(
    loaded: list[LoadedModel], tmp_path: Path
) -> None:
    settings = Settings(context=128, tokens=1200, layers=(0, 9, 17), batch_tokens=1024)
    corpus = write_corpus(tmp_path / "texts.jsonl", TEXTS)
    db = make(gemma3_path(), corpus, tmp_path / "x.db", settings, weights=False)
    reference = reference_of(loaded, settings)
    rounding = 1e-4  # float32 through 18 layers, of the largest value of a quantity
    with Index(db) as index:
        assert [site.activation for site in index.sites] == ["gelu_tanh"] * 3
        for layer in settings.layers or ():
            found, values = stored(db, layer), counted(reference, layer)
            slack = {name: rounding * np.abs(of).max(0) for name, of in values.items()}
            near = (np.abs(values["gate"]) <= slack["gate"]) | (np.abs(values["in"]) <= slack["in"])
            for quadrant, (gate_sign, in_sign) in SIGNS.items():
                letters = quadrant.replace("+", "p").replace("-", "n")
                inside = (values["gate"] * gate_sign > 0) & (values["in"] * in_sign > 0)
                count = found[f"count_{letters}"]
                assert (np.abs(count - inside.sum(0)) <= near.sum(0)).all()
                for quantity in QUANTITIES:
                    total = np.where(inside, values[quantity], 0.0).sum(0)
                    edge = np.where(near, np.abs(values[quantity]), 0.0).sum(0) + len(near) * slack[quantity]
                    assert (np.abs(found[f"sum_{quantity}_{letters}"] - total) <= edge).all()
            computed = reference.layer(layer, NEURONS)
            for column, number in enumerate(NEURONS):
                exact = Values(computed, column, rounding)
                exact.compare(index.neuron(f"L{layer}N{number}", signs="raw"), settings)
