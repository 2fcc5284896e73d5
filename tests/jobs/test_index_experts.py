"""A whole index of a mixture of experts says what the naive loop says about plain transformers, expert by expert."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.addresses import NeuronAddress, SiteAddress
from indexer.database.reader import Index
from indexer.settings import Settings

from ..support import naive
from ..support.compare import compare
from ..support.reference_experts import ExpertReference
from ..support.small_runs import TEXTS, make, write_corpus
from ..support.tiny_experts import save_mixture

pytestmark = pytest.mark.usefixtures("one_thread")

ROUNDING = 2e-5  # of values that depend on what is in a batch
_VARIED = [text for text in TEXTS if len(set(text)) > 1]
APART = tuple(f"{first} {text}" for first, text in zip("ABCDEFGHIJKLMNOP", _VARIED, strict=False))
"""Texts that begin with different tokens: no two values are so equal that rounding puts them in either order."""
SMALL: dict[str, Any] = {
    **{"num_hidden_layers": 2, "intermediate_size": 12, "moe_intermediate_size": 12, "sliding_window": 500},
}


@dataclass(frozen=True)
class Case:
    config_class: str
    sites: tuple[str, ...]  # but for the experts, which are all there
    settings: Settings = field(default_factory=lambda: Settings(context=48))
    model: dict[str, Any] = field(default_factory=dict)
    experts: int = 6
    layers: tuple[int, ...] = (0, 1)  # that have experts


CASES = {
    "mixtral": Case("MixtralConfig", ()),
    "qwen3_moe, dense and sparse": Case("Qwen3MoeConfig", ("L0",), layers=(1,)),
    "deepseek_v3, shared": Case("DeepseekV3Config", ("L0", "L1S"), layers=(1,)),
    "gpt_oss": Case("GptOssConfig", (), Settings(context=48, rank_by=("post", "gate", "in", "act", "random"))),
    "qwen2_moe, short lists": Case(
        "Qwen2MoeConfig",
        ("L0S", "L1S"),
        Settings(context=30, top_k=3, window=(5, 2), sample=7, duplicates="keep", count_first=True),
        {"mlp_only_layers": []},
    ),
    "act kept": Case(
        "OlmoeConfig", (), Settings(context=48, rank_by=("post", "act"), sample=50), {"hidden_act": "laplace"}
    ),
}


RUNS = [
    *((name, TEXTS, 1, 0.0) for name in CASES),  # every sequence alone, as in the reference, so all is exact
    *((name, APART, 300, ROUNDING) for name in ("mixtral", "deepseek_v3, shared", "gpt_oss")),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "texts", "batch_tokens", "rounding"), RUNS)
def test_an_index_of_experts_says_what_the_naive_loop_says(
    name: str, texts: tuple[str, ...], batch_tokens: int, rounding: float, tmp_path: Path
) -> None:
    case = CASES[name]
    model = save_mixture(tmp_path / "model", case.config_class, **{**SMALL, **case.model})
    settings = Settings(**{**_as_dict(case.settings), "batch_tokens": batch_tokens})
    db = make(model, write_corpus(tmp_path / "texts.jsonl", texts), tmp_path / "x.db", settings)
    reference = ExpertReference(model, texts, settings)
    routed = {f"L{layer}E{expert}" for layer in case.layers for expert in range(case.experts)}
    with Index(db) as index:
        info = index.info()
        assert {site.address.name for site in info.sites} == {*case.sites, *routed}
        assert [site.address for site in info.sites] == sorted(site.address for site in info.sites)
        for layer in case.layers:
            for expert in range(case.experts):
                site = SiteAddress("", layer, expert)
                computed = reference.expert(layer, expert)
                for number in (0, 3, 11):
                    record = index.neuron(NeuronAddress(site, number), signs="raw")
                    assert record.tokens_corpus == reference.tokens
                    compare(record, computed, number, settings, rounding)
                compare_sample(db, index, site, computed, settings)
        sites = [SiteAddress("", case.layers[0], expert) for expert in range(case.experts)]
        share = sum(index.site(site).tokens_counted for site in sites)
        counted = sum(len(one.ids) - (not settings.count_first) for one in reference.cuts)
        assert share == 2 * counted  # each token is routed to two


@pytest.mark.slow
def test_experts_of_widths_that_no_grouped_product_takes_run_with_one_notice(tmp_path: Path) -> None:
    model = save_mixture(tmp_path / "model", "MixtralConfig", **{**SMALL, "intermediate_size": 13})
    notices: list[str] = []
    make(model, write_corpus(tmp_path / "texts.jsonl"), tmp_path / "x.db", Settings(context=48), notices=notices)
    assert [notice for notice in notices if "grouped" in notice] == [
        "experts run one after the other, which takes longer: torch has no grouped product of matrices 16 by 13"
    ]


def compare_sample(
    db: Path, index: Index, site: SiteAddress, computed: list[naive.Computed], settings: Settings
) -> None:
    """The sample of an expert is what the seeded hash draws from the positions routed to it, with the values there."""
    drawn = sorted(
        (naive.position_hash(settings.seed, one.document, one.part, position), one.document, one.part, position)
        for one in computed
        for position in one.counted(settings.count_first)
    )[: settings.sample]
    with sqlite3.connect(db) as connection:
        stored = connection.execute(
            "SELECT q.document, q.part, p.position FROM sites AS s JOIN sample_positions AS p ON p.sample = s.sample "
            "JOIN sequences AS q ON q.id = p.sequence WHERE s.name = ? ORDER BY p.rank",
            (site.name,),
        ).fetchall()
    assert stored == [place[1:] for place in drawn]
    sequences = {(one.document, one.part): one for one in computed}
    sample = index.sample(NeuronAddress(site, 3), signs="raw")
    for quantity, values in (("gate", sample.gate), ("in", sample.in_)):
        exact = [sequences[d, p].value(quantity, position, 3) for _, d, p, position in drawn]
        np.testing.assert_allclose(values, exact, rtol=2**-10, atol=16 * 2**-25 + ROUNDING)


def _as_dict(settings: Settings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in Settings.__slots__}
