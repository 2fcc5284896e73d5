"""Indexes of experts in parts, cut off, extended, and of experts that no token reaches: the same as in one go."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from gluscope_tui.views import json as views
from indexer.database.reader import Index
from indexer.errors import GluscopeError
from indexer.jobs.merge import merge
from indexer.jobs.prepare import silent
from indexer.settings import Settings

from ..support.expert_folder import SETTINGS, SIZES, Folder, sampled
from ..support.long_runs import CutOff, cut_off
from ..support.outputs import shown
from ..support.small_runs import make, write_corpus
from ..support.tiny_experts import save_mixture

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(tmp_path_factory.mktemp("experts"))


def same(one: Path, other: Path) -> None:
    assert shown(one) == shown(other)
    assert sampled(one) == sampled(other)


@pytest.mark.slow
def test_shards_of_a_mixture_joined_in_either_order_are_the_whole(folder: Folder) -> None:
    parts = [folder.make(f"{number}.db", shard=f"{number}/3") for number in (1, 2, 3)]
    same(merge(folder.path / "joined.db", parts, silent), folder.whole)
    first = merge(folder.path / "first.db", [parts[2], parts[0]], silent)
    same(merge(folder.path / "nested.db", [first, parts[1]], silent), folder.whole)


@pytest.mark.slow
def test_a_run_over_experts_that_was_cut_off_goes_on_to_the_same_index(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off(monkeypatch, after=4)
    with pytest.raises(CutOff):
        folder.make("again.db", checkpoint_every=0.0)
    same(folder.make("again.db"), folder.whole)


@pytest.mark.slow
def test_an_index_of_experts_is_extended(folder: Folder) -> None:
    settings = Settings(**{**{n: getattr(SETTINGS, n) for n in Settings.__slots__}, "tokens": 150})
    db = folder.make("longer.db", settings)
    with Index(db) as short:
        before = sum(site.tokens_counted for site in short.sites)
    extended = folder.make("longer.db")
    with Index(extended) as long, Index(folder.whole) as whole:
        assert sum(site.tokens_counted for site in long.sites) > before
        assert [site.tokens_counted for site in long.sites] == [site.tokens_counted for site in whole.sites]
    with sqlite3.connect(extended) as one, sqlite3.connect(folder.whole) as other:
        query = (
            "SELECT s.name, p.rank, q.document, q.part, p.position FROM sites AS s JOIN sample_positions AS p "
            "ON p.sample = s.sample JOIN sequences AS q ON q.id = p.sequence ORDER BY s.name, p.rank"
        )
        assert one.execute(query).fetchall() == other.execute(query).fetchall()


@pytest.mark.slow
def test_layers_of_a_mixture_indexed_apart_are_joined(folder: Folder) -> None:
    def only(*layers: int) -> Settings:
        return Settings(**{**{n: getattr(SETTINGS, n) for n in Settings.__slots__}, "layers": layers})

    parts = [folder.make("l0.db", only(0)), folder.make("l1.db", only(1))]
    same(merge(folder.path / "layers.db", parts, silent), folder.whole)


@pytest.mark.slow
def test_only_the_experts_asked_for_are_indexed_the_same_as_among_all(folder: Folder) -> None:
    settings = Settings(**{**{n: getattr(SETTINGS, n) for n in Settings.__slots__}, "experts": (1, 4)})
    db = folder.make("some.db", settings)
    with Index(db) as some, Index(folder.whole) as whole:
        assert [site.address.name for site in some.sites] == ["L0", "L1E1", "L1E4", "L1S"]
        for neuron in ("L0N3", "L1E1N3", "L1E4N0", "L1SN2"):
            one, other = (views.neuron(index_.neuron(neuron)) for index_ in (some, whole))
            assert json.dumps(one) == json.dumps(other)


@pytest.mark.slow
def test_an_expert_that_the_model_does_not_have_is_refused(folder: Folder) -> None:
    settings = Settings(**{**{n: getattr(SETTINGS, n) for n in Settings.__slots__}, "experts": (1, 6)})
    with pytest.raises(GluscopeError, match=r"no expert 6\n.*experts 0-5"):
        folder.make("none.db", settings)


@pytest.mark.slow
def test_trap_aux_free_routing_an_expert_that_no_token_reaches_has_no_numbers(tmp_path: Path) -> None:
    model = save_mixture(tmp_path / "model", "DeepseekV3Config", **SIZES)
    file = model / "model.safetensors"
    weights = load_file(file)
    weights["model.layers.1.mlp.gate.e_score_correction_bias"][2] = -1000.0  # it moves the choice, not the weight
    save_file(weights, file, metadata={"format": "pt"})
    db = make(model, write_corpus(tmp_path / "texts.jsonl"), tmp_path / "x.db", SETTINGS)
    with Index(db) as opened:
        counted = {site.address.name: site.tokens_counted for site in opened.sites}
        assert [name for name, count in counted.items() if count == 0] == ["L1E2"]
        record = opened.neuron("L1E2N3")
        for quadrant in record.quadrants.values():
            assert quadrant.count == 0
            assert not any(quadrant.mean.as_dict().values())
            assert quadrant.extreme.post is None
            assert all(list_ == () for list_ in quadrant.examples.values())
        assert opened.sample("L1E2N3").gate == ()
    with sqlite3.connect(db) as connection:
        row = connection.execute(
            "SELECT frequency_pp, mean_post_pp, extreme_in_nn FROM neuron_aligned WHERE site = 'L1E2'"
        ).fetchone()
    assert row == (None, None, None)
