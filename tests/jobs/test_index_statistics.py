"""A whole index says what the naive loop says about plain transformers: every count, mean, extreme, list, window."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from indexer.addresses import NeuronAddress, SiteAddress
from indexer.database.reader import Index
from indexer.settings import Settings

from ..support.compare import compare, compare_sample, stored_dot
from ..support.reference import Reference
from ..support.small_runs import TEXTS, make, make_odd, save_model, write_corpus

pytestmark = pytest.mark.usefixtures("one_thread")

ONE = 1  # as --batch-tokens: every sequence goes through the model alone, as in the reference, so all is exact


@dataclass(frozen=True)
class Case:
    family: str
    settings: Settings = field(default_factory=Settings)
    model: dict[str, Any] = field(default_factory=dict)
    neurons: tuple[int, ...] = (0, 3, 5, 8)
    odd: bool = False


CASES = {
    "llama": Case("llama", Settings(context=48), neurons=tuple(range(10))),
    "biases": Case("llama_bias", Settings(context=48, rank_by=("post", "gate", "in", "act", "random"))),
    "gemma2": Case("gemma2", Settings(context=48, count_first=True)),
    "gemma3": Case("gemma3", Settings(context=32, bos="never", seed=5)),
    "gemma3, first counted": Case("gemma3", Settings(context=32, bos="never", count_first=True)),
    "phi3": Case("phi3", Settings(context=48, duplicates="keep", rank_by=("act", "random"), window=(3, 2))),
    "truncate": Case("llama", Settings(context=40, long="truncate")),
    "truncate, keep": Case("phi3", Settings(context=40, long="truncate", duplicates="keep")),
    "split, keep": Case("llama", Settings(context=17, duplicates="keep", count_first=True)),
    "cut-off": Case("llama", Settings(context=48, tokens=300)),
    "one layer": Case("gemma2", Settings(context=48, layers=(1,))),
    "the first layer": Case("llama_bias", Settings(context=48, layers=(0,))),
    "no BOS token": Case("llama", Settings(context=48), {"bos": False}),
    "BOS always": Case("llama", Settings(context=48, bos="always"), {"bos": False}),
    "short lists": Case("llama", Settings(context=20, top_k=2, window=(0, 0), sample=7)),
    "wide windows": Case("llama", Settings(context=24, top_k=3, window=(40, 40), sample=5000)),
    "no rankings": Case("llama", Settings(context=48, rank_by=("random",), sample=0)),
    "odd neurons": Case("llama", Settings(context=48, rank_by=("post", "act", "random")), odd=True),
    "odd neurons, relu": Case("llama", Settings(context=48), {"hidden_act": "relu"}, odd=True),
    "relu": Case("llama", Settings(context=48, rank_by=("post", "act")), {"hidden_act": "relu"}),
    "unnamed activation": Case("llama", Settings(context=48, rank_by=("post", "act")), {"hidden_act": "laplace"}),
    "bfloat16": Case("llama", Settings(context=48, dtype="bfloat16", rank_by=("post", "gate", "in", "act", "random"))),
    "float16": Case("gemma2", Settings(context=48, dtype="float16", count_first=True)),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_index_says_what_the_naive_loop_says(case: Case, tmp_path: Path) -> None:
    model = save_model(tmp_path / "model", case.family, **case.model)
    if case.odd:
        make_odd(model)
    settings = Settings(**{**_as_dict(case.settings), "batch_tokens": ONE})
    db = make(model, write_corpus(tmp_path / "texts.jsonl"), tmp_path / "x.db", settings)
    reference = Reference.of(model, TEXTS, settings)
    with Index(db) as index:
        info = index.info()
        layers = [site.address.layer for site in info.sites]
        assert layers == list(settings.layers or (0, 1))
        assert info.corpus["tokens"] == reference.tokens
        assert info.corpus["sequences"] == len(reference.cuts)
        for layer in layers:
            computed = reference.layer(layer)
            gates, ins = reference.weights(layer)
            for number in case.neurons:
                record = index.neuron(NeuronAddress(SiteAddress("", layer), number), signs="raw")
                dot = float(gates[number] @ ins[number])
                assert record.flipped == (dot < 0)
                assert stored_dot(db, layer, number) == pytest.approx(dot, rel=1e-12, abs=1e-15)
                assert record.tokens_corpus == reference.tokens
                compare(record, computed, number, settings)
        compare_sample(db, index, reference, settings, layers)


@pytest.mark.slow
def test_the_corpus_ends_with_the_document_in_which_the_tokens_reach_the_number(tmp_path: Path) -> None:
    model = save_model(tmp_path / "model")
    corpus = write_corpus(tmp_path / "texts.jsonl")
    cuts = Reference.of(model, TEXTS, Settings(context=48)).cuts
    reached = 0
    for document in (1, 2, 3, 4):
        before, reached = reached, sum(len(one.ids) for one in cuts if one.document <= document)
        for tokens in (before + 1, reached):
            db = make(model, corpus, tmp_path / f"{tokens}.db", Settings(context=48, tokens=tokens))
            with Index(db) as index:
                corpus_read = index.info().corpus
            assert (corpus_read["tokens"], corpus_read["documents"]) == (reached, document + 1)


@pytest.mark.slow
def test_the_telling_neuron_uses_three_quadrants_and_peaks_the_highest_above_its_mean(tmp_path: Path) -> None:
    model = make_odd(save_model(tmp_path / "model"))
    with Index(make(model, write_corpus(tmp_path / "texts.jsonl"), tmp_path / "x.db")) as index:
        contrasts = {}
        for address in (f"L{layer}N{number}" for layer in (0, 1) for number in range(10)):
            quadrants = index.neuron(address).quadrants.values()
            used = [quadrant for quadrant in quadrants if (quadrant.frequency or 0.0) >= 0.005]
            if len(used) >= 3:
                contrasts[address] = max(
                    abs(quadrant.extreme.post or 0.0) / abs(quadrant.mean.post or 1.0) for quadrant in used
                )
        assert 2 < len(contrasts) < 20
        assert index.telling_neuron is not None
        assert index.telling_neuron.name == max(contrasts, key=lambda address: contrasts[address])


def _as_dict(settings: Settings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in Settings.__slots__}
