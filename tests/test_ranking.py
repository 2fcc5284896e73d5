"""A ranking is one entry in a table: a run, an index, a merge and every reading command know the rest from it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import indexer
from gluscope_tui.cli.index import parse_rankings
from gluscope_tui.views.contexts import colour_of
from indexer.jobs.merge import merge
from indexer.quadrants import QUADRANTS, QUANTITIES, Quantity
from indexer.ranking import RANKINGS, Order, Ranking, list_code, list_of_code, ranking_of_code
from indexer.settings import Settings

from .support import naive
from .support.fed import WIDTH, feed, listed, make_sequences
from .support.long_runs import Folder
from .support.outputs import SMALL, shown

DOCS = Path(__file__).parents[1] / "docs"
PRODUCT = Ranking("gate_in", 63, (Quantity.GATE, Quantity.IN))


@pytest.fixture
def sixth(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the time of a test there is a ranking by |gate * in|."""
    monkeypatch.setitem(RANKINGS, "gate_in", PRODUCT)


def test_codes_fit_where_they_are_kept_and_are_unique() -> None:
    codes = [ranking.code for ranking in RANKINGS.values()]
    assert len(set(codes)) == len(codes)
    assert all(0 < code < 64 for code in codes)  # with the quadrant it is one byte
    for name, ranking in RANKINGS.items():
        assert name == ranking.name
        assert ranking_of_code(ranking.code) is ranking
        for quadrant in QUADRANTS:
            assert list_of_code(list_code(name, quadrant)) == (name, quadrant)
    on_disk = {"post": 1, "gate": 2, "in": 3, "act": 4, "random": 5}  # these never change
    assert {name: RANKINGS[name].code for name in on_disk} == on_disk


def test_every_ranking_is_documented() -> None:
    """With its code, and with what it ranks by."""
    schema, numbers = ((DOCS / name).read_text(encoding="utf-8") for name in ("schema.md", "numbers.md"))
    section = numbers[numbers.index("## Rankings") : numbers.index("## Windows")]
    for ranking in RANKINGS.values():
        assert re.search(rf"\b{ranking.code} {ranking.name}\b", schema)
        assert f"`{ranking.name}`" in section


def test_drawn_lists_have_a_length_of_their_own_and_others_that_of_the_option() -> None:
    for ranking in RANKINGS.values():
        assert (ranking.order is Order.DRAW) == (ranking.examples is not None)
        assert ranking.k(5) == (ranking.examples or 5)


@pytest.mark.parametrize("name", RANKINGS)
def test_its_value_changes_sign_with_a_flip_as_its_factors_do(name: str) -> None:
    ranking, at_peak = RANKINGS[name], {"gate": 2.0, "in": -3.0, "act": 1.5, "post": -4.5}
    flipped = {**at_peak, "in": 3.0, "post": 4.5}
    value, after = (ranking.value([of[quantity] for quantity in QUANTITIES]) for of in (at_peak, flipped))
    assert after == (-value if ranking.negated_by_flip else value)


class Computed(naive.Computed):
    """A sequence that knows the product as well."""

    @property
    def gate_in(self) -> list[list[float]]:
        return [
            [float(np.float32(one) * np.float32(other)) for one, other in zip(*rows, strict=True)]
            for rows in zip(self.gate, self.in_, strict=True)
        ]


@pytest.mark.slow
@pytest.mark.usefixtures("sixth")
@pytest.mark.parametrize("loops", [False, True], ids=["tensors", "loops"])
def test_a_sixth_ranking_is_kept_as_the_naive_loop_says(loops: bool) -> None:
    made = [Computed(s.document, s.part, s.ids, s.gate, s.in_, s.act, s.post) for s in make_sequences(7)]
    settings = Settings(top_k=4, rank_by=("gate_in", "act", "random"), sample=4)
    state, _ = feed(list(made), settings, 4, loops=loops)
    lists = {**listed(state.ranked, list(made)), **listed(state.drawn, list(made))}
    for neuron in range(WIDTH):
        expected = naive.statistics(made, neuron, rankings=("gate_in", "act"), k=4)
        for quadrant in QUADRANTS:
            for ranking, entries in expected.quadrants[quadrant.value].lists.items():
                assert lists[ranking, quadrant.value, neuron] == [entry[1:] for entry in entries], ranking


@pytest.mark.slow
@pytest.mark.usefixtures("sixth", "one_thread")
def test_a_sixth_ranking_is_written_read_and_merged(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    settings = replace(SMALL, rank_by=parse_rankings("random,gate_in,post"))
    whole = folder.make("whole.db", settings, compile="off")
    parts = [folder.make(f"{i}.db", settings, compile="off", shard=f"{i}/2") for i in (1, 2)]
    assert shown(merge(tmp_path / "joined.db", parts, lambda _: None)) == shown(whole)
    checked = 0
    with indexer.open(whole) as index:
        assert index.rankings == ("post", "random", "gate_in")
        assert any(hit.ranking == "gate_in" for hit in index.search("the", "context"))
        for signs in ("raw", "aligned"):
            for neuron in range(10):
                for quadrant in index.neuron(f"L1N{neuron}", signs=signs).quadrants.values():
                    for example in quadrant.examples["gate_in"]:
                        gate, in_ = example.gate[example.peak], example.in_[example.peak]
                        assert None not in (gate, in_)
                        assert example.value == np.float32(gate) * np.float32(in_)
                        assert np.sign(example.value) == quadrant.quadrant.gate_sign * quadrant.quadrant.in_sign
                        checked += 1
    assert checked > 100
    assert colour_of("gate_in") == "post"
