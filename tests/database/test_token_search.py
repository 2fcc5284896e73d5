"""Searches by weights against a scan of all lists of all neurons."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from indexer.database.bulk import spool
from indexer.database.bulk.add_search import add_search
from indexer.database.reader import Index
from indexer.database.records import NeuronRecord, TokenHit
from indexer.errors import GluscopeError
from indexer.quadrants import QUADRANTS, Quadrant
from tests.support.index_fixture import make_index
from tests.support.weights_fixture import with_searches, with_weights


class Found(NamedTuple):
    neuron: str
    where: str
    strength: float
    tokens: tuple[tuple[str, int, float], ...]  # text, place, score
    quadrants: tuple[Quadrant, ...]
    frequency: tuple[float | None, ...]


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    truth = make_index(folder / "a.db", layers=3, width=25, documents=10)
    return with_searches(truth.path, folder / "b.db", ends=8)


@pytest.fixture
def index(db: Path) -> Iterator[Index]:
    with Index(db) as opened:
        yield opened


def concerned(record: NeuronRecord, where: str) -> tuple[Quadrant, ...]:
    """The quadrants in which post, gate or in has the sign that the name of a list has."""
    found = []
    for quadrant in QUADRANTS:
        own = record.quadrants[quadrant]
        if "out" in where:
            value = own.extreme.post if own.count else quadrant.gate_sign * quadrant.in_sign
        else:
            value = quadrant.gate_sign if "gate" in where else quadrant.in_sign
        assert value is not None
        if value * (1 if "+" in where else -1) > 0:
            found.append(quadrant)
    return tuple(found)


def scan(index: Index, db: Path, place: str, wanted: list[str], signs: str, *, exact: bool, every: bool) -> list[Found]:
    """All hits, by going through the lists of every neuron."""
    spread = (
        sqlite3.connect(db).execute("SELECT vocab_mean, vocab_std FROM vocabulary_scores ORDER BY neuron").fetchall()
    )
    found = []
    for number, (name,) in enumerate(index.rows(["neuron"])):
        record = index.neuron(name, signs=signs, rankings=(), weights=True)
        weights = record.weights
        assert weights is not None
        mean, std = spread[number]
        if signs == "aligned" and record.flipped:
            mean = -mean
        lists = {
            "writes": {"+out": weights.promotes, "-out": weights.suppresses},
            "reads": {
                "gate+": weights.reads_gate.nearest,
                "gate-": weights.reads_gate.farthest,
                "in+": weights.reads_in.nearest,
                "in-": weights.reads_in.farthest,
            },
        }[place]
        for where, tokens in lists.items():
            best = []
            for text in wanted:
                prefix, own = text.endswith("*"), text.rstrip("*")
                hits = []
                for rank, token in enumerate(tokens):
                    one, other = (token.text, own) if exact else (token.text.strip(" ").lower(), own.strip(" ").lower())
                    if one.startswith(other) if prefix else one == other:
                        z = (token.score - mean) / std * (1 if where == "+out" else -1)
                        hits.append(
                            (max(z, 0.0) if place == "writes" else abs(token.score), token.text, rank, token.score)
                        )
                best.append(max(hits, default=None))
            there = [one for one in best if one is not None]
            if not there or (every and len(there) < len(best)):
                continue
            kept = there if every else [max(there)]
            quadrants = concerned(record, where)
            found.append(
                Found(
                    name,
                    where,
                    min(one[0] for one in kept),
                    tuple(one[1:] for one in kept),
                    quadrants,
                    tuple(record.quadrants[q].frequency for q in quadrants),
                )
            )
    return found


def as_found(hit: TokenHit) -> Found:
    return Found(
        hit.neuron.name,
        hit.where,
        hit.strength,
        tuple((one.text, one.place, one.score) for one in hit.tokens),
        hit.quadrants,
        tuple(hit.frequency.values()),
    )


@pytest.mark.parametrize("signs", ["aligned", "raw"])
@pytest.mark.parametrize("place", ["writes", "reads"])
@pytest.mark.parametrize(
    ("wanted", "exact", "every"),
    [
        (["paris"], False, False),
        (["the"], False, False),
        (["The"], True, False),
        ([" Paris"], True, False),
        (["c*"], False, False),
        (["paris", "France"], False, False),
        (["the", "i*"], False, True),
        (["zebra"], False, False),
    ],
)
def test_hits_are_those_of_a_scan_the_strongest_first(
    index: Index, db: Path, signs: str, place: str, wanted: list[str], exact: bool, every: bool
) -> None:
    hits = [as_found(hit) for hit in index.search_weights(wanted, place, every=every, exact=exact, signs=signs)]
    want = {one[:2]: one for one in scan(index, db, place, wanted, signs, exact=exact, every=every)}
    assert {one[:2] for one in hits} == want.keys()
    assert (len(hits) > 3) == (wanted != ["zebra"])
    assert [one.strength for one in hits] == sorted((one.strength for one in hits), reverse=True)
    for one in hits:
        other = want[one[:2]]
        assert one.strength == pytest.approx(other.strength, rel=1e-3, abs=1e-6)
        assert one.quadrants == other.quadrants
        assert one.frequency == other.frequency
        if every or (len(wanted) == 1 and not wanted[0].endswith("*") and wanted != ["the"]):
            assert one.tokens == other.tokens
    few = [as_found(hit) for hit in index.search_weights(wanted, place, every=every, exact=exact, signs=signs, limit=3)]
    assert few == hits[:3]


def test_postings_in_many_blocks_and_chunks_find_the_same(
    tmp_path: Path, db: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "BLOCK", 3)
    monkeypatch.setattr(spool, "TOGETHER", 50)
    cut = tmp_path / "cut.db"
    shutil.copy(db, cut)
    add_search(cut)
    with sqlite3.connect(cut) as connection:
        blocks = [id_ & 0xFFFF for (id_,) in connection.execute("SELECT id FROM token_neurons")]
    assert max(blocks) > 10
    with Index(cut) as opened:
        for wanted in ("the", "paris", "c*", ".", "\n"):
            for place in ("writes", "reads"):
                want = list(index.search_weights(wanted, place))
                assert list(opened.search_weights(wanted, place)) == want != []


@pytest.mark.parametrize("signs", ["aligned", "raw"])
def test_only_hits_that_concern_a_quadrant_count_if_one_is_asked_for(index: Index, signs: str) -> None:
    every = [hit for hit in index.search_weights("the", "writes", signs=signs) if Quadrant.PN in hit.quadrants]
    assert list(index.search_weights("the", "writes", quadrants=[Quadrant.PN], signs=signs)) == every
    assert every


@pytest.mark.parametrize("signs", ["aligned", "raw"])
def test_conditions_hold_of_the_neurons_that_a_search_finds(index: Index, signs: str) -> None:
    def neurons(place: str, *where: str) -> set[str]:
        return {hit.neuron.name for hit in index.search_weights("the", place, signs=signs) if hit.where in where}

    def meeting(condition: str) -> set[str]:
        return {row[0] for row in index.rows(["neuron"], where=condition, signs=signs)}

    writes, suppresses = neurons("writes", "+out"), neurons("writes", "-out")
    assert meeting("writes('the')") == writes
    assert meeting('suppresses("The")') == suppresses
    assert writes != suppresses
    assert meeting("reads('the')") == neurons("reads", "gate+", "gate-", "in+", "in-")
    assert meeting("peaks('the')") == {hit.neuron.name for hit in index.search("the", signs=signs)}
    assert meeting("writes('the') and not peaks('the') or layer = 1") == (
        writes - meeting("peaks('the')") | meeting("layer = 1")
    )
    assert index.count("writes('zebra')", signs=signs) == 0
    assert len(index.table.order("writes('the')", "abs(layer - 1)", signs=signs)) == len(writes)


@pytest.mark.parametrize("signs", ["aligned", "raw"])
def test_neurons_predict_or_suppress_by_the_skew_of_their_scores_and_the_sign_of_post(
    index: Index, db: Path, signs: str
) -> None:
    rows = sqlite3.connect(db).execute("SELECT vocab_skew, vocab_kurtosis FROM vocabulary_scores ORDER BY neuron")
    seen = set()
    for (name,), (skew, kurtosis) in zip(index.rows(["neuron"]), rows.fetchall(), strict=True):
        record = index.neuron(name, signs=signs, rankings=(), weights=True)
        assert record.weights is not None
        found = record.weights.vocabulary
        assert found is not None
        assert not set(found.predicts) & set(found.suppresses)
        assert bool(found.predicts or found.suppresses) == (kurtosis > 10)
        raises_few = (skew > 0) != (signs == "aligned" and record.flipped)  # where post is positive
        for quadrant in (*found.predicts, *found.suppresses):
            post = record.quadrants[quadrant].extreme.post
            if post:
                assert (quadrant in found.predicts) == (raises_few == (post > 0))
                seen.add((record.flipped, quadrant, quadrant in found.predicts))
    assert len(seen) == 16


def test_an_older_index_says_what_is_missing_and_gets_what_needs_no_model(tmp_path: Path) -> None:
    truth = make_index(tmp_path / "a.db", layers=1, width=8, documents=10)
    with Index(truth.path) as index:
        for place in ("writes", "reads"):
            with pytest.raises(GluscopeError, match=r"nothing of the model's weights.*\nadd it: .* --weights-only"):
                next(index.search_weights("the", place))
    old = with_weights(truth.path, tmp_path / "old.db")
    with sqlite3.connect(old) as connection:
        for view in ("neuron_raw", "neuron_aligned"):
            connection.execute(f"DROP VIEW {view}")
        for table in ("token_neurons", "token_texts", "vocabulary_scores", "peak_entropy"):
            connection.execute(f"DROP TABLE {table}")
    with Index(old) as index:
        with pytest.raises(GluscopeError, match=r"an older gluscope computed its weights\nadd it: .* --weights-only"):
            next(index.search_weights("the", "writes"))
        with pytest.raises(GluscopeError, match="add it: gluscope search --build"):
            next(index.search_weights("the", "reads"))
        with pytest.raises(GluscopeError, match="an older gluscope computed its weights"):
            index.rows(["vocab_skew"])
    add_search(old)
    with Index(old) as index:
        assert not index.vocabulary.is_whole
        assert {hit.where for hit in index.search_weights("*a*", "reads")} <= {"gate+", "gate-", "in+", "in-"}
        assert list(index.search_weights("the", "reads"))
        with pytest.raises(GluscopeError, match="--weights-only"):
            next(index.search_weights("the", "writes"))
